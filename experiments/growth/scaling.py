"""Measure one process against two: is it the same network, and how much sooner is it there?

`python experiments/growth/scaling.py --out_dir nbs/stored` stores scaling_curves.csv and scaling.csv, which the page
`nbs/experiments/scaling.ipynb` shows. What is measured is the program itself, `gapfill_train`, as it is started by
hand: one process, several that share the batches, or several runs at once that know nothing of each other. The last are
what the machine can do when nothing has to be exchanged."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from gapfill_baseline.program import program
from gapfill_baseline.sample import make_sample
from gapfill_baseline.train.runs import read_history

models = dict(unet=dict(model='unet', width=8), ridgeunet=dict(model='ridgeunet', width=8),
              vit=dict(model='vit', width=48), cgan=dict(model='cgan', model_cap=8, training_length=16, crop=32))
seeds = dict(unet=(0,1,2), ridgeunet=(0,), vit=(0,), cgan=(0,1))

def command(
    options:dict, # of `gapfill_train`, by name; a list for several values
    processes:int=1 # that share each batch
)->list: # words of the command
    "Say how `gapfill_train` is started in one process, or under torchrun in several"
    several = lambda v: v if isinstance(v, (list,tuple)) else [v]
    words = [str(w) for k,v in options.items() for w in (f'--{k}', *several(v))]
    train = [str(Path(sys.executable).parent/'gapfill_train'), *words]
    if processes==1: return train
    torchrun = [sys.executable, '-P', '-m', 'torch.distributed.run', '--standalone']
    return [*torchrun, '--nproc_per_node', str(processes), '--no-python', *train]

def run_all(
    *commands # each a list of words
):
    "Run commands at the same time, each process on one thread, until all have ended well"
    kw = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | dict(OMP_NUM_THREADS='1'))
    ps = [subprocess.Popen(c, **kw) for c in commands]
    for p in ps:
        if p.wait(): raise RuntimeError(f'{p.args[-2:]} failed: {p.stdout.read()[-800:]}')

def _common(folder):
    "Options that all runs in a folder share"
    folder = Path(folder)
    return dict(dataroot=folder/'data', out_dir=folder/'runs', cache_dir=folder/'cache', device='cpu',
                visualization='none', mask_position='all', select_on='validation')

learned = 'train_loss','train_gap_mae','valid_loss','valid_gap_mae','train_g_loss','train_d_loss','valid_g_loss'

def measure_curves(
    folder, # dataset, runs
    path, # CSV to write
    models:dict, # label -> options
    seeds:dict, # label -> seeds
    epochs:int=12, # of each run
    batch:int=8 # chips a step, over all processes
)->pd.DataFrame: # model, seed, processes, epoch, columns of the history
    "Train each model in one process and in two, on the same batches, and store the histories"
    rows = []
    for model,seed,n in [(m,s,n) for m in models for s in seeds[m] for n in (1,2)]:
        job = f'{model}_{seed}_{n}'
        run = Path(folder)/'runs'/job
        own = models[model] | dict(job_id=job, seed=seed, batch_size=batch//n, epochs=epochs)
        if not (run/'result.csv').exists(): run_all(command(_common(folder) | own, n))
        rows.append(read_history(run).assign(model=model, seed=seed, processes=n))
        t = pd.concat(rows)
        t[['model','seed','processes','epoch',*(c for c in learned if c in t)]].to_csv(path, index=False)
    return pd.read_csv(path)

def fastest_epoch(
    history # of a run
)->float: # training chips a second
    "Find the speed of the fastest epoch after the first"
    return float(history.chips_per_second[1:].max())

def _speeds(folder, options, job, chips):
    "Train one, then two that know nothing of each other, then two together; chips a second of each kind"
    def one(job, n=1): return command(_common(folder) | options | dict(job_id=job, training_length=chips*n), n)
    def of(job): return fastest_epoch(read_history(Path(folder)/'runs'/job))
    a,b,c,d = (f'{job}_{k}' for k in 'abcd')
    run_all(one(a))
    run_all(one(b), one(c))
    run_all(one(d, 2))
    return {'one': of(a), 'two apart': of(b)+of(c), 'two together': of(d)}

def measure_speed(
    folder, # dataset, runs
    path, # CSV to write
    models:dict, # label -> options
    chips:int=16, # a process and epoch
    batch:int=4, # a process
    epochs:int=6, # of each run
    runs:int=1 # of each kind, in turns
)->pd.DataFrame: # model, kind, run, chips_per_second
    "Measure one process, two that know nothing of each other, two together"
    rows = []
    for r,model in [(r,m) for r in range(runs) for m in models]:
        found = _speeds(folder, models[model] | dict(epochs=epochs, batch_size=batch), f'{model}_{r}', chips)
        rows += [dict(model=model, kind=k, run=r, chips_per_second=v) for k,v in found.items()]
        pd.DataFrame(rows).to_csv(path, index=False)
    return pd.DataFrame(rows)

@program
def measure_scaling(
    out_dir:str='.', # where scaling_curves.csv and scaling.csv go
):
    "Measure one process against two: what they learn, and how fast"
    out = Path(out_dir)
    with tempfile.TemporaryDirectory() as d:
        make_sample(f'{d}/data', n_train=32, n_validate=16, n_masks=40, size=64)
        measure_curves(d, out/'scaling_curves.csv', models, seeds)
    with tempfile.TemporaryDirectory() as d:
        make_sample(f'{d}/data', n_train=64, n_validate=2, n_masks=40, size=64)
        measure_speed(d, out/'scaling.csv', {m: models[m] for m in ('unet','vit')}, runs=3)

if __name__=='__main__': measure_scaling()
