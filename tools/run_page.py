"""Run a notebook as nbdev_test does, and compare the stored outputs of its marked cells with those of the run.

A cell is marked by the directive `#| stored`. With --store the outputs of the run are stored where they differ."""
import os
import sys
from pathlib import Path

import nbdev.test
from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell
from fastcore.script import call_parse
from nbdev.clean import clean_nb
from nbdev.config import get_config

from output_faults import without_empty
from stored_outputs import first_difference, is_marked, lacks_data, report

root = Path(__file__).resolve().parent.parent

class Recorder(CaptureShell):
    "A shell that keeps the outputs of the cells it runs"
    outputs = {} # of each cell that ran, by its id

    def run_all(self, nb, preproc, **kwargs):
        "Run a notebook without its stored outputs, so that those of a silent cell are not taken for new ones"
        def skips(cell):
            if preproc(cell): return True
            cell.outputs = []
        def keep(cell): self.outputs[cell.id] = cell.outputs
        super().run_all(nb, preproc=skips, postproc=keep, **kwargs)

def run(
    path:Path, # of a notebook
    flags:str # run cells with these flags too, such as slow
)->tuple: # whether it passed, outputs by the id of their cell
    "Run a notebook by the function of nbdev_test, and keep the outputs of its cells"
    Recorder.outputs = {}
    nbdev.test.CaptureShell = Recorder
    os.environ['COLUMNS'] = '80' # of the help
    sys.path.append(sys.path.pop(0)) # a page imports nothing from this folder by accident
    config = get_config(path=root)
    passed,_ = nbdev.test.test_nb(path, config.tst_flags.split(), flags.split(), basepath=config.config_path)
    return passed,Recorder.outputs

def differing(cells, outputs):
    "Find marked cells whose stored outputs are not those of the run; each with its first two lines that differ"
    ran = [c for c in cells if c.id in outputs and is_marked(c) and not lacks_data(c)]
    pairs = ((c, first_difference(c.outputs, outputs[c.id])) for c in ran)
    return [(cell, pair) for cell,pair in pairs if pair]

def store(nb, cells, outputs, path):
    "Write the outputs of the run into these cells of a notebook"
    for cell in cells: cell.outputs = without_empty(outputs[cell.id])
    config = get_config(path=root)
    clean_nb(nb, allowed_cell_metadata_keys=config.get('allowed_cell_metadata_keys').split())
    write_nb(nb, path)

@call_parse
def main(
    path:Path, # of a notebook
    flags:str='', # run cells with these flags too, such as slow
    store_outputs:bool=False # store the outputs that differ instead of complaining
):
    "Test a notebook and its stored outputs"
    path = path.resolve()
    name = path.relative_to(root)
    passed,outputs = run(path, flags)
    if not passed: sys.exit(1)
    nb = read_nb(path)
    found = differing(nb.cells, outputs)
    if store_outputs:
        if found: store(nb, [cell for cell,_ in found], outputs, path)
        print(f'{name}: {len(found)} outputs stored')
    elif found: sys.exit('\n'.join(report(name, cell, *pair) for cell,pair in found))
