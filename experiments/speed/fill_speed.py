"""What does filling cost beside reading and writing? `python experiments/speed/fill_speed.py FOLDER [--filler linear]`.

make_scene.py makes FOLDER. A fills it. B is a plain program that reads the same files and writes the same COGs,
overviews and quality layers without filling. Both make overviews in a flat file, because the COG driver's own way is
slower. They run in processes of their own, A B A B, on one thread. CPU seconds without
imports, peak resident memory with the libraries, and the ratio are printed.

With `--threads N`, A on one core is compared with A on N cores by seconds on the wall. The files must be equal, byte
for byte."""
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
import torch
from fastcore.script import call_parse
from rasterio.enums import Resampling
from rasterio.shutil import copy

import gapfill_baseline.networks.unet # enters its networks
from gapfill_baseline.models import fillers, get_filler
from gapfill_baseline.networks.base import NetFill, get_network
from gapfill_baseline.scenes.fill_stack import fill_stack
from gapfill_baseline.scenes.files import stack_from_files

flat = dict(driver='GTiff', tiled=True, blockxsize=512, blockysize=512, interleave='band')
cog = dict(driver='COG', compress='deflate', level=1, predictor='yes', blocksize=512, overviews='force_use_existing')
shown = 'seconds share_in_filler clock observed filled not_fillable'.split()

def mask_files(folder): return sorted(Path(folder).glob('*_mask.tif'))

def make_filler(name):
    "Give a filler by name: one without training, or a network with random weights, such as unet:4 of width 4"
    if name in fillers: return get_filler(name)
    torch.manual_seed(0)
    name,_,width = name.partition(':')
    return NetFill(get_network(name)(width=int(width or 16)))

def fill(folder, out, name, batch_size=None):
    "A: fill"
    masks = mask_files(folder)
    days = [m.name.removesuffix('_mask.tif') for m in masks]
    stack = stack_from_files([m.with_name(f'{d}.tif') for m,d in zip(masks, days)], masks, days)
    return fill_stack(stack, make_filler(name), out, batch_size=batch_size)

def write_cog(path, a, resampling, **grid):
    "Write a COG by way of a flat file with overviews"
    part = f'{path}.flat'
    with rasterio.open(part, 'w', count=len(a), dtype=a.dtype, **flat, **grid) as dst:
        dst.write(a)
        dst.build_overviews([2,4,8], resampling)
    copy(part, path, **cog)
    os.remove(part)

def read_mask(path):
    with rasterio.open(path) as src: return src.read(1)==1

def plain(folder, out, name=None, batch_size=None):
    "B: read, and write the same files without filling"
    out = Path(out)
    out.mkdir()
    masks = mask_files(folder)
    with rasterio.Env(GDAL_CACHEMAX=128<<20):
        gaps = [read_mask(m) for m in masks]
        clear = (~np.stack(gaps)).sum(0).astype(np.uint16)
        for mask,gap in zip(masks, gaps):
            scene = mask.with_name(mask.name.replace('_mask', ''))
            with rasterio.open(scene) as src:
                a,nodata = src.read(),src.nodata
                grid = dict(crs=src.crs, transform=src.transform, height=src.height, width=src.width)
            write_cog(out/scene.name, a, Resampling.average, nodata=nodata, **grid)
            quality = np.stack([gap.astype(np.uint16), gap*np.uint16(45), clear])
            write_cog(out/f'{scene.stem}.qa.tif', quality, Resampling.nearest, **grid)
    return {}

def cpu_seconds():
    "CPU seconds of this process so far"
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime+used.ru_stime

def report(what, folder, out, name, batch_size):
    "Run A or B in this process, and print what it took as JSON"
    before = cpu_seconds()
    r = dict(fill=fill, plain=plain)[what](folder, out, name, batch_size)
    took = dict(cpu=cpu_seconds()-before, peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e3)
    print(json.dumps(took | {k: r[k] for k in shown if k in r}))

def measure(what, folder, name, batch_size, threads=1):
    "Run A or B in a process of its own; give what it took, with a hash of its files"
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as tmp:
        more = ['--batch_size', str(batch_size)] if batch_size else []
        cmd = [sys.executable, __file__, folder, '--one', what, '--filler', name, '--out', f'{tmp}/out', *more]
        r = subprocess.run(cmd, env=os.environ | dict(OMP_NUM_THREADS=str(threads)), capture_output=True, text=True)
        if r.returncode: sys.exit(r.stderr)
        files = b''.join(hashlib.sha256(p.read_bytes()).digest() for p in sorted(Path(tmp).glob('out/*.tif')))
    took = json.loads(r.stdout.splitlines()[-1]) | dict(files=hashlib.sha256(files).hexdigest()[:12])
    print(what, f'on {threads}', json.dumps(took), flush=True)
    return took

def compare_threads(folder, name, batch_size, runs, threads):
    "Compare A on one core with A on several"
    took = {1: [], threads: []}
    for _ in range(runs):
        for n in took: took[n].append(measure('fill', folder, name, batch_size, n))
    if len({r['files'] for rs in took.values() for r in rs}) > 1: sys.exit('the files differ')
    one,many = (min(r['seconds'] for r in rs) for rs in took.values())
    print(f"{name}: {one:.1f} s on one core, {many:.1f} s on {threads}: {one/many:.2f} times")

def compare_plain(folder, name, batch_size, runs):
    "Compare A with B"
    cpu = dict(fill=[], plain=[])
    for _ in range(runs):
        for what in cpu: cpu[what].append(measure(what, folder, name, batch_size)['cpu'])
    ours,theirs = min(cpu['fill']),min(cpu['plain'])
    print(f"{name}: {ours:.1f} s of CPU, plain {theirs:.1f} s: {ours/theirs:.2f} times")

@call_parse
def main(
    folder:str, # scenes of make_scene.py
    filler:str='linear', # name of a filler without training, or of a network with random weights
    runs:int=2, # of each side
    batch_size:int=None, # windows at a time
    threads:int=None, # compare one core with so many, instead of with the plain program
    alone:bool=False, # measure A alone
    one:str=None, # fill or plain: run it in this process
    out:str=None # with --one: folder for the files
):
    "Measure filling beside reading and writing"
    if one: return report(one, folder, out, filler, batch_size)
    if threads: return compare_threads(folder, filler, batch_size, runs, threads)
    if not alone: return compare_plain(folder, filler, batch_size, runs)
    for _ in range(runs): measure('fill', folder, filler, batch_size)
