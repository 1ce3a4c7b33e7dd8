"""Train every network with three seeds, compare all fillers, and store the tables that the pages show in nbs/stored.

Finished runs are kept, so a call that was stopped goes on. Real chips are used where GAPFILL_REAL_DATA names them."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from fastcore.script import call_parse

root = Path(__file__).resolve().parents[2]
sys.path.append(str(root/'tools'))
from stored_tables import note_made

common = '--mask_position all --visualization none --device cpu'
brief = '--batch_size 8 --epochs 15'
sample = dict(ridgeunet=brief, unet=brief, vit=brief, cgan='--model_cap 16 --batch_size 4 --epochs 30')
ridge = '--model ridgeunet --batch_size 8 --precision bf16 --nearly_hidden .25'
cgan = '--model cgan --model_cap 16 --batch_size 16'
real_runs = dict(real=('published', '', 55), swapped=('swapped', '_swapped', 110)) # split, mark, epochs of the CGAN
tables = 'summary.csv', 'differences.csv', 'cuts.csv', 'seeds.csv'

def program(name, *args):
    "Run a command on one thread: how many there are changes the last bits, and a CGAN makes much of them"
    command = [Path(sys.executable).parent/name, *map(str, args)]
    subprocess.run(command, check=True, env=os.environ | dict(OMP_NUM_THREADS='1'))

def train(out, job, *args):
    "Train a run, or resume it, unless it is finished"
    if (out/job/'result.csv').exists(): return
    options = ' '.join(map(str, args)).split()
    resume = ['--resume'] if (out/job).exists() else []
    program('gapfill_train', '--out_dir', out, '--job_id', job, *options, *common.split(), *resume)

def compare(name, work, dataroot, runs, *args):
    "Compare all fillers with the runs and store the tables"
    out = work/f'compare_{name}'
    shutil.rmtree(out, ignore_errors=True)
    program('gapfill_compare', '--dataroot', dataroot, '--fillers', 'all', '--runs', *runs, '--ensemble', '--device', 'cpu',
            '--out_dir', out, *args)
    stored = root/'nbs/stored'/name
    stored.mkdir(parents=True, exist_ok=True)
    for file in tables: shutil.copy(out/file, stored/file)
    note_made(root, name, 'make results')

def on_sample(work, seeds):
    "Train every network on the default sample, and compare"
    data,out = work/'sample',work/'sample_runs'
    if not data.exists(): program('gapfill_sample', data)
    for seed in seeds:
        for model,options in sample.items():
            train(out, f'{model}_{seed}', '--model', model, '--seed', seed, '--dataroot', data, options)
    compare('sample', work, data, [out/f'{model}_{seed}' for model in sample for seed in seeds])

def on_real(work, seeds, real):
    "Train the ridge network, pretrained on simulated chips, and the published CGAN on real chips, and compare"
    data,out = work/'pre600',work/'runs'
    if not data.exists(): program('gapfill_sample', data, '--n_train', 600, '--n_validate', 8, '--n_masks', 240)
    jobs = {name: [] for name in real_runs}
    for seed in seeds:
        train(out, f'pre_{seed}', ridge, '--seed', seed, '--dataroot', data, '--epochs 6')
        for name,(split,mark,epochs) in real_runs.items():
            also = '--seed', seed, '--dataroot', real, '--split', split
            train(out, f'ridgeunet{mark}_{seed}', ridge, *also, '--epochs 20 --lr 1e-3 --checkpoint_dir', f'pre_{seed}')
            train(out, f'cgan{mark}_{seed}', cgan, *also, '--epochs', epochs)
            jobs[name] += [out/f'{model}{mark}_{seed}' for model in ('ridgeunet','cgan')]
    for name,runs in jobs.items(): compare(name, work, real, runs, '--split', real_runs[name][0])

def on_places(work, real):
    "Compare all fillers on real places"
    script = root/'experiments/places/places.py'
    options = '--folder', real, '--out', root/'nbs/stored/places', '--work', work/'places'
    subprocess.run([sys.executable, script, *options], check=True, env=os.environ | dict(OMP_NUM_THREADS='1'))
    note_made(root, 'places', 'make results')

@call_parse
def main(
    work:str='data/results_study', # folder for data and runs
    seeds:int=3 # of each network
):
    "Train and compare everything that the pages show"
    work = Path(work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    on_sample(work, range(seeds))
    real = os.environ.get('GAPFILL_REAL_DATA')
    if real:
        on_real(work, range(seeds), Path(real)/'real_sample')
        on_places(work, Path(real).resolve())
    else: print('skipped: GAPFILL_REAL_DATA is not set')
