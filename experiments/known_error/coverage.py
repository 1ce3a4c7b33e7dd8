"""Measure the coverage of conformal intervals on pixels that calibrated nothing.

`python experiments/known_error/coverage.py --real /data/gapfill --out nbs/stored/coverage.csv` puts gaps on clear
pixels of real and simulated scenes, calibrates intervals on clear pixels of the rest, fills, and counts how many of
the true values under the gaps are inside. Its scenes are those of `known_error.py`."""
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import rasterio
from fastcore.script import Param

from gapfill_baseline.core import HLS
from gapfill_baseline.glibc import keep_freed_memory
from gapfill_baseline.models import get_filler
from gapfill_baseline.program import program, whole
from gapfill_baseline.scenes.fill_stack import fill_stack
from known_error import CoveredStack, by_other_dates, by_real_masks, covered_pixels, real_scenes, simulated_scenes
from known_error import _glob, _measured, _open

# Errors of one date have common causes, such as haze and the speed of change, over much of a scene. Blocks of all dates
# together, or small ones, would count them as independent, and the standard error would come out too small.
BLOCK = 128 # side of the blocks of the bootstrap, pixels; each block has one date
usual = ('hls_exeter','s2_exeter','s2_bouconne','belgium','belgium_months','belgium_chips','landsat_1990',
         'landsat_2000','landsat_2010','s2_gfmap','landsat_kranj')

def real_places(
    real # folder of real data
)->dict: # name -> function of a folder that gives a `CoveredStack`
    "List the real scenes of `known_error.py`, and two more"
    kranj = dict(dates=['2020-03-08','2020-03-17','2020-04-02','2020-04-09'], bands=list(HLS.bands), scale=1e-4)
    return real_scenes(real) | dict(
        s2_gfmap=lambda _: by_real_masks(_measured(real, 'places/s2_gfmap/bap_quintad_cdse.nc'), real, 2),
        landsat_kranj=lambda _: by_other_dates(
            _open(scenes=_glob(real, 'places/landsat_kranj_si/unfilled_*.tif'), **kranj)))

class Coverage(NamedTuple):
    "Covered pixels of a scene, and how many of them are inside their intervals, by block of a date"
    n:np.ndarray # pixels, int64, (K,)
    inside:np.ndarray # int64, (K,C)
    width:np.ndarray # sum of half-widths, reflectance, (K,C)

def _read(paths, name, kind):
    with rasterio.open(paths[name,kind]) as src: return src.read()

def count_inside(
    stack:CoveredStack, # the scene
    paths:dict, # of its fill with intervals
    block:int=BLOCK # side of a block, pixels
)->Coverage: # of the blocks with covered pixels
    "Count the covered pixels whose true value is inside the interval"
    dn,_ = stack.stack.read()
    scored = covered_pixels(stack)
    of_block,K = _blocks(*dn.shape[2:], block)
    of_dates = [_of_date(stack, paths, t, dn[t], scored[t], of_block, K) for t in range(len(stack.names))]
    n,inside,widths = (np.concatenate(counts) for counts in zip(*of_dates))
    some = n > 0
    return Coverage(n[some], inside[some], widths[some])

def _blocks(height, width, block):
    "Number the blocks of pixels, (H,W), and count them"
    columns = -(-width//block)
    of_block = np.add.outer(np.arange(height)//block*columns, np.arange(width)//block)
    return of_block,-(-height//block)*columns

def _of_date(stack, paths, t, dn, scored, of_block, K):
    "Count the covered pixels of date `t` in each block, (K,), those inside and the sums of half-widths, (K,C)"
    name = stack.names[t]
    half = _read(paths, name, 'interval')
    at = scored & (_read(paths, name, 'qa')[0]==1) & (half[0]!=65535)
    which,half = of_block[at],half[:,at]
    error = np.abs(_read(paths, name, 'filled')[:,at].astype(float)-dn[:,at])
    scale = np.broadcast_to(stack.date_units[t].scale, len(half))
    inside = [np.bincount(which[e <= h], minlength=K) for e,h in zip(error, half)]
    widths = [np.bincount(which, h*s, K) for h,s in zip(half, scale)]
    return np.bincount(which, minlength=K),np.stack(inside, 1),np.stack(widths, 1)

def standard_error(
    n:np.ndarray, # pixels of each block, (K,)
    inside:np.ndarray, # of them inside, (K,)
    repeats:int=1000, # bootstrap samples
    seed:int=0 # another seed, other samples
)->float: # of the coverage, 0..1
    "Estimate the standard error of a coverage by a bootstrap over blocks"
    drawn = np.random.default_rng(seed).integers(0, len(n), (repeats,len(n)))
    return (inside[drawn].sum(1)/n[drawn].sum(1)).std()

def coverage_rows(
    stack:CoveredStack, # the scene
    covered:Coverage # of its fill
)->list: # of dicts: band, pixels, blocks, coverage, standard_error, half_width
    "Make a row for each band, and one for all"
    C = covered.inside.shape[1]
    rows = []
    for band,inside,width in [*zip(stack.bands, covered.inside.T, covered.width.T),
                              ('all', covered.inside.mean(1), covered.width.mean(1))]:
        total = covered.n.sum()
        rows.append(dict(band=band, pixels=total, blocks=len(covered.n), coverage=inside.sum()/total,
                         standard_error=standard_error(covered.n, inside), half_width=width.sum()/total))
    return rows

def measure_coverage(
    scenes:dict, # name -> function of a folder that gives a `CoveredStack`
    fillers, # names
    level:float # percent
)->pd.DataFrame: # place, filler, level, height, width, calibrating, and the columns of `coverage_rows`
    "Fill scenes with intervals, and count the coverage of each band"
    out = []
    for scene,make in scenes.items():
        with tempfile.TemporaryDirectory() as folder:
            stack = make(folder)
            for filler in fillers:
                r = fill_stack(stack, get_filler(filler), Path(folder)/filler, interval=level)
                about = dict(place=scene, filler=filler, level=level, height=stack.grid.height,
                             width=stack.grid.width, calibrating=r['intervals']['pixels'])
                covered = count_inside(stack, r['paths'])
                if not len(covered.n): continue
                out += [about | row for row in coverage_rows(stack, covered)]
                print('{place:20} {filler:12} {coverage:.3f} ± {standard_error:.3f}, half-width {half_width:.4f}'
                      .format(**out[-1]), flush=True)
    return pd.DataFrame(out)

def far_places(
    rows:pd.DataFrame # of `measure_coverage`, one filler, all bands together
)->list: # names
    "List the places of at least 40 px a side whose coverage is too far from the level"
    large = rows[rows[['height','width']].min(axis=1) >= 40]
    return list(large.place[abs(large.coverage-large.level/100) > .03+2*large.standard_error])

def print_verdict(
    table:pd.DataFrame # of `measure_coverage`
):
    "Print the mean coverage of each filler, and the places too far from the level"
    for filler,rows in table[table.band=='all'].groupby('filler', sort=False):
        print(f"{filler}: mean coverage {rows.coverage.mean():.3f} of {len(rows)} places; "
              f"too far from the level: {', '.join(far_places(rows)) or 'none'}")

@program
@keep_freed_memory()
def coverage(
    real:str=None, # folder of real data; without it, only simulated scenes
    fillers:Param('names of fillers', str, nargs='+')=('regression','bayes'),
    scenes:Param('names of some of the scenes; by default the real ones', str, nargs='+')=None,
    level:float=90, # of the intervals, percent
    out:str='coverage.csv', # table to write
):
    "Measure the coverage of intervals on pixels that calibrated nothing"
    every = simulated_scenes | (real_places(real) if real else {})
    chosen = scenes or (usual if real else simulated_scenes)
    table = measure_coverage({k: every[k] for k in chosen}, fillers, level)
    with whole(out) as part: table.round(5).to_csv(part, index=False)
    print_verdict(table)
    return table

if __name__=='__main__': coverage()
