"""Train every network on simulated places until it no longer improves, and store its error against its compute.

`python experiments/trial/trial.py --work data/trial --out nbs/stored/trial` makes the chips, trains each network with
three seeds, and stores the tables that the page `nbs/experiments/trial.ipynb` shows. All of it takes about 30 hours of
one core. A call that was stopped continues with the epoch that it had begun; `--minutes` stops each training after some
time, and `--runs cgan_0 unet_1` names the runs to train, so that several calls can share the work."""
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pandas as pd
from fastcore.script import Param

from gapfill_baseline.masks import to_sample
from gapfill_baseline.models import get_filler
from gapfill_baseline.program import program, whole
from gapfill_baseline.train.fit import open_data, score_filler
from gapfill_baseline.train.runs import read_config, read_history

chips = '--n_train 2250 --n_validate 224 --n_masks 400' # of `gapfill_sample`; a tenth of the training chips is held out
a_tenth = '--n_train 225 --n_validate 22 --n_masks 40' # the same for a tenth of the chips
common = '--mask_position all --visualization none --device cpu' # of every training
small_batches = '--batch_size 8'
cgan = '--model cgan --model_cap 16 --batch_size 4'
networks = dict( # name -> options of `gapfill_train`; cgan_decay and cgan_alpha are short, to choose options by
    cgan=f'{cgan} --epochs 40',
    cgan_decay=f'{cgan} --epochs 6 --lr_schedule cosine',
    cgan_alpha=f'{cgan} --epochs 6 --alpha 20',
    unet=f'--model unet {small_batches} --epochs 40',
    vit=f'--model vit {small_batches} --epochs 40',
    ridgeunet=f'--model ridgeunet {small_batches} --epochs 20')
halves = dict(unet=20, vit=20, ridgeunet=10) # epochs of a run of half the length, whose learning rate also falls to 0
lines = 'mean', 'linear', 'regression', 'bayes', 'kernel' # fillers without training, horizontal lines in the figure

class Run(NamedTuple):
    "A training run of the trial"
    name:str # of the run and its folder
    network:str # one of `networks`
    seed:int # of the random numbers
    options:str # of `gapfill_train`

def all_runs(
    seeds:int=3 # of each network
)->list: # of `Run`: those of full length, then one of half the length for each network with a falling learning rate
    "List the runs of the trial"
    runs = [Run(f'{name}_{seed}', name, seed, options) for seed in range(seeds) for name,options in networks.items()]
    return runs + [Run(f'{name}_half', name, 0, f'{networks[name]} --epochs {n}') for name,n in halves.items()]

def call(
    name:str, # program
    *args # of the program
)->float: # CPU seconds of the program and its children
    "Run a program on one thread; more threads would change the last bits"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [Path(sys.executable).parent/name, *' '.join(map(str, args)).split()]
    subprocess.run(command, check=True, env=os.environ | dict(OMP_NUM_THREADS='1'))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime+after.ru_stime-before.ru_utime-before.ru_stime

def make_chips(
    folder:Path, # of the dataset
    options:str # of `gapfill_sample`
)->Path: # the folder, complete
    "Simulate the chips of the trial, unless they are there"
    if folder.exists(): return folder
    part = folder.with_name(f'{folder.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    call('gapfill_sample', part, options)
    return part.rename(folder)

def train(
    run:Run, # to train
    data:Path, # dataset
    out:Path, # folder of runs
    minutes:float=None # stop after so much time; None = when it is finished
):
    "Train a run, or continue it, unless it is finished"
    folder = out/run.name
    if is_finished(folder): return
    also = ['--resume'] if folder.exists() else []
    if minutes: also += ['--minutes', minutes]
    call('gapfill_train', '--dataroot', data, '--out_dir', out, '--job_id', run.name, '--seed', run.seed, common,
         run.options, *also)

def is_finished(
    folder:Path # of a run
)->bool: # every epoch is trained, and the result is written
    "Check whether a run has all its epochs"
    if not (folder/'result.csv').exists(): return False
    return len(read_history(folder)) >= read_config(folder)['epochs']

# Error against compute

def cpu_per_epoch(
    network:str, # name
    data:Path # dataset of a tenth of the chips
)->float: # CPU seconds of an epoch of all chips, its validation included
    "Measure the CPU time of an epoch: ten times the difference of two short runs, which begin alike"
    with tempfile.TemporaryDirectory() as folder:
        one,two = (call('gapfill_train', '--dataroot', data, '--out_dir', folder, '--job_id', f'of_{n}', common,
                        networks[network], '--epochs', n) for n in (1,2))
    return 10*(two-one)

def cpu_table(
    work:Path, # of the trial
    names=tuple(networks) # of networks
)->pd.Series: # network -> CPU seconds of an epoch
    "Measure the CPU time of an epoch of each network, unless the table `cpu.csv` has it"
    path = work/'cpu.csv'
    known = pd.read_csv(path, index_col='network').cpu_seconds if path.exists() else pd.Series(dtype=float)
    for name in names:
        if name in known: continue
        known[name] = cpu_per_epoch(name, make_chips(work/'a_tenth', a_tenth))
        with whole(path) as part: known.rename_axis('network').rename('cpu_seconds').round(2).to_csv(part)
    return known

def curve(
    run:Run, # trained
    out:Path, # folder of runs
    cpu_seconds:float # of an epoch
)->pd.DataFrame: # one row per epoch: run, network, seed, epoch, steps, cpu_hours, mae [reflectance]
    "Read the error of a run on its held-out chips after each epoch"
    folder = out/run.name
    history = read_history(folder)
    config = read_config(folder)
    n_train = len(pd.read_csv(folder/'training_tifs.csv'))
    steps = -(-n_train//config['batch_size'])
    epoch = history.epoch.astype(int)
    return pd.DataFrame(dict(run=run.name, network=run.network, seed=run.seed, epoch=epoch, steps=epoch*steps,
                             cpu_hours=epoch*cpu_seconds/3600, mae=history.valid_gap_mae))

def run_table(
    curves:pd.DataFrame, # of `curve`, all runs
    out:Path # folder of runs
)->pd.DataFrame: # run, network, seed, epochs that are trained, epochs_wanted, steps, cpu_hours, mae after the last one
    "Tabulate how far each run has come"
    last = curves.groupby('run', sort=False).tail(1).rename(columns=dict(epoch='epochs'))
    last.insert(4, 'epochs_wanted', [read_config(out/run)['epochs'] for run in last.run])
    return last

def line_table(
    folders, # of runs of several seeds, each with held-out chips of its own
    names=lines # of fillers
)->pd.DataFrame: # filler, mae [reflectance], the mean over runs
    "Score fillers without training on the held-out chips of runs"
    rows = []
    for folder in folders:
        held = open_data(SimpleNamespace(**read_config(folder))).held
        rows += [dict(filler=name, mae=score_filler(get_filler(name), held, to_sample)['valid_gap_mae'])
                 for name in names]
    return pd.DataFrame(rows).groupby('filler', sort=False, as_index=False).mae.mean()

def overtakes(
    curves:pd.DataFrame, # of `curve`, runs of full length
    table:pd.DataFrame # of `line_table`
)->pd.DataFrame: # network, filler, epoch, steps, cpu_hours; NaN = never
    "Find for each network and filler the epoch from which the mean over seeds stays below the filler's error"
    rows = []
    for network,of in curves.groupby('network', sort=False):
        mean = of.groupby('epoch')[['steps','cpu_hours','mae']].mean()
        for filler,mae in zip(table.filler, table.mae):
            row = dict(network=network, filler=filler)
            below = mean[first_of_last_run(mean.mae < mae):]
            if len(below): row |= dict(epoch=below.index[0]) | below.iloc[0][['steps','cpu_hours']].to_dict()
            rows.append(row)
    return pd.DataFrame(rows, columns=['network','filler','epoch','steps','cpu_hours'])

def first_of_last_run(
    flags # bool, in order
)->int: # position; their number if the last one is False
    "Find where the last uninterrupted series of True begins"
    flags = list(flags)
    n = len(flags)
    while n and flags[n-1]: n -= 1
    return n

def flatness(
    curves:pd.DataFrame # of `curve`, all runs
)->pd.DataFrame: # network, longer, shorter [reflectance], gain [%]
    "Compare for each network a run of full length with one of half the length, or the second half with the first"
    rows = []
    for network,of in curves.groupby('network', sort=False):
        full = of[of.run==f'{network}_0'].mae
        half = of[of.run==f'{network}_half'].mae
        if half.empty: half = full.iloc[:len(full)//2]
        rows.append(dict(network=network, shorter=half.min(), longer=full.min(), gain=100*(1-full.min()/half.min())))
    return pd.DataFrame(rows)

def tables_of(
    work:Path, # of the trial
    runs # `Run`s that are wanted; those without an epoch are left out
)->dict: # name of the file -> table
    "Make the curves, the errors of fillers without training, and the epochs from which a network is better"
    folder = work/'runs'
    runs = [run for run in runs if (folder/run.name/'history.csv').exists()]
    cpu = cpu_table(work, dict.fromkeys(run.network for run in runs))
    curves = pd.concat([curve(run, folder, cpu[run.network]) for run in runs], ignore_index=True)
    full = [run for run in runs if not run.name.endswith('_half')]
    seeds = {run.seed: folder/run.name for run in full}
    table = line_table(seeds.values())
    return dict(curves=curves, runs=run_table(curves, folder), lines=table, flatness=flatness(curves),
                overtakes=overtakes(curves[curves.run.isin([run.name for run in full])], table))

def store_tables(
    work:Path, # of the trial
    out:Path, # folder for the tables
    runs # `Run`s that are wanted; those without an epoch are left out
):
    "Store all tables"
    tables = tables_of(work, runs)
    out.mkdir(parents=True, exist_ok=True)
    for name,t in tables.items():
        with whole(out/f'{name}.csv') as part: t.to_csv(part, index=False, float_format='%.5g')

@program
def trial(
    work:str='data/trial', # folder for chips and runs
    out:str='nbs/stored/trial', # folder for the tables
    seeds:int=3, # of each network
    runs:Param('names of some runs, such as cgan_0; all unless given', str, nargs='+')=None,
    minutes:float=None, # for each run in this call; the next call continues it
    only_tables:bool=False # train nothing
):
    "Train every network for long, and store its error against its compute"
    work,out = Path(work).resolve(),Path(out).resolve()
    every = all_runs(seeds)
    unknown = sorted(set(runs or [])-{run.name for run in every})
    if unknown: raise ValueError(f"runs has {unknown[0]!r}. Choose from: {', '.join(run.name for run in every)}.")
    chosen = [run for run in every if not runs or run.name in runs]
    data = make_chips(work/'chips', chips)
    if not only_tables:
        for run in chosen: train(run, data, work/'runs', minutes)
    if only_tables or not runs: store_tables(work, out, every)

if __name__=='__main__': trial()
