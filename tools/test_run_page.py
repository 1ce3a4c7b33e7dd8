"Test run_page.py on small notebooks: `python tools/test_run_page.py`"
import tempfile
from pathlib import Path

from execnb.nbio import new_nb, read_nb, write_nb
from fastcore.test import *

from run_tests import forked_process

here = Path(__file__).resolve().parent

def notebook(path, cells):
    "Write a notebook; a cell is its source and the text that it has stored"
    nb = new_nb([source for source,_ in cells])
    for cell,(_,text) in zip(nb.cells, cells):
        cell.outputs = [dict(output_type='stream', name='stdout', text=[text])] if text else []
    nb.metadata = dict(kernelspec=dict(name='python3', display_name='python3', language='python'))
    write_nb(nb, path)
    return path

def run_page(path, *args):
    "Run the program and return its exit status and what it printed"
    with tempfile.TemporaryFile() as out:
        status = forked_process([here/'run_page.py', path, *args], here.parent, out).wait()
        out.seek(0)
        return status,out.read().decode()

with tempfile.TemporaryDirectory() as tmp:
    path = Path(tmp)/'00_page.ipynb'

    # Cells without the mark, cells that are not run and outputs that agree pass
    fine = [('x = 2', ''), ('#| stored\nprint(1/3)', '0.3334\n'), ('print(x)', '7\n'),
            ('#| stored\n#| slow\nprint(5)', '6\n'), ('#| stored\n#| eval: false\nprint(5)', '6\n'),
            ('#| stored\nimport sys\nprint("a")\nprint("b", file=sys.stderr)', 'a\n')]
    test_eq(run_page(notebook(path, fine)), (0, 'passed\n'))
    test_eq(run_page(path, '--flags', 'slow'), (0, 'passed\n'))

    # An old number, a cell that stored nothing and one that prints nothing today fail, each in its own lines
    old = [('#| stored\nprint(x := 1/3)', '0.3433\n'), ('#| stored\nprint("new")', ''),
           ('#| stored\nx = 1', 'gone\n'), fine[1]]
    status,text = run_page(notebook(path, old), '--flags', 'slow')
    test_eq((status, text.count('is not today')), (1, 3))
    ids = [c.id for c in read_nb(path).cells]
    lines = 'stored: 0.3433', 'today:  0.333', 'stored: (nothing)', 'today:  (nothing)', 'make outputs PAGES='
    for part in (*ids[:3], *lines): assert part in text, (part, text)
    assert ids[3] not in text

    # The run's outputs are stored where they differ, and only there
    status,text = run_page(path, '--store_outputs')
    assert status==0 and 'outputs stored: 3 of 4' in text, text
    cells = read_nb(path).cells
    test_eq([''.join(o.text) for c in cells for o in c.outputs], ['0.3333333333333333\n', 'new\n', '0.3334\n'])
    test_eq([c.id for c in cells], ids)

    # An error in a cell fails, and nothing is stored
    before = notebook(path, [('#| stored\nprint(1)', '2\n'), ('1/0', '')]).read_bytes()
    status,text = run_page(path, '--store_outputs')
    assert status==1 and 'ZeroDivisionError' in text, text
    test_eq(path.read_bytes(), before)
