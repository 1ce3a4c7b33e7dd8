"""Measure how time and memory grow with chips, pixels, dates, bands and the size of a scene.

`python experiments/growth/growth.py --out nbs/stored/growth.csv`. Each part of the way is measured over a decade of
each quantity that can grow: the data path (files to packed file, packed file to batches), the fillers without training,
a small network that fills and learns, and scenes that are filled and written. It takes some twenty minutes of one core
and goes on where it was stopped: rows that are in the file are not measured again. The page
`nbs/experiments/growth.ipynb` shows the stored table."""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastcore.script import Param
from rasterio.transform import from_origin

from gapfill_baseline.core import HLS, Sample
from gapfill_baseline.data import ordinals, write_mask, write_raster
from gapfill_baseline.datasets.cache import Pack, pack_chips
from gapfill_baseline.masks import GapDataset, make_loader, to_sample
from gapfill_baseline.models import get_filler
from gapfill_baseline.networks.base import NetFill
from gapfill_baseline.networks.unet import GapUNet
from gapfill_baseline.glibc import keep_freed_memory
from gapfill_baseline.program import program
from gapfill_baseline.sample import clouds, simulate
from gapfill_baseline.scenes.fill_stack import fill_stack
from gapfill_baseline.scenes.files import stack_from_files

here = Path(__file__).resolve().parent

# Inputs. Chips are smooth random reflectance under a band of cloud on each date, at another height for each chip and
# date: two fifths are gap, every date has one, and every pixel is seen on some date. What they show hardly matters for
# the cost.

def made_dn(
    chips:int, # places
    side:int, # pixels
    dates:int, # of each
    bands:int # of each
)->tuple: # DN, int16, (N,T,C,H,W); gap, bool, (N,T,H,W)
    "Make chips cheaply, and gaps over two fifths of them"
    rng = np.random.default_rng(0)
    coarse = -(-side//8)
    low = rng.integers(500, 4000, (chips, dates, bands, coarse, coarse), np.int16)
    dn = low.repeat(8, -2).repeat(8, -1)[..., :side, :side] + rng.integers(0, 50, (side,side), np.int16)
    k = np.arange(chips)[:,None]*.37 + np.arange(dates)*.61
    rows = (np.arange(side)/side + k[...,None]) % 1 < .4
    return dn, np.broadcast_to(rows[...,None], (chips,dates,side,side)).copy()

def made_days(n):
    "Make `n` dates eight days apart"
    return np.datetime64('2022-03-01') + 8*np.arange(n)

def made_split(
    folder, # where the packed file goes
    dn:np.ndarray, # chips, int16, (N,T,C,H,W)
    gap:np.ndarray # their gaps, bool, (N,T,H,W)
): # `GapDataset`
    "Make a validation split of made chips, packed as a real one is"
    N,T = dn.shape[:2]
    file = Path(folder)/'chips.bin'
    dn.tofile(file)
    names,masks = [f'{k:05d}' for k in range(N)],[f'{k:06d}' for k in range(N*T)]
    dates = {f'{o}_image_date': [str(d)]*N for o,d in zip(ordinals, made_days(T))}
    chips = pd.DataFrame(dict(chip_id=names) | dates)
    bits = np.packbits(gap.reshape(-1, *gap.shape[2:]), -1)
    chip_pack = Pack(np.memmap(file, np.int16, 'r', shape=dn.shape), names, {})
    frozen = np.arange(N*T).reshape(N,T)
    mask_pack,hide = Pack(bits, masks, {}),np.ones((N,T), bool)
    return GapDataset(chips, pd.DataFrame(dict(mask_id=masks)), chip_pack, mask_pack, hide, frozen)

def made_sample(
    chips:int, # places
    side:int, # pixels
    dates:int, # of each
    bands:int # of each
)->Sample:
    "Make the same as a batch for a filler"
    dn,gap = map(torch.from_numpy, made_dn(chips, side, dates, bands))
    days = torch.tensor((made_days(dates)-made_days(1)).astype(np.float32)).expand(chips, -1)
    target = dn.float().mul_(HLS.scale)
    return Sample(target*~gap[:,:,None], gap, days, days+60, target, torch.ones_like(gap), torch.arange(chips))

def made_scenes(
    folder, # where the files go
    side:int, # pixels
    dates:int, # scenes
    bands:int # of each
): # `Stack`
    "Make scenes tiled with a simulated place of 183 pixels, two fifths cloud, in compressed GeoTIFFs"
    days = made_days(dates).tolist()
    grid = dict(crs='EPSG:32613', transform=from_origin(699960, 4000020, 30, 30))
    kw = dict(nodata=HLS.nodata, tiled=True, blockxsize=256, blockysize=256, predictor=2, zlevel=1)
    paths,masks = ([Path(folder)/f'{d}{k}' for d in days] for k in ('.tif','_mask.tif'))
    n = -(-side//183)
    tiled = lambda x: np.tile(x, (n,n))[..., :side, :side]
    for t,(d,p,m) in enumerate(zip(days, paths, masks)):
        place = np.resize(simulate(183, [d])[0], (bands,183,183))
        write_raster(p, tiled(place), **kw, **grid)
        write_mask(m, tiled(clouds(183, .4, (t,))), **grid)
    return stack_from_files(paths, masks, days, bands=[f'b{k}' for k in range(bands)])

# Work. A piece of work prepares its input, which is not timed, and gives a function that is. Chips go through it a few
# at a time, as they do in the programs; a scene goes through window by window. The network of the chips is the U-Net of
# a quarter of the default width; scenes are filled with the default one.

works = {} # name -> folder, chips, side, dates, bands -> what is timed

def work(
    name:str # of the work
):
    "Enter a piece of work in `works`"
    def enter(f):
        works[name] = f
        return f
    return enter

def in_batches(
    f, # takes a `Sample`
    s, # all chips
    batch:int # chips at a time
):
    "Do `f` to a few chips at a time"
    for k in range(0, len(s.gap), batch): f(s.map(lambda x: x[k:k+batch]))

@work('files')
def _(folder, chips, side, dates, bands):
    "Make a packed file of GeoTIFFs of chips"
    dn,_ = made_dn(chips, side, dates, bands)
    table = pd.DataFrame(dict(chip_id=[f'{k:05d}' for k in range(chips)]))
    table['path'] = [f'{folder}/{k}.tif' for k in table.chip_id]
    for p,a in zip(table.path, dn): write_raster(p, a.reshape(-1, side, side))
    def run():
        shutil.rmtree(f'{folder}/cache', ignore_errors=True)
        pack_chips(table, f'{folder}/cache', dates, bands)
    return run

@work('batches')
def _(folder, chips, side, dates, bands):
    "Make samples of a packed file and masks, 16 chips at a time"
    dl = make_loader(made_split(folder, *made_dn(chips, side, dates, bands)), 16)
    def run():
        for b in dl: to_sample(b)
    return run

def _filling(name):
    "Fill chips, 4 at a time"
    def f(folder, chips, side, dates, bands):
        filler,s = get_filler(name),made_sample(chips, side, dates, bands)
        return lambda: in_batches(filler, s, 4)
    return f

for name in ('linear','harmonic','regression','kernel'): work(name)(_filling(name))

def _unet(bands, width):
    torch.manual_seed(0)
    return GapUNet(bands, width)

@work('unet')
def _(folder, chips, side, dates, bands):
    "Fill chips by a small U-Net, 4 at a time"
    filler,s = NetFill(_unet(bands, 4)),made_sample(chips, side, dates, bands)
    return lambda: in_batches(filler, s, 4)

@work('unet_learns')
def _(folder, chips, side, dates, bands):
    "Train a small U-Net, 4 chips a step"
    net = _unet(bands, 4)
    opt = torch.optim.AdamW(net.parameters())
    s = made_sample(chips, side, dates, bands)
    def step(s):
        net.loss(net(s), s).backward()
        opt.step()
        opt.zero_grad()
    return lambda: in_batches(step, s, 4)

def _scene(name):
    "Fill scenes and write them as COGs"
    def f(folder, chips, side, dates, bands):
        stack = made_scenes(folder, side, dates, bands)
        filler = NetFill(_unet(bands, 16)) if name=='unet' else get_filler(name)
        return lambda: fill_stack(stack, filler, f'{folder}/out', overwrite=True)
    return f

for name in ('linear','regression','unet'): work(f'scene_{name}')(_scene(name))

# One measurement. Time is CPU time of all threads, the least of several runs: other programs on the machine can make a
# run longer and not shorter. Memory is the peak of resident memory while the work runs, less what the process held once
# everything was imported and a tiny piece of the same work was done. It includes the input. A peak cannot be taken
# back, so each measurement is a process of its own. As in every program, memory that was freed is kept for the next
# batch.

def forget_peak():
    "Count the peak of memory from here on, where the system lets us"
    try: Path('/proc/self/clear_refs').write_text('5')
    except OSError: pass

def peak_mb()->float:
    "Read the largest resident memory of this process so far, or since `forget_peak`, MB"
    status = Path('/proc/self/status')
    if status.exists():
        peak = next(l for l in status.read_text().splitlines() if l.startswith('VmHWM'))
        return int(peak.split()[1])/1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/(2**20 if sys.platform=='darwin' else 2**10)

def _times(run, most):
    "Run at least three times and for a second, but begin no run after `most` seconds; seconds of each"
    took = []
    while sum(took) < most and (len(took) < 3 or sum(took) < 1):
        start = time.process_time()
        run()
        took.append(time.process_time()-start)
    return took

def measure_here(
    name:str, # one of `works`
    sizes:dict, # chips, side, dates, bands
    most:float=20 # seconds after which no further run is begun
)->dict: # cpu_s, peak_mb, runs
    "Measure time and memory of a piece of work in this process"
    torch.set_num_threads(1)
    tiny = sizes | dict(chips=1, side=32, dates=min(sizes['dates'], 3))
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b, keep_freed_memory():
        works[name](a, **tiny)()
        forget_peak()
        base = peak_mb()
        run = works[name](b, **sizes)
        forget_peak()
        took = _times(run, most)
        return dict(cpu_s=min(took), peak_mb=peak_mb()-base, runs=len(took))

def measure(
    name:str, # one of `works`
    **sizes # chips, side, dates, bands
)->dict: # cpu_s, peak_mb, runs
    "Measure time and memory of a piece of work in a process of its own, which imports nothing from the working folder"
    code = f'import json; from growth import measure_here; print(json.dumps(measure_here({name!r}, {sizes!r})))'
    path = os.pathsep.join([str(here), *filter(None, [os.environ.get('PYTHONPATH')])])
    env = os.environ | dict(OMP_NUM_THREADS='1', PYTHONPATH=path)
    r = subprocess.run([sys.executable, '-P', '-c', code], capture_output=True, text=True, env=env)
    if r.returncode: raise RuntimeError(f'{name} with {sizes} failed: {r.stderr[-500:]}')
    return json.loads(r.stdout.splitlines()[-1])

# A decade of each. Where the cost of a piece is small its base is larger, so that fixed costs do not drown what grows.
# The catalog of chips has at most twelve dates, so the data path begins at one date. The side of a scene grows by ten,
# up to the 3,660 pixels of a whole HLS tile, so its area by a hundred. The network is slower, and its scenes are
# smaller.

steps = 1, 1.8, 3.2, 5.6, 10
_bases = (('files batches',32,64,1), ('linear harmonic regression',4,128,3), ('kernel unet unet_learns',4,64,3),
          ('scene_linear scene_regression scene_unet',1,366,3)) # works, chips, side, dates
bases = {k: dict(chips=c, side=s, dates=t, bands=6) for ks,c,s,t in _bases for k in ks.split()}

def _axes(name):
    if name=='scene_unet': return ('side',)
    return ('side','dates','bands') if name.startswith('scene') else ('chips','side','dates','bands')

def sizes_of(
    name:str # one of `works`
)->list: # axis, what grows along it, sizes
    "List all sizes at which a piece of work is measured"
    base,scene,out = bases[name],name.startswith('scene'),[]
    for axis in _axes(name):
        start = 2 if axis=='bands' else base[axis]
        for k in steps[:4] if name=='scene_unet' else steps:
            v = round(start*(k**.5 if axis=='side' and not scene else k))
            out.append((axis, v*v if axis=='side' else v, base | {axis: v}))
    return out

def _stored(path):
    "Rows of a table of measurements by work, axis and x; none where there is no file"
    if not Path(path).exists(): return {}
    return {(r['work'],r['axis'],r['x']): r for r in pd.read_csv(path).to_dict('records')}

def grow(
    path, # CSV of the measurements; those that are there are kept
    names=None, # of `works`; None = all
    minutes:float=None, # after which no other measurement is begun
    again:bool=False # measure those that are there once more, and keep the lesser time
)->pd.DataFrame: # work, axis, x, chips, side, dates, bands, cpu_s, peak_mb, runs
    "Measure what has not been measured yet"
    start = time.time()
    rows = _stored(path)
    for key,sizes in [((n,a,x),s) for n in names or works for a,x,s in sizes_of(n)]:
        old = rows.get(key)
        if old and not again: continue
        if minutes is not None and time.time()-start > 60*minutes: continue
        m = measure(key[0], **sizes)
        if old: m = dict(cpu_s=min(m['cpu_s'], old['cpu_s']), peak_mb=m['peak_mb'], runs=m['runs']+old['runs'])
        rows[key] = dict(zip(('work','axis','x'), key)) | sizes | m
        pd.DataFrame(rows.values()).round(dict(cpu_s=5, peak_mb=2)).to_csv(path, index=False)
    return pd.DataFrame(rows.values())

@program
def measure_growth(
    out:str='growth.csv', # measurements; those that are there are kept
    works:Param('which pieces of work; all unless given', str, nargs='+')=None,
    minutes:float=None, # after which no other measurement is begun
    again:bool=False # measure those that are there once more, and keep the lesser time
)->pd.DataFrame: # work, axis, x, chips, side, dates, bands, cpu_s, peak_mb, runs
    "Measure how time and memory grow"
    return grow(out, works, minutes, again)

if __name__=='__main__': measure_growth()
