"""Train the networks that the pages show, and store them in nbs/stored.

Finished runs are kept, so a call that was stopped goes on. Other data, a folder with chip_catalog.csv, can be named:
its validation chips must be those of the page's data, for which `stored_run` stands."""
import shutil
from pathlib import Path

from fastcore.script import call_parse

from results import program, root, train

sample = '--n_train 288 --n_validate 32 --n_masks 210'.split() # validation chips and masks as in the embedded sample
curves = '--model unet --width 8 --crop 32 --training_length 64 --batch_size 8 --epochs 100'
shown = '--model ridgeunet --uncertainty --training_length 96 --batch_size 4 --epochs 3'
kept = 'config.yml', 'history.csv', 'log_training.txt', 'result.csv'
weights = '*.safetensors', '*.csv'

def store(run, name, patterns):
    "Copy the files of a finished run to nbs/stored"
    dest = root/'nbs/stored'/name
    shutil.rmtree(dest, ignore_errors=True)
    dest.mkdir(parents=True)
    for pattern in patterns:
        for path in run.glob(pattern): shutil.copy(path, dest)

@call_parse
def main(
    work:str='data/page_runs', # folder for data and runs
    dataroot:str=None, # folder of the chips; simulated ones in `work` unless given
    seeds:int=3 # of the U-Net whose curves are shown
):
    "Train a U-Net with several seeds for 100 epochs, and the ridge network whose fills are shown"
    work = Path(work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    data = Path(dataroot).resolve() if dataroot else work/'data'
    if not data.exists(): program('gapfill_sample', data, *sample)
    train(work/'runs', 'ridgeunet', shown, '--dataroot', data)
    store(work/'runs/ridgeunet', 'ridgeunet', kept+weights)
    for seed in range(seeds):
        train(work/'runs', f'unet_seed{seed}', curves, '--seed', seed, '--dataroot', data)
        store(work/'runs'/f'unet_seed{seed}', f'unet_seed{seed}', kept)
