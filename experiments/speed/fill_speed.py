"""Compare filling with reading and writing alone: `python experiments/speed/fill_speed.py FOLDER [--filler linear]`.

make_scene.py makes FOLDER. A is `gapfill_fill` as a user calls it, with the expected error of the fill. B is a plain
program that reads the same files and writes the same COGs, overviews and quality layers without filling. Both make
overviews before the COG, because the COG driver's own way is slower. First both write their files, which must be equal
in grid, type, tiles and observed pixels. Then they run in processes of their own, A B A B, on one thread. CPU seconds
without imports, peak resident memory with the libraries, and the ratio are printed.

With `--threads N`, A on one core is compared with A on N cores by elapsed seconds. The files must be equal, byte
for byte."""
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import rasterio
import torch
import yaml
from fastcore.script import call_parse
from rasterio.enums import Resampling
from rasterio.shutil import copy

import gapfill_baseline.fill # so that its import is not timed
import gapfill_baseline.networks.unet # enters its networks
from gapfill_baseline.cli import gapfill_fill
from gapfill_baseline.models import fillers
from gapfill_baseline.networks.base import get_network, save_weights
from gapfill_baseline.scenes.products import overview_factors

from bench import memory

flat = dict(driver='GTiff', tiled=True, blockxsize=512, blockysize=512, interleave='band')
cog = dict(driver='COG', compress='deflate', level=1, predictor='yes', blocksize=512, overviews='force_use_existing')
shown = 'share_in_filler clock observed filled not_fillable'.split() # results of a fill that are printed

def mask_files(folder): return sorted(Path(folder).glob('*_mask.tif'))

def scene_of(mask): return mask.with_name(mask.name.replace('_mask', ''))

def make_filler(name, folder):
    "Give the value of --filler: a name, a run, or a new run of a network, such as unet:4 with the width 4"
    if name in fillers or Path(name).is_dir(): return name
    name,_,width = name.partition(':')
    options = dict(model=name, width=int(width or 16), n_bands=6, time_steps=3, mask_position=['2'])
    torch.manual_seed(0)
    run = Path(folder)/'run'
    run.mkdir(parents=True)
    save_weights(run/'best.safetensors', get_network(name)(n_bands=6, width=options['width']), options)
    (run/'config.yml').write_text(yaml.safe_dump(options))
    return str(run)

def fill(folder, out, name, batch_size=None, device='cpu'):
    "Fill as a user does (A), and return the results of the command"
    masks = mask_files(folder)
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as tmp, redirect_stdout(io.StringIO()):
        return gapfill_fill(scenes=[str(scene_of(m)) for m in masks], masks=list(map(str, masks)),
                            dates=[scene_of(m).stem for m in masks], filler=make_filler(name, tmp), out_dir=str(out),
                            batch_size=batch_size, device=device)

def write_cog(path, a, resampling, **grid):
    "Write a COG by way of a flat file with overviews"
    part = f'{path}.flat'
    with rasterio.open(part, 'w', count=len(a), dtype=a.dtype, **flat, **grid) as dst:
        dst.write(a)
        dst.build_overviews(overview_factors(*dst.shape), resampling)
    copy(part, path, **cog)
    os.remove(part)

def read_mask(path):
    with rasterio.open(path) as src: return src.read(1)==1

def write_plain_date(scene, gap, clear, out):
    "Read a scene, and write it and a quality layer with its gap (H,W) and the number of clear dates (H,W)"
    with rasterio.open(scene) as src:
        a,nodata = src.read(),src.nodata
        grid = dict(crs=src.crs, transform=src.transform, height=src.height, width=src.width)
    write_cog(out/scene.name, a, Resampling.average, nodata=nodata, **grid)
    quality = np.stack([gap.astype(np.uint16), gap*np.uint16(45), clear, np.zeros_like(clear)])
    write_cog(out/f'{scene.stem}.qa.tif', quality, Resampling.nearest, **grid)

def plain(folder, out, name=None, batch_size=None):
    "Read, and write the same files without filling (B)"
    out = Path(out)
    out.mkdir()
    masks = mask_files(folder)
    with rasterio.Env(GDAL_CACHEMAX=128<<20):
        gaps = [read_mask(m) for m in masks]
        clear = (~np.stack(gaps)).sum(0).astype(np.uint16)
        for mask,gap in zip(masks, gaps): write_plain_date(scene_of(mask), gap, clear, out)
    return {}

# The same files

def _layout(path):
    "Read all of a file but its pixels: grid, types, tiles, overviews"
    with rasterio.open(path) as src:
        keys = 'crs','transform','width','height','count','dtypes','nodata','block_shapes','compression'
        return {k: getattr(src, k) for k in keys} | dict(overviews=src.overviews(1))

def _bands(path):
    with rasterio.open(path) as src: return src.read()

def check_files(
    ours, # folder that A wrote
    plain, # folder that B wrote
    folder # scenes and masks
)->int: # observed pixels that were compared
    "Refuse files of A and B that differ, apart from the filled pixels"
    names = sorted(p.name for p in Path(plain).glob('*.tif'))
    if names != sorted(p.name for p in Path(ours).glob('*.tif')):
        raise ValueError(f"{ours} has other files than {plain}.")
    for name in names:
        a,b = (_layout(Path(d)/name) for d in (ours, plain))
        if a != b: raise ValueError(f"{name}: {next(k for k in a if a[k]!=b[k])} differs between both sides.")
    return sum(_check_date(ours, plain, mask) for mask in mask_files(folder))

def _check_date(ours, plain, mask):
    "Compare the files of a date: observed pixels, the gap, and the number of clear dates; count the observed pixels"
    scene,gap = scene_of(mask),read_mask(mask)
    a,b = (_bands(Path(d)/scene.name) for d in (ours, plain))
    if not np.array_equal(a[:,~gap], b[:,~gap]): raise ValueError(f"{scene.name}: observed pixels differ.")
    a,b = (_bands(Path(d)/f'{scene.stem}.qa.tif') for d in (ours, plain))
    if not np.array_equal(a[0] > 0, gap): raise ValueError(f"{scene.stem}.qa.tif: the pixels to fill are not the gap.")
    if not np.array_equal(a[2], b[2]): raise ValueError(f"{scene.stem}.qa.tif: clear dates differ.")
    return int((~gap).sum())

# Measuring

def cpu_seconds():
    "Measure the CPU seconds of this process so far"
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime+used.ru_stime

def report(what, folder, out, name, batch_size):
    "Run A or B in this process, and print its seconds and memory as JSON"
    before,start = cpu_seconds(),time.perf_counter()
    r = dict(fill=fill, plain=plain)[what](folder, out, name, batch_size)
    took = dict(cpu=cpu_seconds()-before, wall=time.perf_counter()-start,
                peak_mb=memory('VmHWM'))
    print(json.dumps(took | {k: r[k] for k in shown if k in r}))

def run(what, folder, out, name, batch_size=None, threads=1):
    "Run A or B in a process of its own, and return its seconds and memory"
    more = ['--batch_size', str(batch_size)] if batch_size else []
    cmd = [sys.executable, __file__, str(folder), '--one', what, '--filler', name, '--out', str(out), *more]
    r = subprocess.run(cmd, env=os.environ | dict(OMP_NUM_THREADS=str(threads)), capture_output=True, text=True)
    if r.returncode: raise RuntimeError(f"{what} of {name} failed:\n{r.stderr}")
    return json.loads(r.stdout.splitlines()[-1])

def measure(what, folder, name, batch_size=None, threads=1):
    "Run A or B in a temporary folder; return its seconds and memory, and a hash of its files"
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as tmp:
        took = run(what, folder, f'{tmp}/out', name, batch_size, threads)
        files = b''.join(hashlib.sha256(p.read_bytes()).digest() for p in sorted(Path(tmp).glob('out/*.tif')))
    return took | dict(files=hashlib.sha256(files).hexdigest()[:12])

def check_sides(folder, name, batch_size=None):
    "Run A and B once, compare their files, and count the observed pixels that were compared"
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as tmp:
        for what in ('fill','plain'): run(what, folder, f'{tmp}/{what}', name, batch_size)
        return check_files(f'{tmp}/fill', f'{tmp}/plain', folder)

def pairs_of_threads(folder, name, runs, threads=2, batch_size=None):
    "Run A on one core and on several in turn: two lists of results of `measure`, whose files must be equal"
    pairs = [[measure('fill', folder, name, batch_size, n) for n in (1, threads)] for _ in range(runs)]
    if len({r['files'] for pair in pairs for r in pair}) > 1:
        raise ValueError(f"{name}: the files differ between 1 and {threads} cores.")
    return [list(side) for side in zip(*pairs)]

def pairs_of_sides(folder, name, runs, batch_size=None):
    "Run A and B in turn: two lists of results of `measure`"
    pairs = [[measure(what, folder, name, batch_size) for what in ('fill','plain')] for _ in range(runs)]
    return [list(side) for side in zip(*pairs)]

def _show(what, runs):
    for r in runs: print(what, json.dumps(r))

def compare_threads(folder, name, batch_size, runs, threads):
    "Compare A on one core with A on several"
    sides = pairs_of_threads(folder, name, runs, threads, batch_size)
    for n,side in zip((1, threads), sides): _show(f'fill on {n}', side)
    one,many = (min(r['wall'] for r in side) for side in sides)
    print(f"{name}: {one:.1f} s on one core, {many:.1f} s on {threads}: {one/many:.2f} times")

def compare_plain(folder, name, batch_size, runs):
    "Compare A with B"
    print(f"{check_sides(folder, name, batch_size):,} observed pixels are equal")
    sides = pairs_of_sides(folder, name, runs, batch_size)
    for what,side in zip(('fill','plain'), sides): _show(what, side)
    ours,theirs = (min(r['cpu'] for r in side) for side in sides)
    print(f"{name}: {ours:.1f} s of CPU, plain {theirs:.1f} s: {ours/theirs:.2f} times")

@call_parse
def main(
    folder:str, # scenes of make_scene.py
    filler:str='linear', # name of a filler without training, or of a network with random weights
    runs:int=2, # of each side
    batch_size:int=None, # windows at a time
    threads:int=None, # compare one core with so many, instead of with the plain program
    alone:bool=False, # measure A only
    one:str=None, # fill (A) or plain (B): run it once in this process
    out:str=None # folder for the files, needed with --one
):
    "Measure filling beside reading and writing"
    if one: return report(one, folder, out, filler, batch_size)
    if threads: return compare_threads(folder, filler, batch_size, runs, threads)
    if not alone: return compare_plain(folder, filler, batch_size, runs)
    _show('fill', [measure('fill', folder, filler, batch_size) for _ in range(runs)])
