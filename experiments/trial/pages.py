"""Store what the pages show of a run of the CGAN, whose weights are too large for this repository.

`python experiments/trial/pages.py data/trial/runs/cgan_0` opens the run on the embedded sample, whose chips it
has not seen, and stores in nbs/stored/cgan: its history, one filled chip, the scores of each chip, and the
correlations of the bands."""
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from fastcore.script import call_parse

from gapfill_baseline.cli import gapfill_band_correlations, gapfill_stats
from gapfill_baseline.program import whole
from gapfill_baseline.results.open_run import open_evaluation
from gapfill_baseline.sample import sample_data
from gapfill_baseline.visualize import filled_chips

root = Path(__file__).resolve().parents[2]
sys.path.append(str(root/'tools'))
from stored_tables import note_made

shown = 13 # position of the chip that the page visualize shows

def store_fill(
    run:Path, # folder of the run
    out:Path # fill.npz: `chip_id`, and `filled`, reflectance × 10,000, int16, (T,C,H,W)
):
    "Store one chip of the sample as a run fills it"
    ev = open_evaluation(run, dataroot=sample_data(), device='cpu', critic=False)
    chip = next(filled_chips(ev, [shown]))
    filled = np.rint(chip.filled*1e4).astype(np.int16)
    with whole(out) as part, part.open('wb') as f: np.savez_compressed(f, chip_id=chip.chip_id, filled=filled)

def store_tables(
    run:Path, # folder of the run
    out:Path, # folder of chip_stats.csv and band_correlations.csv
    work:Path # folder for all other tables and figures
):
    "Store the scores of each chip of the sample, and the correlations of the bands over all of them"
    on_sample = dict(dataroot=str(sample_data()), device='cpu')
    with redirect_stdout(StringIO()):
        gapfill_stats(str(run), out_dir=str(work), **on_sample)
        gapfill_band_correlations(str(run), figures_dir=str(work), **on_sample)
    shutil.copy(work/'chip_stats.csv', out)
    table = pd.read_csv(work/'band_correlations.csv')
    table = table[table.selection==table.selection.iloc[-1]]
    with whole(out/'band_correlations.csv') as part: table.to_csv(part, index=False)

@call_parse
def main(
    run:Path, # folder of the run, such as data/trial/runs/cgan_0
    out:Path=root/'nbs/stored/cgan' # folder of the stored files
):
    "Store what the pages show of a run of the CGAN"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        store_fill(run, out/'fill.npz')
        store_tables(run, out, Path(work))
    shutil.copy(run/'history.csv', out)
    if out==root/'nbs/stored/cgan':
        note_made(root, 'cgan', 'python experiments/trial/pages.py data/trial/runs/cgan_0')
