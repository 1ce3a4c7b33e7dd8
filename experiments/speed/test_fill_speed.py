"Test fill_speed.py: `python experiments/speed/test_fill_speed.py`"
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import rasterio
import torch
from fastcore.test import *

import fill_speed
from fill_speed import *
from make_scene import make

torch.set_num_threads(1)

def change(path, row, column):
    "Add 1 to a pixel of the first band of a raster"
    with rasterio.open(path, 'r+', IGNORE_COG_LAYOUT_BREAK='YES') as dst:
        a = dst.read(1)
        a[row,column] += 1
        dst.write(a, 1)

def test_sides(tmp):
    "Both sides write the same files; only pixels in the gap are filled, and a changed observed pixel is found"
    folder = tmp/'scene'
    make(folder, 96, 3)
    filled = fill(folder, tmp/'ours', 'linear')
    plain(folder, tmp/'plain')
    gaps = np.stack([read_mask(m) for m in mask_files(folder)])
    test_eq(check_files(tmp/'ours', tmp/'plain', folder), (~gaps).sum())
    test_eq(filled['filled']+filled['not_fillable'], gaps.sum())
    assert len(filled['expected_error']) # as a user gets it
    mask = mask_files(folder)[0]
    scene = scene_of(mask).name
    change(tmp/'plain'/scene, *np.argwhere(gaps[0])[0])
    check_files(tmp/'ours', tmp/'plain', folder)
    change(tmp/'plain'/scene, *np.argwhere(~gaps[0])[0])
    with expect_fail(ValueError, f'{scene}: observed pixels differ'): check_files(tmp/'ours', tmp/'plain', folder)
    (tmp/'plain'/scene).unlink()
    with expect_fail(ValueError, 'has other files than'): check_files(tmp/'ours', tmp/'plain', folder)

def test_network(tmp):
    "A network is filled from a run with random weights, the same each time"
    runs = [make_filler('unet:4', tmp/str(k)) for k in range(2)]
    test_eq(*(Path(r, 'best.safetensors').read_bytes() for r in runs))
    test_eq(make_filler(runs[0], tmp), runs[0])
    test_eq(make_filler('bayes', tmp), 'bayes')

def test_process(tmp):
    "A process of its own gives what it took, and its peak of memory is not that of this process"
    big = np.ones(1<<27) # 1 GB
    took = measure('plain', tmp/'scene', 'linear')
    assert took['cpu'] > 0 and took['wall'] > 0
    assert 100 < took['peak_mb'] < 900 < big.nbytes/2**20
    with expect_fail(RuntimeError, 'fill of no_filler failed'): run('fill', tmp/'scene', tmp/'x', 'no_filler')

def test_threads():
    "Files that differ between numbers of cores end the comparison"
    def other(what, folder, name, batch_size, threads): return dict(files=threads, wall=1.)
    with patch.object(fill_speed, 'measure', other), expect_fail(ValueError, 'the files differ between 1 and 2 cores'):
        pairs_of_threads('scene', 'linear', 1)
    def equal(what, folder, name, batch_size, threads): return dict(files=0, wall=3-threads)
    with patch.object(fill_speed, 'measure', equal): one,two = pairs_of_threads('scene', 'linear', 2)
    test_eq([[r['wall'] for r in side] for side in (one, two)], [[2,2],[1,1]])

with tempfile.TemporaryDirectory() as folder:
    for f in (test_sides, test_network, test_process): f(Path(folder))
test_threads()
