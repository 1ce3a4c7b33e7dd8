"""Train a network on a sample dataset with papermill, and compare it with fillers that need no training"""
import os
import subprocess
import sys
import time
from pathlib import Path
from shutil import rmtree

import pandas as pd

root = Path(__file__).resolve().parent.parent
programs = Path(sys.executable).parent
demo = root/'runs/demo'
parameters = dict(model='ridgeunet', epochs=4, batch_size=8, mask_position='all', device='cpu')
fillers = dict(mean='temporal mean', linear='linear in time', regression='regression on the other dates',
               ridgeunet=f"ridgeunet, trained for {parameters['epochs']} epochs")

def call(*args, **options):
    "Run a program, and stop if it fails"
    subprocess.run([str(a) for a in args], cwd=root, check=True, **options)

def train(
    data:Path, # dataset
    run:Path # folder that the run makes
)->Path: # the executed notebook
    "Execute the training notebook with other parameters, and show its output"
    notebook = run.with_suffix('.ipynb')
    given = parameters | dict(dataroot=data, out_dir=run.parent, job_id=run.name)
    pairs = [a for name,value in given.items() for a in ('-p', name, value)]
    shown = '--no-progress-bar', '--log-level', 'WARNING', '--stdout-file', '-', '--stderr-file', '-'
    call(programs/'papermill', root/'nbs/06_training.ipynb', notebook, '--cwd', root/'nbs', *shown, *pairs)
    return notebook

def compare(
    data:Path, # dataset
    run:Path # trained network
)->Path: # folder of the comparison
    "Compare the network with fillers that need no training"
    out = run.with_name(f'{run.name}_compared')
    call(programs/'gapfill_compare', '--dataroot', data, '--fillers', 'mean', 'linear', 'regression', '--runs', run,
         '--device', 'cpu', '--out_dir', out, stdout=subprocess.DEVNULL)
    return out

def print_table(
    comparison:Path # folder of `gapfill_compare`
):
    "Print the error and the skill of each filler, the best first"
    summary = pd.read_csv(comparison/'summary.csv').set_index('filler')
    print(f"\n{'filler':40}{'MAE':>8}{'skill':>8}")
    for name,row in summary.loc[list(fillers)].sort_values('mae').iterrows():
        print(f'{fillers[name]:40}{row.mae:8.4f}{row.skill_linear:8.2f}')
    print('\nMAE: mean absolute error of reflectance on hidden pixels of chips that no filler was trained on.\n'
          'Skill: the share of the error of linear interpolation that a filler removes.')

def main():
    os.environ['PATH'] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    data = demo/'data'
    run = demo/time.strftime('demo_%Y-%m-%d-%H%M%S')
    rmtree(data, ignore_errors=True)
    call(programs/'gapfill_sample', data)
    notebook = train(data, run)
    comparison = compare(data, run)
    print_table(comparison)
    print(f'\npicture (input, filled, truth): {comparison/"figures/chip.png"}')
    print(f'run: {run}\nexecuted notebook: {notebook}')
    print('Next, after `. .venv/bin/activate`:\n'
          f'  gapfill_training_graphs --job_id {run}\n  gapfill_stats --checkpoint_dir {run}')

if __name__=='__main__':
    try: main()
    except subprocess.CalledProcessError as e: sys.exit(e.returncode)
