"""Long series with gaps and a known reference, for `long_series.py`.

Each is a `Series` of reflectance with its own gaps. `hidden_sample` hides its clear pixels under the clouds of other
dates, as `gapfill_fill --score` does. Four are real and are read from the folder that GAPFILL_REAL_DATA names; the
others are simulated places under simulated clouds."""
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
import torch
from torch import Tensor

from gapfill_baseline.core import HLS, Sample, day_of_year, days_since
from gapfill_baseline.reading.bands import expected_reflectance
from gapfill_baseline.sample import clouds, regions, simulate
from gapfill_baseline.scenes.cubes import stack_from_cube
from gapfill_baseline.scenes.score import choose_clouds
from gapfill_baseline.scenes.windows import as_reflectance

class Series(NamedTuple):
    "Acquisitions of one place"
    x:Tensor     # reflectance, read where it is clear, float32, (T,C,H,W)
    gap:Tensor   # True = not clear, bool, (T,H,W)
    dates:tuple  # `datetime.date`, ascending, (T,)
    bands:tuple  # names, (C,)

    def at(self,
        positions # of dates, ascending
    ):
        "Take some dates"
        positions = list(positions)
        dates = tuple(self.dates[t] for t in positions)
        return self._replace(x=self.x[positions], gap=self.gap[positions], dates=dates)

# Reading

unclear = [0,1,2,3,8,9,10,11] # classes of Sentinel-2: all but vegetation, bare soil, water and unclassified

@cache
def belgium(
    folder # with the real data
)->Series: # Sentinel-2, six bands, 118 dates of 2017 and 2018, 64 × 64 px
    "Read a field in Belgium"
    files = sorted(map(str, (Path(folder)/'sources'/'worldcereal').glob('S2_L2A_*.nc')))
    stack = stack_from_cube(files, mask='SCL', mask_values=unclear, dilate=2)
    dn,gap = stack.read()
    return Series(as_reflectance(dn, stack.units), torch.from_numpy(gap), tuple(stack.dates), tuple(stack.bands))

@cache
def harvard_forest(
    folder # with the real data
)->Series: # Landsat 5 and 7, six bands, 1 × 300 px
    "Read an image row of a forest in Massachusetts; dates without a clear pixel are left out"
    with np.load(Path(folder)/'places'/'landsat_harvardforest_us'/'p013r030_r50_n423_b8.npz') as arrays:
        dn,ordinals = arrays['Y'],arrays['dates']
    valid = ((dn[:6] > 0) & (dn[:6] <= 10000)).all(0)
    gap = torch.from_numpy((dn[7] > 1) | ~valid)[:,None]
    x = torch.from_numpy(dn[:6]*np.float32(1e-4)).movedim(0, 1)[:,:,None]
    dates = tuple(date.fromordinal(int(o)) for o in ordinals)
    return Series(x, gap, dates, HLS.bands).at(np.flatnonzero(~gap.flatten(1).all(1)))

def _slovenian_masks(folder):
    "Read the 68 cloud masks of a place in Slovenia, in their order, (68,101,100)"
    patch = Path(folder)/'places'/'s2_slovenia_eolearn'
    return torch.from_numpy(np.load(patch/'mask__CLM.npy')[...,0] > 0)

@cache
def mato_grosso(
    folder # with the real data
)->Series: # MODIS composites, four bands, 137 dates of six years, 27 × 37 px
    "Read a place in the savanna of Brazil; its composites have hardly a cloud, so it gets those of Slovenia"
    place = Path(folder)/'places'/'modis_matogrosso_br'
    arrays = []
    for name in ('blue','red','nir','mir'):
        with rasterio.open(place/f'{name}.tif') as f: arrays.append(f.read())
    x = np.stack(arrays, 1)
    valid = ((x > 0) & (x < 1)).all(1)
    masks = _slovenian_masks(folder)[torch.arange(len(x))%68]
    cloudy = masks[:, 30:30+x.shape[2], 30:30+x.shape[3]]
    dates = tuple(date.fromisoformat(line) for line in (place/'timeline').read_text().split())
    return Series(torch.from_numpy(x).float(), cloudy | torch.from_numpy(~valid), dates, ('blue','red','nir','swir_2'))

# Simulation

@cache
def simulated(
    k:int=0, # number of the place
    n_dates:int=48, # dates of two years
    side:int=64 # pixels
)->Series: # of the HLS bands
    "Simulate a place under clouds; a third of the dates is wholly hidden, a third partly"
    rng = np.random.default_rng((2031,k))
    days = np.sort(rng.choice(730, n_dates, replace=False))
    dates = tuple(date(2021,1,1)+timedelta(int(d)) for d in days)
    region = list(regions)[k%len(regions)]
    dn = simulate(side, dates, region, seed=(2031,k), lat=float(rng.uniform(30, 48)))
    coverage = (rng.uniform(-1, 2, n_dates)).clip(0, 1)
    gap = np.stack([clouds(side, share, (2031,k,t)) for t,share in enumerate(coverage)])
    return Series(torch.from_numpy(dn*np.float32(HLS.scale)), torch.from_numpy(gap), dates, HLS.bands)

# Hiding

def hidden_sample(
    series:Series
)->Sample: # a batch of one; `scored` marks the clear pixels that were hidden
    "Hide clear pixels of each date under the clouds of another one"
    by = choose_clouds(series.gap.float().mean((1,2)).tolist())
    gap = series.gap | series.gap[by]
    target = series.x.nan_to_num()*~series.gap[:,None]
    days = torch.from_numpy(days_since(series.dates))
    doy = torch.from_numpy(day_of_year(series.dates))
    prior = torch.tensor(expected_reflectance(series.bands))
    s = Sample(target*~gap[:,None], gap, days, doy, target, ~series.gap, torch.tensor(0), prior)
    return s.map(lambda v: v[None])
