"""What does filling cost beside reading and writing? `python experiments/speed/fill_speed.py FOLDER [--runs 2] [--filler linear]`.

FOLDER is of make_scene.py. A fills it. B is a plain program that reads the same files and writes the same COGs, overviews and quality layers
without filling, with the same trick for the overviews: made in a flat file, because the COG driver's own way is slower. Both run in processes of their own, A B A B, on one thread. Printed: CPU seconds, peak resident memory, and the ratio.

With `--threads N` B is A on N cores instead, and seconds of the wall are compared. Files must be equal, byte for byte."""
import argparse, hashlib, json, os, resource, subprocess, sys, tempfile
from pathlib import Path

def stack_of(folder):
    from gapfill_baseline.scenes.stack import stack_from_files
    masks = sorted(Path(folder).glob('*_mask.tif')); days = [m.name.removesuffix('_mask.tif') for m in masks]
    return stack_from_files([m.with_name(f'{d}.tif') for m,d in zip(masks, days)], masks, days)

def fill(folder, out, name, batch_size=None):
    "A: fill"
    from gapfill_baseline.scenes.fill_stack import fill_stack
    return fill_stack(stack_of(folder), make_filler(name), out, batch_size=batch_size)

def make_filler(name):
    "A filler by name: one without training, or a network with random weights, such as unet, ridgeunet, or unet:4 of that width"
    import torch
    from gapfill_baseline.models import fillers, get_filler
    if name in fillers: return get_filler(name)
    from gapfill_baseline.networks.base import NetFill, get_network
    import gapfill_baseline.networks.unet
    torch.manual_seed(0); name,_,width = name.partition(':'); return NetFill(get_network(name)(width=int(width or 16)))

def plain(folder, out, name, batch_size):
    "B: read, and write the same files without filling"
    import numpy as np, rasterio
    from rasterio.enums import Resampling
    from rasterio.shutil import copy
    Path(out).mkdir()
    def write(path, a, overviews, **kw):
        with rasterio.open(f'{path}.flat', 'w', driver='GTiff', count=len(a), dtype=a.dtype, tiled=True, blockxsize=512, blockysize=512, interleave='band', **kw) as dst: dst.write(a); dst.build_overviews([2,4,8], overviews)
        copy(f'{path}.flat', path, driver='COG', compress='deflate', level=1, predictor='yes', blocksize=512, overviews='force_use_existing'); os.remove(f'{path}.flat')
    masks = sorted(Path(folder).glob('*_mask.tif')); gaps = []
    with rasterio.Env(GDAL_CACHEMAX=128<<20):
        for m in masks:
            with rasterio.open(m) as src: gaps.append(src.read(1)==1)
        clear = (~np.stack(gaps)).sum(0).astype(np.uint16)
        for m,gap in zip(masks, gaps):
            p = m.with_name(m.name.replace('_mask','')); kw = {}
            with rasterio.open(p) as src: a = src.read(); kw = dict(crs=src.crs, transform=src.transform, height=src.height, width=src.width)
            write(Path(out)/p.name, a, Resampling.average, nodata=src.nodata, **kw)
            write(Path(out)/f'{p.stem}.qa.tif', np.stack([gap.astype(np.uint16), gap*np.uint16(45), clear]), Resampling.nearest, **kw)

def one(what, folder, name, batch_size, threads=1):
    "Run A or B in a process of its own: CPU seconds, seconds, peak memory, what it says"
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as tmp:
        r = subprocess.run([sys.executable, __file__, folder, '--one', what, '--filler', name, '--out', f'{tmp}/out', *(['--batch_size', str(batch_size)] if batch_size else [])], env=os.environ | dict(OMP_NUM_THREADS=str(threads)), capture_output=True, text=True)
        if r.returncode: sys.exit(r.stderr)
        made = b''.join(hashlib.sha256(p.read_bytes()).digest() for p in sorted(Path(tmp).glob('out/*.tif')))
        return json.loads(r.stdout.splitlines()[-1]) | dict(files=hashlib.sha256(made).hexdigest()[:12])

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__); p.add_argument('folder'); p.add_argument('--runs', type=int, default=2); p.add_argument('--filler', default='linear'); p.add_argument('--batch_size', type=int); p.add_argument('--one'); p.add_argument('--out'); p.add_argument('--alone', action='store_true'); p.add_argument('--threads', type=int)
    a = p.parse_args()
    if a.one:
        r = dict(fill=fill, plain=plain)[a.one](a.folder, a.out, a.filler, a.batch_size) or {}; u = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps(dict(cpu=u.ru_utime+u.ru_stime, peak_mb=u.ru_maxrss/1e3) | {k: r[k] for k in ('seconds','share_in_filler','clock','observed','filled','not_fillable') if k in r}))
    elif a.threads:
        took = {1: [], a.threads: []}
        for _ in range(a.runs):
            for n,t in took.items(): r = one('fill', a.folder, a.filler, a.batch_size, n); t.append(r); print(n, json.dumps(r), flush=True)
        if len({r['files'] for t in took.values() for r in t}) > 1: sys.exit('the files differ')
        x,y = (min(r['seconds'] for r in t) for t in took.values()); print(f"{a.filler}: {x:.1f} s on one core, {y:.1f} s on {a.threads}: {x/y:.2f} times")
    else:
        cpu = dict(fill=[], plain=[])
        for _ in range(a.runs):
            for what in ('fill',) if a.alone else ('fill','plain'): r = one(what, a.folder, a.filler, a.batch_size); cpu[what].append(r['cpu']); print(what, json.dumps(r), flush=True)
        if not a.alone: print(f"{a.filler}: {min(cpu['fill']):.1f} s of CPU, plain {min(cpu['plain']):.1f} s: {min(cpu['fill'])/min(cpu['plain']):.2f} times")
