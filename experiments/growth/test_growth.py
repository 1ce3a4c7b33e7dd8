"Test growth.py: `python experiments/growth/test_growth.py`"
import tempfile
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from fastcore.test import *

import growth
from gapfill_baseline import glibc as shared
from growth import *

with tempfile.TemporaryDirectory() as tmp:
    root = Path(tmp)

    # Made chips: two fifths gap, every date has one, every pixel is seen on some date
    dn,gap = made_dn(2, 20, 4, 3)
    test_eq((dn.shape, gap.shape), ((2,4,3,20,20), (2,4,20,20)))
    test_close(gap.mean(), .4, .02)
    assert not gap.all(1).any() and gap.any((2,3)).all()

    b = made_split(root, dn, gap)[0,[0,1]]
    test_eq(b.dn.numpy(), dn)
    test_eq(b.cloud.numpy().astype(bool), gap)

    s = made_sample(2, 20, 4, 3)
    test_eq(s.gap.numpy(), gap)
    test_close(s.target.numpy(), dn*1e-4, 1e-6)
    test_eq(s.days[0].tolist(), [0,8,16,24])

    (root/'s').mkdir()
    stack = made_scenes(root/'s', 200, 2, 3)
    x,g = stack.read()
    stack.close()
    test_eq(x.shape, (2,3,200,200))
    test_eq(x[...,183:], x[...,:17])
    test_close(g.mean(), .4, .1)

    # Every piece of work runs
    for f in works.values():
        with tempfile.TemporaryDirectory() as d: f(d, 2, 32, 3, 2)()
    names = 'files batches linear harmonic regression kernel unet unet_learns scene_linear scene_regression scene_unet'
    test_eq(list(works), names.split())

    # A measurement counts reference and observation alone as memory
    (root/'json.py').write_text('raise SystemExit(7)') # a file of the working folder is not taken for a module
    with chdir(root): m = measure('linear', chips=4, side=512, dates=3, bands=6)
    assert m['runs']>=2 and m['cpu_s']>0
    assert m['peak_mb'] > 4*3*6*512**2*4*2/2**20
    with expect_fail(RuntimeError, 'lineer'): measure('lineer', chips=1, side=8, dates=1, bands=1)

    # Freed memory is kept, as in programs
    kept = []
    probe = lambda *_, **kw: lambda: kept.append(len(shared._open_blocks))
    with patch.dict(growth.works, probe=probe): measure_here('probe', dict(chips=1, side=8, dates=1, bands=1), most=.01)
    assert kept and min(kept) > 0

    # Chips, dates and bands grow by ten
    grid = [(n, *o) for n in works for o in sizes_of(n)]
    test_eq(len(grid), 194)
    for n in works:
        for axis in ('chips','dates','bands'):
            v = [x for m,a,x,_ in grid if (m,a)==(n,axis)]
            assert not v or v[-1]==10*v[0], (n,v)

    # Rows that are in the file are kept, one that is missing is measured
    found = dict(cpu_s=1, peak_mb=1, runs=3)
    known = [dict(work='linear', axis=a, x=x) | s | found for a,x,s in sizes_of('linear')[:-1]]
    pd.DataFrame(known).to_csv(root/'g.csv', index=False)
    t = grow(root/'g.csv', ['linear'])
    test_eq(len(t), len(sizes_of('linear')))
    test_eq(t.cpu_s[0], 1)
    test_eq(len(pd.read_csv(root/'g.csv')), len(t))
    test_eq(len(grow(root/'g.csv', ['linear'], 0, True)), len(t))
    test_eq(list(t), list(pd.read_csv(Path(__file__).resolve().parents[2]/'nbs/stored/growth.csv', nrows=1)))
