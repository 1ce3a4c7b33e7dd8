"Test the judge of fuzz.py, which must count each wrong thing of a made-up program: `python tests/test_fuzz.py`"
import os, socket, sys, tempfile, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fuzzing import child
import numpy as np
from fastcore.test import *
from fuzzing.cases import cases
from fuzzing.damage import empty, on
from fuzzing.inputs import Input, inputs
from fuzzing.judge import Bench, Case, difference, failing, good, results

child.cpu_limit,child.idle_limit = 1,1

# A program that writes 1 where its input is whole, and otherwise does what it is told
inputs['made up'] = Input(lambda folder: (folder/'in.txt').write_text('whole'), ('program',), 'number')
results['number'] = lambda folder: {('n',''): np.array([float((folder/'out/n.txt').read_text())])}

def write(n):
    Path('out').mkdir()
    Path('out/n.txt').write_text(str(n))

def program(wrong):
    "A program that does `wrong` on a damaged input"
    def call():
        if Path('in.txt').read_text()=='whole': write(1)
        else: wrong()
    return call

def verdict(wrong, **kwargs):
    "What the judge says of a program that does `wrong`"
    with tempfile.TemporaryDirectory() as d:
        bench = Bench(d, call=program(lambda: wrong(bench)))
        return bench.judge(Case('made up', 'empty', 'made up', on('in.txt', empty), **kwargs))

def leave(text): sys.exit(text)
def busy():
    while True: pass

def loud():
    write(2)
    print('the middle date was left out')

def elsewhere():
    Path('more.txt').write_text('x')
    write(1)

def half():
    Path('out').mkdir()
    Path('out/a.tif').write_bytes(b'II*\0')
    leave('in.txt is empty.')

def ask(port):
    socket.create_connection(('127.0.0.1', port))
    leave('in.txt is empty.')

def removed():
    os.remove('in.txt')
    write(1)

def changed():
    Path('in.txt').write_text('mended')
    write(1)

# What is right
test_eq(verdict(lambda b: leave('in.txt is empty. Copy it again.')).kind, 'refused')
test_eq(verdict(lambda b: write(1)).kind, 'same')
test_eq(verdict(lambda b: loud(), mention='left out', free=True).kind, 'other')

# What is wrong
test_eq(verdict(lambda b: 1/0).kind, 'traceback')
test_eq(verdict(lambda b: sys.exit(7)).kind, 'traceback')
test_eq(verdict(lambda b: os.abort()).kind, 'traceback')
test_eq(verdict(lambda b: bytearray(1<<34)).kind, 'traceback')
test_eq(verdict(lambda b: write(2)).kind, 'silent')
test_eq(verdict(lambda b: write('nan')).kind, 'silent')
test_eq(verdict(lambda b: None).kind, 'silent')
test_eq(verdict(lambda b: write(1), refuse=True).kind, 'silent')
test_eq(verdict(lambda b: write(1), mention='in.txt').kind, 'silent')
test_eq(verdict(lambda b: time.sleep(1e6)).kind, 'hang')
test_eq(verdict(lambda b: busy()).kind, 'hang')
test_eq(verdict(lambda b: removed()).kind, 'harm')
test_eq(verdict(lambda b: changed()).kind, 'harm')
test_eq(verdict(lambda b: elsewhere()).kind, 'harm')
test_eq(verdict(lambda b: half()).kind, 'harm')
test_eq(verdict(lambda b: ask(b.network.port)).kind, 'harm')
test_eq(verdict(lambda b: Path('marker').touch()).why, 'code from the input was run')
test_eq(verdict(lambda b: leave('in.txt is empty.'), right=True).kind, 'misread')
test_eq(verdict(lambda b: leave('first\nsecond in.txt')).kind, 'unclear')
test_eq(verdict(lambda b: leave('something is empty')).kind, 'unclear')

# Two results are alike within a tolerance, by name of band, and by position where names are gone
a = {('x.tif','B02'): np.array([[.1,np.nan]]), ('x.tif','B03'): np.array([[.3,.4]])}
test_eq(difference(a, dict(reversed(a.items()))), '')
test_eq(difference({('x.tif',k): v for k,v in zip('12', a.values())}, a), '')
assert 'B02 is other in 1 of 2' in difference(a | {('x.tif','B02'): np.array([[.1,.2]])}, a)

# Cases have a name each, and no verdict is both good and failing
test_eq(len({c.id for c in cases()}), len(cases()))
assert len(cases()) > 300
test_eq(set(good) & set(failing), set())
