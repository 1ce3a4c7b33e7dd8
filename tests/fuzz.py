"""Break the files that every reader reads, in every way, and count what the programs make of them.

    python tests/fuzz.py                      all cases, some minutes
    python tests/fuzz.py --share 0.1          a tenth of each reader's, chosen by --seed
    python tests/fuzz.py --only scenes/empty  cases whose name contains the text, with what the program says

A case is an input of some kilobytes, one kind of damage, and the command that reads it. The programs run in
processes forked from this one, which imports the package once, with little memory, and are stopped where they
sleep or work without end.

What may come of a damaged file: it is refused in one line that names it; or it is read, and the result is right.
The right result is that of the undamaged input, or that of a twin that says the same so that it is understood.
Where a file can be understood (a type, an order, a unit that its tags state), only the right result counts.
Everything else is a fault: a traceback, a hang, another result without a word, and harm: an input changed, a broken
file under a final name, a file outside of the output folder, code from a file run, the network asked. The exit
status is 1 where there is a fault. A refusal that does not name what is wrong is counted, and is no fault.

With a share of less than 1 an undamaged input is tried only where a result is compared with it.

`fuzzing/inputs.py` makes the inputs, `damage.py` has the kinds of damage, `cases_*.py` list which meet, `judge.py`
compares and decides, `child.py` runs. `test_fuzz.py` shows the judge programs that do each wrong thing.
"""
import shutil, sys, tempfile, time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fuzzing import child
import numpy as np
from fastcore.script import call_parse
from fuzzing.cases import cases
from fuzzing.judge import Bench, failing, verdicts

def choose(cases, share, seed):
    "A share of the cases of each reader, at least one, always the same for a seed"
    out = []
    for reader in dict.fromkeys(c.reader for c in cases):
        mine = [c for c in cases if c.reader==reader]
        rng = np.random.default_rng([seed, len(mine)])
        n = max(1, round(share*len(mine)))
        out += [mine[k] for k in sorted(rng.permutation(len(mine))[:n])]
    return out

def find(cases, name):
    "The case of a name, or all whose name contains it"
    return [c for c in cases if c.id==name] or [c for c in cases if name in c.id]

def table(counts):
    "A row a reader, a column a verdict"
    heads = ['reader','cases',*verdicts]
    rows = [[r, sum(c.values()), *(c[k] for k in verdicts)] for r,c in counts.items()]
    rows.append(['all', *(sum(r[k] for r in rows) for k in range(1, len(heads)))])
    wide = [max(len(str(r[k])) for r in [heads, *rows]) for k in range(len(heads))]
    line = lambda r: '  '.join([str(r[0]).ljust(wide[0]), *(str(v or '·').rjust(w) for v,w in zip(r[1:], wide[1:]))])
    return '\n'.join(map(line, [heads, *rows]))

def quick_disk():
    "A folder in memory where there is one of some size; None = the usual folder"
    return '/dev/shm' if Path('/dev/shm').is_dir() and shutil.disk_usage('/dev/shm').free > 1<<30 else None

def show(case, v):
    "What a case says, for a person"
    e = v.ended
    print(f"input {case.input}\n{' '.join(v.command)}\nexit status {e.status}, {e.seconds:.1f} s\n{e.out}{e.err}")

def judge_all(chosen, bench, verbose):
    "Judge cases, a line each where it is asked for; returns them with their verdicts"
    out = []
    for c in chosen:
        v = bench.judge(c)
        out.append((c, v))
        if verbose: print(f'{v.kind:10}{c.id} [{v.ended.seconds:.1f} s]: {v.why}', flush=True)
    return out

@call_parse
def main(
    share:float=1., # of the cases of each reader
    seed:int=0, # of what is chosen, and of what is random in a damage
    only:str=None, # cases whose name contains this
    verbose:bool=False, # a line a case
    list_cases:bool=False, # only name the cases
    keep:str=None # folder that is kept: of the last case, and of the inputs
):
    "Break the files that every reader reads, and count what the programs make of them"
    chosen = find(cases(), only) if only else choose(cases(), share, seed)
    if not chosen: sys.exit(f'No case is called {only}; --list_cases names them.')
    if list_cases:
        print(*(c.id for c in chosen), sep='\n')
        return
    child.warm()
    start = time.time()
    with tempfile.TemporaryDirectory(dir=quick_disk()) as d:
        bench = Bench(keep or d, seed, quick=share < 1)
        done = judge_all(chosen, bench, verbose or only)
        if len(done)==1: show(*done[0])
    counts = {}
    for c,v in done: counts.setdefault(c.reader, Counter())[v.kind] += 1
    bad = [(c,v) for c,v in done if v.kind in failing]
    for c,v in bad: print(f"{v.kind}: {c.id}: {v.why}\n    python tests/fuzz.py --seed {seed} --only '{c.id}'")
    print(table(counts))
    print(*(f'{k}: {text}' for k,text in verdicts.items()), sep='\n')
    print(f'{len(done)} cases in {time.time()-start:.0f} s, {len(bad)} faults')
    sys.exit(bool(bad))
