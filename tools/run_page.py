"""Run a notebook as nbdev_test does, and compare the stored outputs of its marked cells with those of the run.

A cell is marked by the directive `#| stored`. Where a flag such as slow lets more cells run, nothing is compared.
With --store_outputs the outputs of the run are stored where they differ.
`nbs/stored/cpus.json` has the kind of processor of each page with networks trained on it."""
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import nbdev.test
from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell
from fastcore.script import call_parse
from nbdev.clean import clean_nb
from nbdev.config import get_config

from stored_outputs import cpu, first_difference, is_compared, marks, report, without_empty, without_temporary

root = Path(__file__).resolve().parent.parent
cpus = root/'nbs/stored/cpus.json'
end_of_page = 'passed' # the last line of a page that came to its end

class Recorder(CaptureShell):
    "A shell that keeps the outputs of the cells it runs"
    outputs = {} # of each cell that ran, by its id

    def atexit_operations(self):
        "Remove the names of the page; torch.compile complains about its own, which says nothing about the page"
        sys.unraisablehook = lambda args: None
        with suppress(KeyError): super().atexit_operations()

    def run_all(self, nb, preproc, **kwargs):
        "Run a notebook without its stored outputs, so that those of a silent cell are not taken for new ones"
        def skips(cell):
            if preproc(cell): return True
            cell.outputs = []
        def keep(cell): self.outputs[cell.id] = [without_temporary(o) for o in cell.outputs]
        super().run_all(nb, preproc=skips, postproc=keep, **kwargs)

def run(
    path:Path, # of a notebook
    flags:str # run cells with these flags too, such as slow
)->tuple: # whether it passed, outputs by the id of their cell
    "Run a notebook by the function of nbdev_test, and keep the outputs of its cells"
    Recorder.outputs = {}
    nbdev.test.CaptureShell = Recorder
    os.environ['COLUMNS'] = '80' # the width of the help
    os.environ['OMP_NUM_THREADS'] = '1' # more threads would change the last bits
    config = get_config(path=root)
    passed,_ = nbdev.test.test_nb(path, config.tst_flags.split(), flags.split(), basepath=config.config_path)
    return passed,Recorder.outputs

def stored_cpus():
    "Read the kind of processor that each page was stored on"
    return json.loads(cpus.read_text(encoding='utf8')) if cpus.exists() else {}

def note_cpu(name):
    "Write down that a page was stored on this kind of processor"
    cpus.write_text(json.dumps(stored_cpus() | {name: cpu()}, indent=1, sort_keys=True)+'\n', encoding='utf8')

def differing(cells, outputs):
    "Find cells whose stored outputs are not those of the run; each with its first two lines that differ"
    pairs = ((c, first_difference(c.outputs, outputs[c.id])) for c in cells)
    return [(cell, pair) for cell,pair in pairs if pair]

def store(nb, marked, outputs, path):
    "Write the outputs of the run into the marked cells that differ, and tell in which"
    cells = [cell for cell,_ in differing(marked, outputs)]
    for cell in cells: cell.outputs = [o for o in without_empty(outputs[cell.id]) if o.get('name') != 'stderr']
    clean_nb(nb, allowed_cell_metadata_keys=get_config(path=root).get('allowed_cell_metadata_keys').split())
    if cells: write_nb(nb, path)
    return cells

@call_parse
def main(
    path:Path, # of a notebook
    flags:str='', # run cells with these flags too, such as slow
    store_outputs:bool=False # store the outputs that differ instead of complaining
):
    "Test a notebook and its stored outputs"
    sys.path.append(sys.path.pop(0)) # a page imports nothing from this folder by accident
    path = path.resolve()
    name = Path(os.path.relpath(path, root)).as_posix()
    passed,outputs = run(path, flags)
    if not passed: sys.exit(1)
    nb = read_nb(path)
    has_more = any(f'#| {flag}' in c.source.splitlines() for flag in flags.split() for c in nb.cells)
    if has_more: return print(end_of_page) # more may be shown than is stored
    marked = [c for c in nb.cells if c.id in outputs and is_compared(c)]
    trained = [c for c in marked if 'same_cpu' in marks(c)]
    if store_outputs:
        cells = store(nb, marked, outputs, path)
        if trained: note_cpu(name)
        return print(f'{name}: outputs stored: {len(cells)} of {len(marked)}')
    if trained and stored_cpus().get(name) != cpu():
        print(f'{name}: not compared on another kind of processor, outputs of trained networks: {len(trained)}')
        marked = [c for c in marked if c not in trained]
    found = differing(marked, outputs)
    if found: sys.exit('\n'.join(report(name, cell, *pair) for cell,pair in found))
    print(end_of_page)
