"""Train the networks that the pages show, and store them in nbs/stored.

Finished runs are kept, so a call that was stopped goes on. `stored_run` opens a stored run on the embedded sample,
which has the same validation chips and masks as the data made here. With another `dataroot`, pass it to `stored_run`
as well."""
import shutil
from pathlib import Path

from fastcore.script import call_parse

from results import program, root, train

sample = '--n_train 288 --n_validate 32 --n_masks 210'.split() # validation chips and masks as in the embedded sample
curves = '--model vit --width 48 --crop 32 --training_length 64 --batch_size 8 --epochs 100'
shown = '--model ridgeunet --uncertainty --training_length 96 --batch_size 4 --epochs 3'
kept = 'config.yml', 'history.csv', 'log_training.txt', 'result.csv'
weights = '*.safetensors', '*.csv'

def store(run, name, patterns, places):
    "Copy the files of a finished run to nbs/stored; `places` are folders of this machine, and their names there"
    dest = root/'nbs/stored'/name
    shutil.rmtree(dest, ignore_errors=True)
    dest.mkdir(parents=True)
    for pattern in patterns:
        for path in run.glob(pattern): shutil.copy(path, dest)
    for path in (dest/'config.yml', dest/'log_training.txt'):
        text = path.read_text(encoding='utf8')
        for folder,shown_as in places.items(): text = text.replace(str(folder), shown_as)
        path.write_text(text, encoding='utf8')

@call_parse
def main(
    work:str='data/page_runs', # folder for data and runs
    dataroot:str=None, # folder of the chips; simulated ones in `work` unless given
    seeds:int=3 # of the transformer whose curves are shown
):
    "Train the ridge network whose fills are shown, and a transformer with several seeds for 100 epochs"
    work = Path(work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    data = Path(dataroot).resolve() if dataroot else work/'data'
    if not data.exists(): program('gapfill_sample', data, *sample)
    runs = work/'runs'
    places = {data: 'data/page_runs/data', work: 'data/page_runs'}
    train(runs, 'ridgeunet_0', shown, '--dataroot', data)
    store(runs/'ridgeunet_0', 'ridgeunet', kept+weights, places)
    for seed in range(seeds):
        train(runs, f'vit_{seed}', curves, '--seed', seed, '--dataroot', data)
        store(runs/f'vit_{seed}', f'vit_{seed}', kept, places)
