#!/usr/bin/env python3
"""Train every network with three seeds, compare all fillers, and store the tables that the pages show in nbs/stored.

Finished runs are kept, so a call that was stopped goes on. Real chips are used where GAPFILL_REAL_DATA names them."""
import os, shutil, subprocess, sys
from pathlib import Path
from fastcore.script import call_parse

root = Path(__file__).resolve().parents[2]
common = '--mask_position all --visualization none --device cpu'
sample = dict(ridgeunet='--batch_size 8 --epochs 15', unet='--batch_size 8 --epochs 15', vit='--batch_size 8 --epochs 15', cgan='--model_cap 16 --batch_size 4 --epochs 30')

def program(name, *args):
    "Run a program of this package, on one thread: how many there are changes the last bits, and a CGAN makes much of them"
    subprocess.run([Path(sys.executable).parent/name, *map(str, args)], check=True, env=os.environ | dict(OMP_NUM_THREADS='1'))

def train(out, job, *args):
    "Train a run, or go on with it, unless it is finished"
    if (out/job/'result.csv').exists(): return
    program('gapfill_train', '--out_dir', out, '--job_id', job, *' '.join(map(str, args)).split(), *common.split(), *['--resume']*(out/job).exists())

def compare(name, work, dataroot, runs, *args):
    "Compare all fillers with the runs and store the tables"
    out = work/f'compare_{name}'; shutil.rmtree(out, ignore_errors=True); dest = root/'nbs/stored'/name; dest.mkdir(parents=True, exist_ok=True)
    program('gapfill_compare', '--dataroot', dataroot, '--fillers', 'all', '--runs', *runs, '--ensemble', '--device', 'cpu', '--out_dir', out, *args)
    for f in ('summary.csv','differences.csv','cuts.csv','seeds.csv'): shutil.copy(out/f, dest/f)

def on_sample(work, seeds):
    "Every network on the default sample"
    if not (work/'sample').exists(): program('gapfill_sample', work/'sample')
    for s in seeds:
        for m,o in sample.items(): train(work/'sample_runs', f'{m}_{s}', '--model', m, '--seed', s, '--dataroot', work/'sample', o)
    compare('sample', work, work/'sample', [work/'sample_runs'/f'{m}_{s}' for m in sample for s in seeds])

def on_real(work, seeds, real):
    "The meta-ridge, pretrained on simulated chips, beside the published CGAN, on real chips"
    if not (work/'pre600').exists(): program('gapfill_sample', work/'pre600', '--n_train', 600, '--n_validate', 8, '--n_masks', 240)
    ridge,cgan = '--model ridgeunet --batch_size 8 --precision bf16','--model cgan --model_cap 16 --batch_size 16'; out,jobs = work/'runs',dict(real=[], swapped=[])
    for s in seeds:
        train(out, f'pre_{s}', ridge, '--seed', s, '--dataroot', work/'pre600', '--epochs 6')
        for name,split,epochs in (('real','published',55), ('swapped','swapped',110)):
            mark = '' if name=='real' else '_swapped'; also = ('--seed', s, '--dataroot', real, '--split', split)
            train(out, f'ridgeunet{mark}_{s}', ridge, *also, '--epochs 20 --lr 1e-3 --checkpoint_dir', f'pre_{s}')
            train(out, f'cgan{mark}_{s}', cgan, *also, '--epochs', epochs)
            jobs[name] += [out/f'{m}{mark}_{s}' for m in ('ridgeunet','cgan')]
    for name,runs in jobs.items(): compare(name, work, real, runs, '--split', 'published' if name=='real' else 'swapped')

@call_parse
def main(
    work:str='data/results_study', # folder for data and runs
    seeds:int=3 # of each network
):
    "Train and compare everything that the pages show"
    work = Path(work).resolve(); work.mkdir(parents=True, exist_ok=True)
    on_sample(work, range(seeds))
    if real := os.environ.get('GAPFILL_REAL_DATA'): on_real(work, range(seeds), Path(real)/'real_sample')
    else: print('skipped: GAPFILL_REAL_DATA is not set')
