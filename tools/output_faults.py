"""Find stored outputs that a page must not show: a path of a machine, a skipped test, nothing, `nan` in a sentence.

With --remove_empty the outputs that show nothing are removed. Progress bars leave them, because they end empty."""
import re
import sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb
from fastcore.script import call_parse

from check_site import notebooks
from stored_outputs import is_empty, texts, without_empty

root = Path(__file__).resolve().parent.parent
patterns = {'a path of a machine': re.compile(r'(?<![\w.~/-])/(tmp|root|home|work|Users|private|var/folders)/'),
            'a skipped test': re.compile(r'^\s*skipped: '),
            'a missing number': re.compile(r'\bnan\b')} # a table of pandas has NaN

def faults_of(outputs):
    "List what is wrong with the outputs of a cell"
    out = ['shows an empty output'] if len(without_empty(outputs)) < len(outputs) else []
    lines = [line for o in outputs for t in texts(o) for line in t.splitlines()]
    for what,pattern in patterns.items():
        line = next((o for o in lines if pattern.search(o)), None)
        if line: out.append(f'shows {what}: {line.strip()[:100]}')
    return out

def code_cells(nb): return [c for c in nb.cells if c.cell_type=='code']

def faults(
    nbs:Path # folder of the notebooks
)->list: # `page, cell: fault`
    "List the faults of all stored outputs"
    pages = {p: code_cells(read_nb(p)) for p in notebooks(nbs)}
    return [f'{p.relative_to(nbs)}, cell {c.id}: {fault}' for p,cells in pages.items()
            for c in cells for fault in faults_of(c.outputs)]

def mend(path):
    "Remove the empty outputs of a notebook"
    nb = read_nb(path)
    if not any(is_empty(o) for c in code_cells(nb) for o in c.outputs): return
    for c in code_cells(nb): c.outputs = without_empty(c.outputs)
    write_nb(nb, path)

@call_parse
def main(
    remove_empty:bool=False # remove the empty outputs instead
):
    "Check the stored outputs of all notebooks"
    if remove_empty:
        for path in notebooks(root/'nbs'): mend(path)
        return
    found = faults(root/'nbs')
    print(*found, sep='\n', end='\n' if found else '')
    sys.exit(bool(found))
