"Test pages.py on a small run of the CGAN on the embedded sample"
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from fastcore.test import *

import pages
from gapfill_baseline.cli import sample_run
from gapfill_baseline.results.open_run import open_evaluation

with redirect_stdout(StringIO()): run = sample_run()
with tempfile.TemporaryDirectory() as folder:
    out = Path(folder)/'stored'
    pages.main(run, out)
    stored = ['band_correlations.csv','chip_stats.csv','fill.npz','history.csv']
    test_eq(sorted(path.name for path in out.iterdir()), stored)

    # The fill is that of the run, to half a digital number
    ev = open_evaluation(run, device='cpu', critic=False)
    _,filled = next(ev.filled([pages.shown]))
    fill = np.load(out/'fill.npz')
    test_eq(str(fill['chip_id']), ev.ds.chips.chip_id[pages.shown])
    test_close(fill['filled']*1e-4, filled[0].numpy(), .5001e-4)

    # One choice of chips, four sets of pixels, fifteen pairs of bands; a row of scores for each chip
    table = pd.read_csv(out/'band_correlations.csv')
    test_eq((table.selection.nunique(), len(table)), (1,60))
    test_eq(table.n_chips.unique().tolist(), [32])
    test_eq(len(pd.read_csv(out/'chip_stats.csv')), 32)
