"""Keep the table of contributed rows: results/leaderboard.csv, made from results/rows/*.json.

`python tools/leaderboard.py` writes the table anew. `python tools/leaderboard.py --add OUT_DIR/row.json` checks a row of
`gapfill_evaluate`, copies it to results/rows, and writes the table. results/protocols.csv names the protocols that rows
may have: each is a set of chips under fixed gaps that anybody can get."""
import json
import re
from pathlib import Path

import pandas as pd

from gapfill_baseline.evaluation.row import protocol_hash
from gapfill_baseline.program import program, read_json, whole

root = Path(__file__).resolve().parents[1]
folder = root/'results'
needed = ('name','model','adapt','seeds','limit','mae','rmse','skill_linear','worst_place','protocol','protocol_hash',
          'versions')

def protocols(
    folder:Path=folder # of the leaderboard
)->pd.DataFrame: # name, hash, data
    "Read the protocols that rows may have"
    return pd.read_csv(folder/'protocols.csv', dtype=str)

def row_fault(
    row:dict, # of row.json
    known # hashes of protocols
)->str: # or None
    "Find what keeps a row from the table"
    missing = [k for k in needed if k not in row]
    if missing: return f"has no {missing[0]}. Take the row.json that gapfill_evaluate wrote."
    if row['limit']: return f"was scored on {row['limit']} chips only. Evaluate without --limit."
    if protocol_hash(row['protocol']) != row['protocol_hash']:
        return f"says protocol {row['protocol_hash']}, and its protocol has the hash {protocol_hash(row['protocol'])}."
    if row['protocol_hash'] not in known:
        return (f"has the protocol {row['protocol_hash']}, which is none of {', '.join(known)}. "
                "See results/protocols.csv.")
    if row['adapt']=='finetune' and len(row['seeds']) < 3: return "is fine-tuned with fewer than three seeds."

def table_row(row:dict, names:dict)->dict:
    "Take the columns of the table from a row; `names` maps hashes to protocols"
    out = dict(protocol=names[row['protocol_hash']], name=row['name'], adapt=row['adapt'], seeds=len(row['seeds']))
    for score in ('mae','skill_linear'):
        out |= {score: row[score]['value'], f'{score}_low': row[score]['low'], f'{score}_high': row[score]['high']}
    worst = dict(worst_place=row['worst_place']['place'], worst_mae=row['worst_place']['mae'])
    return out | worst | dict(parameters=row.get('parameters'), version=row['versions']['gapfill_baseline'])

def read_rows(
    folder:Path=folder # of the leaderboard
)->dict: # name of the file -> row
    "Read the contributed rows; raise ValueError for one that does not belong there"
    known = set(protocols(folder).hash)
    rows = {}
    for path in sorted((folder/'rows').glob('*.json')):
        rows[path.name] = read_json(path)
        fault = row_fault(rows[path.name], known)
        if fault: raise ValueError(f"{path.name} {fault}")
    return rows

def leaderboard(
    folder:Path=folder # of the leaderboard
)->pd.DataFrame: # best first within each protocol
    "Make the table of all rows"
    names = protocols(folder).set_index('hash').name.to_dict()
    table = pd.DataFrame([table_row(row, names) for row in read_rows(folder).values()])
    return table.sort_values(['protocol','mae','name'], ignore_index=True) if len(table) else table

def write(folder:Path=folder):
    "Write the table"
    with whole(folder/'leaderboard.csv') as part: leaderboard(folder).to_csv(part, index=False, float_format='%.5g')

@program
def main(
    add:str=None # row.json of an evaluation
):
    "Write the table of contributed rows, with a new one if it is given"
    if add:
        row = read_json(Path(add))
        fault = row_fault(row, set(protocols().hash))
        if fault: raise ValueError(f"{add} {fault}")
        name = re.sub(r'\W+', '_', f"{row['name']}_{row['protocol_hash']}").lower()
        with whole(folder/'rows'/f'{name}.json') as part: part.write_text(json.dumps(row, indent=1)+'\n')
    write()
    print(leaderboard().to_string())

if __name__=='__main__': main()
