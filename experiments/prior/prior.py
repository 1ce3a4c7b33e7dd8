"""Learn the prior that `bayes` and `kernel` start from, on simulated places, and store it in the package.

`python experiments/prior/prior.py` simulates clear dates of places of all regions, learns the slopes that predict a
date from one or two others, and writes gapfill_baseline/fillers/bayes_prior.npz. No real chip takes part."""
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import torch

from gapfill_baseline.core import HLS, day_of_year
from gapfill_baseline.fillers.bayes import learn_prior, save_prior
from gapfill_baseline.program import program
from gapfill_baseline.sample import regions, simulate

root = Path(__file__).resolve().parents[2]
shipped = root/'gapfill_baseline'/'fillers'/'bayes_prior.npz'
mean = torch.tensor(HLS.mean)*HLS.scale
deviation = torch.tensor([.03,.035,.05,.1,.08,.08]) # round numbers

def simulated_place(
    k:int, # number of the place
    n_dates:int=14, # clear dates of a year
    side:int=64 # pixels
)->tuple: # reflectance (n,C,H,W), days (n,), days of the year (n,)
    "Simulate clear dates of a place"
    rng = np.random.default_rng((2022,k))
    days = np.sort(rng.choice(365, n_dates, replace=False))
    dates = [date(2022,1,1)+timedelta(int(d)) for d in days]
    region = list(regions)[k%len(regions)]
    dn = simulate(side, dates, region, seed=(2022,k), lat=float(rng.uniform(30, 48)))
    return torch.from_numpy(dn*np.float32(HLS.scale)),torch.tensor(days).float(),torch.from_numpy(day_of_year(dates))

def learn(
    n_places:int=40, # simulated places
    most:int=300 # examples per place
):
    "Learn the prior of the six HLS bands"
    return learn_prior([simulated_place(k) for k in range(n_places)], HLS.bands, mean, deviation, most=most)

@program
def main(
    out:str=str(shipped), # file to write
    places:int=40 # simulated places
):
    "Learn a prior from simulated places and store it"
    save_prior(learn(places), out)
    print(f"{out}: {Path(out).stat().st_size/1024:.0f} kB, from {places} simulated places")

if __name__=='__main__': main()
