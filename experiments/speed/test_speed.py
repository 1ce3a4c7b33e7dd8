"""Test speed.py in small: `python experiments/speed/test_speed.py`, with `slow` for the rows of pair grids and `cuda`
for those of a GPU.

What is counted of our own step is a gate in the notebooks of what it guards: train/03_adversarial and 02_masks."""
import io
import json
import subprocess
import sys
import tempfile
import time
from contextlib import chdir, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import rasterio
import torch
from fastcore.test import *

import speed
from bench import read_results
from gapfill_baseline.train.adversarial import PublishedCB
from speed import *

flags = set(sys.argv[1:])
root = Path(__file__).resolve().parents[2]

def test_goals():
    "Names are unique, marks fit, and the stored table is of these rows"
    names = [g.row for g in goals()]
    test_eq(len(set(names)), len(names))
    stored = read_results(root/'nbs/stored/speed.json')
    assert all({r['row'] for r in d['rows']} <= set(names) for d in stored.values())
    assert all(g.must is not None and (g.aim is None or (g.aim >= g.must) == g.more or g.aim==g.must) for g in goals())

def test_data():
    ds = bench_split(quick)
    with rasterio.open(next(iter(ds.chips.path))) as src:
        test_eq((src.count, src.shape, src.compression), (18, (32,32), None))
    test_eq(len(ds), 4)
    assert ds.hide[:,1].all()
    raw,plain = batch_pair(ds, 3)
    test_eq(same_batch(raw, plain), 0)
    with expect_fail(ValueError, 'target: ours and the plain reference differ'):
        same_batch(raw, [plain[0], plain[1]+1, plain[2]])
    r, = compared('data', quick)
    test_eq((r['unit'],r['error'],r['pairs']), ('times',0,1))
    assert r['seconds_ours'] < r['seconds_plain'] and r['mb_plain'] > 0

def test_training():
    for name,small in (('fp32',quick), ('bf16',quick._replace(size=64, cap=4))):
        r, = compared(name, small, False)
        test_eq(r['row'], f'training step, {name}')
        assert r['value'] > 0
    a,b = (dict(g_loss=2.,mae=.1,mse=.1,ssim=x) for x in (.9,.91))
    with expect_fail(ValueError, 'ssim: ours and the plain reference differ by 0.01'): same_step(a, b)

def test_counts():
    "Shapes alone and real numbers count the same; the plain step takes 607 GFLOP a chip and its validation 291"
    small = dict(cap=2, n=1, size=32)
    test_eq(step_counts(**small), step_counts(**small, device='cpu'))
    ours,plain,exact = step_counts(),plain_counts(),step_counts(recipe=PublishedCB)
    test_close(plain['train_gflop'], 607.4, .1)
    test_close(plain['valid_gflop'], 291.1, .1)
    test_eq(plain['passes'], 2)
    test_close(plain['kept_mb'], 432.1, .1) # the gate in train/03_adversarial is set against it
    test_eq(exact['passes'], 2) # repeats the published step to the letter, with a second pass of the generator
    assert ours['train_gflop']+100 < exact['train_gflop'] < plain['train_gflop']
    _,batch = batch_pair(bench_split(quick), 4)
    test_close(sent_mb(batch, 4)*(224/32)**2, 10.84, .01) # chips of 32 px here
    rows = {r['row']: r for r in rows_of_counts(quick)}
    test_eq(rows['generator passes a training batch']['value'], 1)
    test_eq(rows['generator passes a training batch']['reached'], 'aim')
    test_eq(len(rows), 5)

def test_statistics():
    r, = compared('metrics', quick, False)
    assert r['error'] < 1e-6 and r['value'] > 0
    r, = compared('statistics', quick, False)
    assert r['error'] < 1e-6
    test_eq(len(one_side('program', 2, quick)()), 4) # one side alone keeps its files
    r, = compared('program', quick, False)
    assert r['error'] < 2e-5 and r['value'] > 0

def test_compare():
    "Both sides give the same scores, each run is timed, and a row that differs is found"
    with patch.object(speed, 'compared_fillers', (['mean','linear'],)): r, = rows_of_compare(quick)
    test_eq(r['row'], 'comparison of mean and linear')
    assert r['value'] > 0 and 0 < r['in_fillers'] < 1 and r['seconds_plain'] > 0
    c,a = compare_sides(['linear'], quick)
    folder,table = a.ours(),a.plain()
    assert a.check(folder, table) < 1e-3
    with expect_fail(ValueError, 'mae: ours and the plain reference differ by'):
        a.check(folder, table.assign(mae=table.mae*1.001))
    with expect_fail(ValueError, 'The rows of both sides differ'): a.check(folder, table[1:])
    test_eq(set(table.time_step), {2})
    test_eq(set(table.filler), {'linear','band_mean'})

def test_forward():
    "The time inside the forward pass is that of the generator alone, and its method is as before afterwards"
    before = Generator.forward
    rows = rows_of_forward(quick)
    test_eq({r['row'] for r in rows}, {g.row for g in goals() if 'inside the forward pass' in g.row})
    assert all(0 < r['value'] < 100 for r in rows)
    test_eq(Generator.forward, before)
    def burn(n): return sum(range(n))
    net,x = Generator(model_cap=2).eval(),torch.zeros(1,3,6,32,32)
    def half():
        start = time.process_time()
        while time.process_time()-start < .1: net(x)
        while time.process_time()-start < .2: burn(1000)
    assert 30 < speed._share_in_forward(half) < 60

def test_fill():
    "Ratios and savings follow from the runs; the larger peak counts"
    side = lambda *cpu: [dict(cpu=c, wall=c, peak_mb=100*c) for c in cpu]
    sides = dict(linear=[side(3,3), side(3,3)], bayes=[side(3,9), side(2,6)])
    with (patch.object(speed, 'bench_scene', lambda *_: ''), patch.object(speed, 'check_sides', lambda *_: 7),
          patch.object(speed, 'pairs_of_sides', lambda _, name, n: sides[name]),
          patch.object(speed, 'pairs_of_threads', lambda *_: [side(10), side(6)]),
          patch.object(speed, 'measure_fill', lambda _, folder, name: side(dict(linear=5, bayes=8)[name])[0])):
        rows = {r['row']: r for r in [*rows_of_fill(quick), *rows_of_cores(quick), *rows_of_dates(quick)]}
    value = {k: r['value'] for k,r in rows.items()}
    test_eq(value['filling a tile, linear'], 1)
    test_eq((value['filling a tile, bayes'], rows['filling a tile, bayes']['equal_pixels']), (1.5, 7))
    test_close(value['peak memory of filling a tile'], 900*2**20/1e9, 1e-3)
    test_close(value['peak memory of filling 100 dates'], 800*2**20/1e9, 1e-3)
    test_close(value['saved by a second core, bayes'], 40)

def test_published():
    "Without a folder the row is left out with one line; a folder without the code is refused before any work"
    with redirect_stdout(io.StringIO()) as printed: names = speed._to_measure(None, 'cpu')
    assert 'published' not in names and 'published is left out: Fetch the published code' in printed.getvalue()
    assert 'published' in speed._to_measure(['published'], 'cpu', 'folder')
    right = dict(pairs=5, threads=1, device='cpu', quickly=False)
    with expect_fail(ValueError, 'rows names published, and no folder is given'): check_bench(['published'], **right)
    with tempfile.TemporaryDirectory() as tmp, expect_fail(ValueError, 'which holds no trainer.py'):
        check_bench(None, **right, published=tmp)

def test_pairs():
    "Ours draws chips one by one and finds the coefficients of all their pixels"
    pack = bench_split(quick).chip_pack.data
    file,shape = str(pack.filename),pack.shape
    px = np.concatenate([np.moveaxis(chip_pixels(file, shape, k), 1, -1).reshape(-1, 6) for k in range(4)])
    with tempfile.TemporaryDirectory() as tmp: found = draw_counts(file, shape, 4, Path(tmp)/'a.png')()
    test_close(found, np.corrcoef(px.astype(float).T), 1e-6)
    test_close(px[:3], pack[0,0,:,0,:3].T*1e-4, 1e-7)
    if 'slow' in flags: # seaborn takes a while even for two small chips
        test_eq([r['row'] for r in rows_of_pairs(quick)], [g.row for g in goals() if g.row.startswith('pair grid')])

def test_start():
    assert 0 < cost_of_start('-c', '') < 1
    test_eq([m for n,m,_ in programs() if n=='gapfill_train'], ['gapfill_baseline.cli'])
    with expect_fail(subprocess.CalledProcessError): cost_of_start('-c', 'raise SystemExit(1)')
    with tempfile.TemporaryDirectory() as d, chdir(d): # a file of the working folder is not taken for a module
        Path('json.py').write_text('raise SystemExit(7)')
        cost_of_start('-c', 'import json')
    test_eq([r['unit'] for r in rows_of_start(quick)], ['s','s'])

def loaded(modules, heavy):
    "Which of `heavy` are there after an import of `modules` in a new process"
    code = f"import sys, {', '.join(modules)}; print({heavy} & set(sys.modules))"
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout

def test_help():
    "Nothing heavy is imported before --help"
    for name,module,_ in programs():
        test_eq((name, loaded([module], {'torch','pandas','rasterio','matplotlib','accelerate'})), (name, 'set()\n'))
    test_eq(loaded([m for _,m,_ in programs()], {'torch','rasterio','matplotlib','seaborn','accelerate'}), 'set()\n')

def test_epoch():
    def burn(n=200_000): return sum(range(n))
    o,inside = SimpleNamespace(f=burn, g=burn),Inside()
    inside.watch(o, 'f')
    start = time.process_time()
    o.f()
    o.g()
    assert 0 < inside.seconds < time.process_time()-start
    r, = rows_of_epoch(quick)
    assert 0 < r['value'] < 100

def test_limit():
    assert matrix_rate(n=256) > 1e8
    for rate,fast in ((1e9, False), (9e9, True)):
        with patch.object(speed, 'matrix_rate', lambda d, p, n: rate if p=='bf16' else 8e9): test_eq(fast_bf16(), fast)
    fast = fast_bf16() # asked once, since another program may fall upon one answer
    with patch.object(speed, 'fast_bf16', lambda *_: fast):
        test_eq([(r['unit'], r['value'] > 0) for r in rows_of_limit(quick)], [('%',True)]*(1+fast))
    test_eq([covered(x) for x in ([], [(1,3)], [(4,5),(1,3),(2,3.5)], [(0,9),(1,2),(3,4)])], [0,2,3.5,9])
    if 'cuda' in flags:
        r, = rows_of_busy(quick._replace(device='cuda'))
        assert 0 < r['value'] <= 100

def test_options():
    right = dict(rows=None, pairs=5, threads=1, device='cpu', quickly=False)
    wrong = [(dict(rows=['dat']), 'rows names dat; choose from data, metrics'),
             (dict(pairs=3), 'pairs is 3; a median needs 5'),
             (dict(device='gpu'), 'device is gpu'),
             (dict(rows=['data'], device='cuda'), 'says nothing about a GPU'),
             (dict(rows=['busy']), 'busy, which is about a GPU')]
    for bad,text in wrong:
        with expect_fail(ValueError, text): check_bench(**right | bad)
    with patch.object(speed, 'fast_bf16', lambda *_: False):
        with expect_fail(ValueError, 'bf16, which this processor has no instructions for'):
            check_bench(['bf16'], 5, 1, 'cpu', False)
        test_eq([r['row'] for r in rows_of_limit(quick)], ['training step, share of the matrix rate, fp32'])

def test_program():
    "A second run, as `speed.py --quick` does it, adds its rows to those of the same commit, machine and settings"
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(tmp)/'speed.json'
        with redirect_stdout(io.StringIO()) as said:
            for rows in ['data','metrics'],['statistics']: speed.measure_speed(rows, out=out, quick=True)
        printed = [t.split('  ')[0] for t in said.getvalue().splitlines() if 'times' in t]
        test_eq(printed, ['data path, chips a second','metrics of a batch','statistics of chips and bands'])
        d, = read_results(out).values()
        test_eq(len(d['rows']), 3)
        test_eq(d['settings']['quick'], True)
        with expect_fail(ValueError, 'rows names dat'): speed.measure_speed(['dat'], out=out)
        if not torch.cuda.is_available():
            with expect_fail(ValueError, 'device is cuda, but PyTorch sees no GPU here'):
                speed.measure_speed(device='cuda', out=out)

def test_without_bf16():
    asked = []
    with (tempfile.TemporaryDirectory() as tmp, patch.object(speed, 'fast_bf16', lambda *_: False),
          patch.object(speed, 'measure', lambda names, s: asked.extend(names) or []),
          redirect_stdout(io.StringIO()) as said):
        speed.measure_speed(out=Path(tmp)/'none.json', quick=True)
    left_out = [t.split()[0] for t in said.getvalue().splitlines() if 'is left out' in t]
    test_eq(left_out, ['published','bf16'])
    assert 'bf16' not in asked and {'fp32','limit'} <= set(asked)

def test_spoilt():
    "A result that differs ends the run before anything is timed"
    spoilt = lambda *a: {k: v*1.001 for k,v in plain_metrics(*a).items()}
    with patch.object(speed, 'plain_metrics', spoilt), expect_fail(ValueError, 'ours and the plain reference differ'):
        compared('metrics', quick, False)

for f in [f for k,f in list(globals().items()) if k.startswith('test_') and getattr(f, '__module__', '')=='__main__']:
    start = time.time()
    f()
    print(f'{f.__name__} {time.time()-start:.1f} s', flush=True)
