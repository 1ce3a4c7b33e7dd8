"""Hide whole dates of two real series from Presto and compare its predictions with those of simple fillers.

`python experiments/foundation/presto_places.py --weights FILE` needs the folder of real data, by --folder or in
GAPFILL_REAL_DATA, and the published weights (github.com/nasaharvest/presto, data/default_model.pt).

The protocol:
- Togo: 12 monthly composites of Sentinel-2 L1C, February 2019 to January 2020, 17 × 17 px (a test file of
  github.com/nasaharvest/cropharvest). Each month from the second to the eleventh is hidden in turn.
- Bouconne: seven monthly syntheses of surface reflectance, April to November 2018, 246 × 227 px. August is hidden.
- A hidden date is hidden as a whole. All other dates are observed, clouds that remain in a composite included.
- Presto reads Sentinel-2 and the NDVI, either with all ten bands or with the six of HLS, and latitude and longitude.
  Every other sensor stays hidden. Nothing is trained or calibrated.
- The score is the mean absolute error over pixels, the six bands of HLS and hidden dates. `unbiased` leaves out the
  mean error of each band on each hidden date, which a calibration could at best remove."""
import os
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import rasterio
import torch

from gapfill_baseline.core import HLS, Sample, day_of_year, days_since
from gapfill_baseline.models import get_filler
from gapfill_baseline.networks.presto import published_weights, read_presto
from gapfill_baseline.program import program, whole
from gapfill_baseline.scenes.files import stack_from_stacked
from gapfill_baseline.scenes.windows import as_reflectance

ten = (*HLS.bands, 'B05', 'B06', 'B07', 'B08') # `nir` is B8A
products = dict(zip(ten, 'B2 B3 B4 B8A B11 B12 B5 B6 B7 B8'.split())) # names in the file of Togo
togo_layers = 'VV VH B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12 temperature_2m total_precipitation'.split()

class Series(NamedTuple):
    "Clear dates of a place"
    place:str
    hidden:tuple # dates that are hidden in turn, counted from 0
    reflectance:torch.Tensor # of the ten bands, float32, (T,10,H,W)
    dates:tuple # `datetime.date`, (T,)
    lat:float # degrees
    lon:float # degrees

def read_togo(
    folder # of all files
)->Series:
    "Read the twelve months of Togo"
    with rasterio.open(next(Path(folder).glob('places/s2_togo/*.tif'))) as src:
        names,bounds = src.descriptions,src.bounds
        layers = src.read()
    if names[:len(togo_layers)] != tuple(togo_layers):
        raise ValueError(f"The file of Togo begins with the layers {names[:4]}; expected are {togo_layers[:4]}.")
    months = layers[:12*len(togo_layers)].reshape(12, len(togo_layers), *layers.shape[1:])
    dn = months[:,[togo_layers.index(b) for b in products.values()]]
    if not np.isfinite(dn).all(): raise ValueError("The file of Togo has pixels of Sentinel-2 that were not measured.")
    dates = tuple(date(2019+(m > 11), m%12+1, 15) for m in range(1, 13))
    return Series('Togo', tuple(range(1, 11)), torch.from_numpy(dn*1e-4).float(), dates,
                  (bounds.bottom+bounds.top)/2, (bounds.left+bounds.right)/2)

def read_bouconne(
    folder, # of all files
    every:int=1 # take each n-th row and column
)->Series:
    "Read the seven syntheses of Bouconne"
    days = '2018-04-29 2018-05-13 2018-07-08 2018-08-15 2018-09-15 2018-10-15 2018-11-15'.split()
    bands = 'B02 B03 B04 B08 B05 B06 B07 B8A B11 B12'.split()
    path = Path(folder)/'places/s2_bouconne_fr/2018_3A_Theia_Bouconne.tif'
    stack = stack_from_stacked(path, dates=days, bands=bands)
    stack = stack.select('B02 B03 B04 B8A B11 B12 B05 B06 B07 B08'.split())
    dn,_ = stack.read()
    x = as_reflectance(dn, stack.units)[...,::every,::every].float()
    return Series('Bouconne', (3,), x, tuple(stack.dates), 43.65, 1.22)

def hide(
    s:Series,
    t:int, # the hidden date, counted from 0
    n_bands:int # the first bands that are kept
)->Sample: # a batch of one
    "Hide a date as a whole"
    x = s.reflectance[None,:,:n_bands]
    gap = torch.zeros(1, len(s.dates), *x.shape[-2:], dtype=torch.bool)
    gap[:,t] = True
    days,doy = (torch.from_numpy(f(s.dates))[None] for f in (days_since, day_of_year))
    return Sample(x*~gap[:,:,None], gap, days, doy, x, torch.ones_like(gap), torch.tensor([0]))

@torch.no_grad()
def ask_presto(
    net, # a `Presto`
    s:Series,
    sample:Sample # of its first bands
)->torch.Tensor: # (1,T,C,H,W)
    "Predict with Presto"
    year = torch.tensor([[float(d.year) for d in s.dates]])
    place = [torch.tensor([v]) for v in (s.lat, s.lon)]
    bands = ten[:sample.observed.shape[2]]
    return net(sample.observed, sample.gap, sample.days, sample.doy, year, *place, bands)

def errors(
    predicted, # (1,T,C,H,W)
    s:Series,
    t:int # the hidden date
)->dict: # mean absolute error, the same without the mean error of each band, and the mean error of blue
    "Score the six bands of a hidden date"
    error = (predicted[0,t,:6]-s.reflectance[t,:6]).double()
    bias = error.mean((1,2), keepdim=True)
    return dict(mae=error.abs().mean().item(), unbiased=(error-bias).abs().mean().item(), blue=bias[0].item())

def score_place(
    net, # a `Presto`
    s:Series
)->pd.DataFrame: # one row per hidden date and method
    "Score Presto and two fillers on the hidden dates of a place"
    rows = []
    for t in s.hidden:
        found = {f'presto, {n} bands': ask_presto(net, s, hide(s, t, n)) for n in (10, 6)}
        found |= {name: get_filler(name).predict(hide(s, t, 6)).mean for name in ('linear','mean')}
        rows += [dict(place=s.place, hidden=s.dates[t], method=name) | errors(p, s, t) for name,p in found.items()]
    return pd.DataFrame(rows)

def summary(
    rows:pd.DataFrame # of `score_place`
)->pd.DataFrame: # one row per place and method
    "Average the errors over hidden dates"
    return rows.groupby(['place','method'], sort=False)[['mae','unbiased','blue']].mean().reset_index()

@program
def presto_places(
    folder:str=None, # of the real data; None = the one that GAPFILL_REAL_DATA names
    weights:str=None, # file of Presto; None = presto/default_model.pt in `weights` beside that folder
    every:int=1, # of Bouconne, take each n-th row and column
    out:str=None # CSV file for a row per hidden date and method; None = only print
)->pd.DataFrame: # one row per place and method
    "Compare Presto with simple fillers on whole hidden dates"
    folder = folder or os.environ.get('GAPFILL_REAL_DATA')
    if not folder: raise ValueError("folder is not given. Pass --folder, or set GAPFILL_REAL_DATA.")
    weights = weights or published_weights('presto/default_model.pt')
    if not weights: raise ValueError("weights is not given. Pass --weights, the path of default_model.pt.")
    net = read_presto(weights)
    rows = pd.concat([score_place(net, s) for s in (read_togo(folder), read_bouconne(folder, every))])
    table = summary(rows)
    print(table.to_string(index=False, float_format='{:.4f}'.format))
    if out:
        with whole(out) as part: rows.to_csv(part, index=False, float_format='%.5g')
    return table

if __name__=='__main__': presto_places()
