"""Say at which commit the stored tables of `make results` were made, and warn where their code has changed since.

`made.json` beside the tables has the commit, the date and the command."""
import json
import subprocess
from datetime import date
from pathlib import Path

from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
fillers = 'models.py', 'fillers', 'networks'
scoring = 'metrics.py', 'masks.py', 'data.py', 'results/scoring.py', 'results/intervals.py', 'compare.py'
training = 'learner.py', 'train'
compared = *(f'gapfill_baseline/{o}' for o in (*fillers, *scoring, *training)), 'experiments/results/results.py'
code = {'sample': (*compared, 'gapfill_baseline/sample.py'), # what the numbers of a folder of tables depend on
        'real': (*compared, 'gapfill_baseline/datasets/splits.py'),
        'swapped': (*compared, 'gapfill_baseline/datasets/splits.py'),
        'places': (*(f'gapfill_baseline/{o}' for o in (*fillers, *scoring, 'reading', 'scenes/stack.py')),
                   'experiments/places'),
        'trial': (*compared[:-1], 'gapfill_baseline/sample.py', 'experiments/trial/trial.py'),
        'cgan': (*compared[:-1], 'gapfill_baseline/sample.py', 'experiments/trial/pages.py'),
        'foundation': (*(f'gapfill_baseline/{o}' for o in (*fillers, 'metrics.py', 'reading', 'evaluation')),
                       'experiments/places')}

class Unknown(Exception): "Its text is the reason why nothing is known about the age of a table"

def git(root, *args):
    "Run git in a checkout and return the lines that it prints"
    try: done = subprocess.run(['git', '-C', root, *args], capture_output=True, text=True)
    except FileNotFoundError: raise Unknown('git is not installed') from None
    if done.returncode: raise Unknown((done.stderr.strip() or f'git {args[0]} failed').splitlines()[0])
    return done.stdout.splitlines()

def state(root, paths):
    "Name the commit of a checkout, with `-dirty` where files below these paths differ from it"
    dirty = git(root, 'diff', '--name-only', 'HEAD', '--', *paths)
    return git(root, 'rev-parse', '--short', 'HEAD')[0] + ('-dirty' if dirty else '')

def note_made(
    root:Path, # folder of the checkout
    name:str, # of a folder in nbs/stored
    command:str # that made its tables
):
    "Write the commit, the date and the command beside tables that were just made"
    try: commit = state(root, code[name])
    except Unknown: commit = 'unknown'
    made = dict(commit=commit, date=date.today().isoformat(), command=command)
    (root/'nbs/stored'/name/'made.json').write_text(json.dumps(made, indent=1)+'\n', encoding='utf8')

def changed_files(root, commit, paths):
    "List the files below these paths that differ from those of a commit"
    commit = commit.removesuffix('-dirty')
    try: git(root, 'cat-file', '-e', commit+'^{commit}')
    except Unknown:
        git(root, 'rev-parse', 'HEAD')
        raise Unknown(f'this clone has no commit {commit}; a shallow clone lacks old ones') from None
    return git(root, 'diff', '--name-only', commit, '--', *paths)

def warning(
    root:Path, # folder of the checkout
    name:str # of a folder in nbs/stored
)->str: # empty where the code is the same
    "Say which code has changed since the tables of a folder were made"
    folder = root/'nbs/stored'/name
    if not folder.exists(): return ''
    if not (folder/'made.json').exists(): raise Unknown('made.json is missing')
    made = json.loads((folder/'made.json').read_text(encoding='utf8'))
    changed = changed_files(root, made['commit'], code[name])
    if not changed: return ''
    return (f"made at {made['commit']} on {made['date']}; files of its code that differ today: {len(changed)}, "
            f"such as {changed[0]}. Make it anew: {made['command']}")

def old_tables(
    root:Path # folder of the checkout
)->tuple: # lines about older tables, lines about tables of unknown age
    "Check all tables"
    old,unknown = [],[]
    for name in code:
        try: line = warning(root, name)
        except Unknown as e: unknown.append(f'nbs/stored/{name}: age unknown, {e}')
        else: old += [f'nbs/stored/{name}: {line}'] if line else []
    return old,unknown

@call_parse
def main():
    "Print a line for each stored table that is older than its code"
    for line in sum(old_tables(root), []): print(line)
