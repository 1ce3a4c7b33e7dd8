"""How fast are the fillers beside `regression`, on the same chips in the same run?

`OMP_NUM_THREADS=1 python experiments/speed/filler_speed.py` simulates chips, fills them with each filler in turn, some
rounds, and prints the median of the ratios of CPU time within a round, the range of these ratios, and the error in the
gap. `--dataroot` takes the validation chips of a dataset under their fixed gaps instead. Reading and writing are not
counted. `kernel of 0.1.0` is the earlier kernel regression."""
import time
from datetime import date, timedelta

import numpy as np
import pandas as pd
import torch
from fastcore.script import Param

from earlier_kernel import EarlierKernelFill
from gapfill_baseline.core import HLS, Sample, day_of_year, days_since
from gapfill_baseline.data import read_catalog
from gapfill_baseline.masks import open_split, to_sample
from gapfill_baseline.models import get_filler
from gapfill_baseline.program import program
from gapfill_baseline.sample import clouds, regions, simulate

earlier = 'kernel of 0.1.0'

def simulated_chips(
    n:int, # chips
    side:int, # pixels
    n_dates:int # dates, 16 days apart
)->Sample: # a batch
    "Simulate chips under clouds"
    dates = [date(2022,4,1)+timedelta(16*k) for k in range(n_dates)]
    x,gap = [],[]
    for k in range(n):
        dn = simulate(side, dates, list(regions)[k%len(regions)], seed=(31,k))
        x.append(torch.from_numpy(dn*np.float32(HLS.scale)))
        shares = np.random.default_rng((31,k)).uniform(.1, .9, n_dates)
        gap.append(torch.from_numpy(np.stack([clouds(side, share, (31,k,t)) for t,share in enumerate(shares)])))
    x,gap = torch.stack(x),torch.stack(gap)
    days,doy = (torch.from_numpy(f(dates)).float().expand(n, -1) for f in (days_since, day_of_year))
    return Sample(x*~gap[:,:,None], gap, days, doy, x, torch.ones_like(gap), torch.arange(n))

def real_chips(
    dataroot:str, # a dataset
    cache:str # folder for its packed files
)->Sample: # a batch
    "Read the validation chips of a dataset under their fixed gaps"
    chips = open_split(read_catalog(dataroot), 'validate', cache, '1 2 3 12 23 13 123'.split())
    return to_sample(chips[0,range(len(chips))])

def seconds_and_error(
    filler, # a `Filler`
    s:Sample # a batch
)->tuple: # CPU seconds, mean absolute error in the gap
    "Fill a batch"
    start = time.process_time()
    mean = filler.predict(s).mean
    seconds = time.process_time()-start
    error = (mean-s.target).abs().mean(2)[s.scored]
    return seconds,error.mean().item()

def measure(
    names:list, # of fillers, or `earlier`
    s:Sample, # a batch
    rounds:int # of all fillers in turn
)->pd.DataFrame: # a row per filler: MAE, chips per CPU second, speed as a ratio to `regression`, its range
    "Compare the speed of fillers"
    fillers = {name: EarlierKernelFill() if name==earlier else get_filler(name) for name in ['regression', *names]}
    warm_up = s.map(lambda v: v[:1])
    for filler in fillers.values(): filler.predict(warm_up)
    runs = pd.DataFrame([{name: seconds_and_error(f, s) for name,f in fillers.items()} for _ in range(rounds)])
    seconds = runs.map(lambda run: run[0])
    ratio = seconds.rdiv(seconds.regression, axis=0)
    return pd.DataFrame(dict(mae=runs.iloc[0].map(lambda run: run[1]), chips_per_s=len(s.gap)/seconds.median(),
                             speed=ratio.median(), lowest=ratio.min(), highest=ratio.max()))

@program
def main(
    fillers:Param('names of fillers', str, nargs='+')=None,
    side:int=64, # of a simulated chip, pixels
    dates:int=3, # of a simulated chip
    chips:int=12, # simulated chips
    rounds:int=5, # of all fillers in turn
    dataroot:str=None, # a dataset whose validation chips are filled instead
    cache:str='data/cache', # folder for its packed files
):
    "Compare the speed of fillers with that of `regression`"
    torch.set_num_threads(1)
    s = real_chips(dataroot, cache) if dataroot else simulated_chips(chips, side, dates)
    table = measure(fillers or ['bayes', 'kernel', earlier], s, rounds)
    print(table.round(dict(mae=5, chips_per_s=1, speed=2, lowest=2, highest=2)).to_string())
    return table

if __name__=='__main__': main()
