"Test bench.py: `python experiments/speed/test_bench.py`"
import json
import platform
import tempfile
import time
from contextlib import chdir
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fastcore.test import *

from bench import *

# A module for developers that is missing is named in one line
need('torch')
with expect_fail(ValueError, "no_such_module is not installed; the plain reference measures with it. Install it with"):
    need('no_such_module')

# Waiting is not work: a process that sleeps, or that another one holds up, spends nothing
def work(n): return lambda: sum(k*k for k in range(n))
t,out = seconds(work(300_000))
test_eq(out, sum(k*k for k in range(300_000)))
assert t > 0
test_eq(seconds(lambda: time.sleep(.05))[0] < .04, True)

# Threads and TF32 are as before afterwards
before = torch.get_num_threads(),torch.backends.cudnn.allow_tf32
with threads(1): test_eq((torch.get_num_threads(),torch.backends.cudnn.allow_tf32), (1,False))
test_eq((torch.get_num_threads(),torch.backends.cudnn.allow_tf32), before)

# Both sides run in turn
order = []
df = ab(lambda: order.append('A'), lambda: order.append('B'), 3, least=0)
test_eq(''.join(order), 'ABABABAB')
test_eq(len(df), 3)
test_eq(list(df), ['ours','plain','ratio'])

# A side that takes a moment only is repeated within a run
n = []
df = ab(lambda: n.append(work(20_000)()), work(200_000), 2, least=.02)
assert len(n) > 5 and 3 < df.ratio.median() < 30

# A fast wrong answer is worth nothing
test_eq(same([1.,2.], [1.,2.5], 1, 'a'), .5)
test_eq(same([np.nan,1], [np.nan,1], 0, 'a'), 0)
with expect_fail(ValueError, 'mae: ours and the plain reference differ by 0.1; 0.01 is allowed. Nothing was timed.'):
    same(1., 1.1, .01, 'mae')
with expect_fail(ValueError): same([np.nan,1], [1,1], 1, 'a')
timed = []
with expect_fail(ValueError, 'differ'):
    ab(lambda: timed.append(0) or 1, lambda: 2, check=partial(same, tolerance=.1, what='answer'))
test_eq(len(timed), 1)

test_eq(median_range([2.,2.1,9.,2.,1.9]), dict(value=2.,low=1.9,high=9.,pairs=5))

# A process of its own, here with a known amount of memory
a,b = (alone(partial, np.ones, n<<17) for n in (50,200))
test_close(b['peak_mb']-a['peak_mb'], 150, 10)
assert 50 <= a['peak_mb'] < 80
with expect_fail(RuntimeError, 'failed in a process of its own'): alone(partial, np.ones, -1)
with tempfile.TemporaryDirectory() as d, chdir(d): # a file of the working folder is not taken for a module
    Path('json.py').write_text('raise SystemExit(7)')
    assert alone(partial, np.ones, 9)['seconds'] >= 0

# Operations are counted, with and without values
x,w = torch.rand(2,3,8,8),torch.rand(4,3,3,3)
test_eq(flops(lambda: F.conv2d(x, w)), 2*(2*4*3*9*36))
test_eq(flops(lambda: F.conv2d(x.to('meta'), w.to('meta'))), flops(lambda: F.conv2d(x, w)))

# Bytes kept for the backward pass; the second time x is kept twice, which is one piece of memory
lin,x = torch.nn.Linear(100, 100),torch.rand(10, 100)
with SavedBytes(lin) as saved: y = lin(x).relu()
test_eq(saved.nbytes, 2*10*100*4)
with SavedBytes(lin) as saved: y = lin(x).flatten()*x.flatten()
test_eq(saved.nbytes, 10*100*4)

acc = counting_accelerator()
w = torch.ones(3, requires_grad=True)
acc.backward(w.sum())
test_eq(w.grad, torch.ones(3))
test_eq(acc.device.type, 'meta')

# Goals
fast,small = Goal('data', 'times', 20, 60),Goal('bytes', 'MB', 2., 1.9, more=False)
test_eq([fast.reached(v) for v in (70,60,20,19.9,None)], ['aim','aim','must','below',''])
test_eq([small.reached(v) for v in (1.8,2.,2.1)], ['aim','must','below'])
test_eq(Goal('x', 's').reached(3), '')
r = row(fast, median_range([19.,18.,30.]), error=1e-7)
test_eq((r['value'],r['low'],r['high'],r['reached'],r['error']), (19.,18.,30.,'below',1e-7))
test_eq(row(fast)['reached'], '')

# Circumstances tell nothing of the host or its folders
c = circumstances(pairs=5)
test_eq(set(c), set('machine device date commit settings versions'.split()))
test_eq(set(c['machine']), {'cpu','instructions','cores'})
test_eq(c['settings'], dict(pairs=5))
assert platform.node() not in json.dumps(c) and str(Path.home()) not in json.dumps(c)

# Stored results: devices stand side by side, states of the code do not mix
with tempfile.TemporaryDirectory() as tmp:
    out = Path(tmp)/'speed.json'
    kind = kind_of(c)
    write_results(out, [r, row(small, 1.8)], c)
    d = write_results(out, [row(fast, 99., 'cuda')], c | dict(device='some GPU'))
    test_eq(read_results(out), d)
    test_eq(set(d), {kind,'cuda'})
    test_eq([f.name for f in out.parent.iterdir()], ['speed.json'])
    write_results(out, [r], c)
    d = write_results(out, [row(small, 1.8)], c)
    test_eq(len(d[kind]['rows']), 2)
    y = out.with_name('y.json')
    test_eq(len(write_results(y, [r], c)[kind]['rows']), 1)
    test_eq(len(write_results(y, [row(small, 1.8)], c | dict(commit='other'))[kind]['rows']), 1)
    old = dict(commit='old', date='2026-01-01')
    write_results(y, [r], c | old)
    d = write_results(y, [row(small, 1.8)], c, keep=True)
    test_eq([o.get('commit') for o in d[kind]['rows']], ['old',None])
    d = write_results(y, [row(small, 1.7)], c | dict(commit='new'), keep=True)
    test_eq([o.get('commit') for o in d[kind]['rows']], ['old',None])
    test_eq(d[kind]['commit'], 'new')
    other_machine = c | dict(machine=c['machine'] | dict(cpu='other'))
    test_eq(len(write_results(y, [r], other_machine, keep=True)[kind]['rows']), 1)
    y.unlink()
    write_results(y, [row(small, 1.8)], c)
    other = c | dict(machine=c['machine'] | dict(instructions='other'))
    test_eq(set(write_results(y, [r], other)), {kind,'cpu other'})
    out.with_name('x.json').write_text('{"a":1}')
    with expect_fail(ValueError, 'x.json holds no results of speed.py'): read_results(out.with_name('x.json'))
