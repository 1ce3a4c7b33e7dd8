"""Try schedules, weights of the squared error and averages of the CGAN, on held-out simulated chips.

`python experiments/cgan/trials.py WORK --out_dir nbs/stored` makes a simulated dataset in the folder WORK, trains one
CGAN per setting and seed there, and stores cgan_trials.csv after each run: the error on the held-out training chips
after each epoch. A call that was stopped continues where it ended. The seeds come one after the other, so that each
finished seed compares all settings. By default a run has 3000 steps of four chips, about half an hour on one core."""
import math
import shutil
from pathlib import Path

import pandas as pd
from fastcore.script import Param

from gapfill_baseline.cli import gapfill_train
from gapfill_baseline.program import program, whole
from gapfill_baseline.sample import make_sample
from gapfill_baseline.train.runs import chip_ids, read_config, read_history

settings = dict( # name -> options of gapfill_train
    constant=dict(lr_schedule='constant'),
    linear=dict(lr_schedule='linear'),
    cosine=dict(lr_schedule='cosine'),
    alpha_1=dict(alpha=1.),
    alpha_25=dict(alpha=25.),
    alpha_125=dict(alpha=125.),
    average_995=dict(weight_average=.995),
    average_999=dict(weight_average=.999))

def _steps_per_epoch(run):
    "Count the batches of an epoch of a run"
    return math.ceil(len(chip_ids(run/'training_tifs.csv'))/read_config(run)['batch_size'])

def curve(
    run:Path # folder of a run
)->pd.DataFrame: # step, mae (reflectance) on the held-out chips after each epoch
    "Read the error of a run"
    history = read_history(run)
    return pd.DataFrame(dict(step=history.epoch*_steps_per_epoch(run), mae=history.valid_gap_mae))

def train_once(
    work:Path, # folder with the dataset
    name:str, # of the setting
    seed:int, # of the run
    epochs:int, # of training
    **common # options of gapfill_train that all runs share
)->Path: # folder of the run
    "Train a run, resume it, or leave it where it is finished"
    run = work/'runs'/f'{name}_{seed}'
    if (run/'result.csv').exists(): return run
    common |= dict(dataroot=str(work/'data'), out_dir=str(work/'runs'), mask_position='all', device='cpu')
    gapfill_train(job_id=run.name, seed=seed, epochs=epochs, visualization='none', resume=run.exists(),
                  **common | settings[name])
    shutil.rmtree(run/'checkpoints')
    return run

def store(
    runs:dict, # (name of the setting, seed) -> folder of the run
    path:Path # of the table
):
    "Write the curves of all finished runs into one table"
    tables = [curve(run).assign(setting=name, seed=seed) for (name,seed),run in runs.items()]
    table = pd.concat(tables)[['setting','seed','step','mae']]
    with whole(path) as part: table.to_csv(part, index=False, float_format='%.6f')

@program
def trials(
    work:str, # folder of the dataset and the runs
    out_dir:str='nbs/stored', # folder of cgan_trials.csv
    steps:int=3000, # of each run, rounded up to whole epochs
    seeds:Param('of the runs', int, nargs='+')=(0,1,2),
    names:Param('settings to try; all unless given', str, nargs='+')=None,
    n_train:int=400, # simulated training chips; a tenth of the places is held out
    batch_size:int=4, # chips per batch
    model_cap:int=16, # width of the generator's first layer
    size:int=64 # pixels of a side of a chip
)->Path: # of the table
    "Train the CGAN with each setting and seed, and store the error on held-out chips"
    work,path = Path(work),Path(out_dir)/'cgan_trials.csv'
    if not (work/'data').exists():
        make_sample(work/'data', n_train=n_train, n_validate=8, n_masks=max(n_train//2, 8), size=size)
    epochs = math.ceil(steps*batch_size/n_train)
    runs = {}
    for seed in seeds:
        for name in names or settings:
            runs[name,seed] = train_once(work, name, seed, epochs, batch_size=batch_size, model_cap=model_cap)
            store(runs, path)
    return path

if __name__=='__main__': trials()
