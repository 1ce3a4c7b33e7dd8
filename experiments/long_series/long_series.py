"""Measure from how many dates `harmonic_regression` has a smaller error than the other fillers, and its speed.

`GAPFILL_REAL_DATA=FOLDER python experiments/long_series/long_series.py --out_dir nbs/stored` cuts long series to a few
dates, hides clear pixels as `gapfill_fill --score` does, fills them, and writes long_series.csv (one row per series,
choice of dates, number of dates and filler), long_series_whole.csv (the whole series) and long_series_speed.csv. The
page `nbs/fillers/03_harmonic_regression.ipynb` shows them. Without GAPFILL_REAL_DATA, simulated places alone are used.
It takes about ten minutes of one core."""
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gapfill_baseline.core import Sample
from gapfill_baseline.models import get_filler
from gapfill_baseline.program import program, whole
from series import Series, belgium, harvard_forest, hidden_sample, mato_grosso, simulated

names = ('linear','regression','bayes','kernel','harmonic','harmonic_regression')
lengths = (3,4,6,8,12,20,40)
places = 4 # simulated

def all_series(
    folder=None # with the real data; None = simulated places only
)->dict: # name -> `Series`
    "Collect the series"
    made = {f'simulated {k}': simulated(k) for k in range(places)}
    if not folder: return made
    return dict(belgium=belgium(folder), harvard_forest=harvard_forest(folder), mato_grosso=mato_grosso(folder)) | made

# Cuts. Dates are taken in two ways: consecutive ones, as in a short observation period, and dates that are evenly
# spaced in two years, as a user picks them who wants all seasons.

def _consecutive(n_dates, n, k, cuts):
    "List positions of `n` consecutive dates, cut number `k` of some"
    return (n_dates-n)*k//max(cuts-1, 1)+np.arange(n)

def _evenly(days, n, k, cuts, period=730):
    "List positions of `n` dates that are evenly spaced in a period; None if it has fewer"
    first = np.searchsorted(days, max(days[-1]-period, 0)*k/max(cuts-1, 1))
    last = np.searchsorted(days, days[first]+period, side='right')-1
    if last-first+1 < n: return None
    return np.linspace(first, last, n).round().astype(int)

def cuts_of(
    series:Series, # to cut
    n:int, # dates of a cut
    choice:str, # consecutive or evenly
    cuts:int=4 # at most
)->Iterator: # `Series`
    "Cut a series to some dates, several times"
    days = np.array([(d-series.dates[0]).days for d in series.dates])
    if len(days) < n: return
    seen = set()
    for k in range(cuts):
        at = _consecutive(len(days), n, k, cuts) if choice=='consecutive' else _evenly(days, n, k, cuts)
        if at is None or tuple(at) in seen: continue
        seen.add(tuple(at))
        yield series.at(at)

# Errors

def absolute_error(
    filler, # `Filler`
    s:Sample # a batch of one whose `scored` pixels are hidden
)->tuple: # sum over pixels and bands, reflectance; their number
    "Sum the absolute errors of a filler at hidden pixels"
    scored = s.scored[:,:,None].expand_as(s.target)
    error = (filler(s).mean-s.target).abs()[scored]
    return error.double().sum().item(),error.numel()

def _hidden(cut):
    "Hide a cut; None if no date has clouds to hide others with"
    try: s = hidden_sample(cut)
    except ValueError: return None
    return s if s.scored.any() else None

def errors_of(
    series:dict, # name -> `Series`
    lengths=lengths, # numbers of dates
    names=names, # fillers
    cuts:int=4 # of each series, number and choice
)->pd.DataFrame: # series, choice, dates, filler, mae, n
    "Measure the errors of fillers on cut series"
    rows = []
    for (place,one),n,choice in ((p,n,c) for p in series.items() for n in lengths for c in ('consecutive','evenly')):
        samples = [s for s in map(_hidden, cuts_of(one, n, choice, cuts)) if s is not None]
        for name in names if samples else ():
            filler = get_filler(name).for_bands(one.bands)
            total,count = map(sum, zip(*(absolute_error(filler, s) for s in samples)))
            rows.append(dict(series=place, choice=choice, dates=n, filler=name, mae=total/count, n=count))
    return pd.DataFrame(rows)

def whole_errors(
    series:dict, # name -> `Series`
    names=names # fillers
)->pd.DataFrame: # a row per series, MAE of each filler
    "Measure the errors of fillers on whole series"
    rows = {}
    for place,one in series.items():
        s = hidden_sample(one)
        fill = {name: absolute_error(get_filler(name).for_bands(one.bands), s) for name in names}
        rows[place] = dict(dates=len(one.dates)) | {name: total/count for name,(total,count) in fill.items()}
    return pd.DataFrame(rows).T.rename_axis('series')

# Summary

def ratios(
    errors:pd.DataFrame, # of `errors_of`
    to:str='harmonic_regression' # filler
)->pd.DataFrame: # geometric mean over series, one row per choice and number of dates, one column per other filler
    "Divide the error of a filler by that of each other one; below 1 it is better"
    wide = errors.pivot_table(index=['choice','dates','series'], columns='filler', values='mae')
    logs = np.log(wide[to])-np.log(wide.drop(columns=to)).T
    return np.exp(logs.T.groupby(['choice','dates']).mean())

# Speed

def made_chip(
    n_dates:int=20, # dates
    side:int=224 # pixels
)->Sample: # a batch of one, half of it hidden in squares
    "Make a chip of random reflectance"
    g = torch.Generator().manual_seed(0)
    x = torch.rand(1, n_dates, 6, side, side, generator=g)
    coarse = torch.rand(1, n_dates, -(-side//8), -(-side//8), generator=g) > .5
    gap = coarse.repeat_interleave(8, -1).repeat_interleave(8, -2)[...,:side,:side]
    days = torch.arange(n_dates)[None]*16.
    return Sample(x*~gap[:,:,None], gap, days, 1+days%365, x, ~gap, torch.tensor([0]))

def _cpu_seconds(f, tries):
    "Measure the least CPU time of some calls"
    taken = []
    for _ in range(tries):
        start = time.process_time()
        f()
        taken.append(time.process_time()-start)
    return min(taken)

def speed(
    names=names, # fillers
    tries:int=3, # the fastest counts
    **kwargs # `n_dates` and `side` of `made_chip`
)->pd.DataFrame: # a row per filler: CPU seconds, and times those of `regression`
    "Measure the CPU time of fillers on one chip, without reading and writing"
    s = made_chip(**kwargs)
    seconds = pd.Series({name: _cpu_seconds(lambda: get_filler(name).predict(s), tries) for name in names})
    return pd.DataFrame(dict(cpu_s=seconds, times_regression=seconds/seconds.regression)).rename_axis('filler')

@program
def main(
    out_dir:str='nbs/stored', # for the tables
    cuts:int=4, # of each series, number of dates and choice of dates
    only_speed:bool=False # measure nothing but the speed
):
    "Measure errors of cut series, errors of whole series, and speed"
    torch.set_num_threads(1)
    tables = {'long_series_speed': speed().round(4)}
    if not only_speed:
        series = all_series(os.environ.get('GAPFILL_REAL_DATA'))
        errors = errors_of(series, cuts=cuts)
        print(ratios(errors).round(3).to_string())
        tables['long_series'] = errors.round(6).set_index('series')
        tables['long_series_whole'] = whole_errors(series).round(6)
    for name,table in tables.items():
        if name!='long_series': print(table.to_string())
        with whole(Path(out_dir)/f'{name}.csv') as part: table.to_csv(part)

if __name__=='__main__': main()
