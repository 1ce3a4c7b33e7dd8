"Test the scripts of this folder: `python experiments/cgan/test_cgan.py`"
import tempfile
from pathlib import Path

import pandas as pd
from fastcore.test import *

from gapfill_baseline.sample import make_sample
from norm_statistics import curve as statistics_curve
from norm_statistics import norm_statistics
from trials import settings, trials

stored = Path(__file__).resolve().parents[2]/'nbs/stored'

with tempfile.TemporaryDirectory() as tmp:
    root = Path(tmp)
    make_sample(root/'data', n_train=8, n_validate=3, n_masks=8, size=32)
    small = dict(cache_dir=str(root/'cache'), batch_size=4, model_cap=2)
    # Each epoch has six scores; the average has other ones than the last weights, and the statistics differ
    once = statistics_curve(root/'data', root, 0, 2, **small)
    test_eq(len(once), 2*6)
    test_eq(once.mae.nunique(), 2*6)
    # The program gives the same, and keeps a seed that is stored
    path = norm_statistics(dataroot=str(root/'data'), out_dir=str(root), seeds=[0], epochs=2, **small)
    test_close(pd.read_csv(path).mae, once.mae, 1e-6)
    path.write_text(path.read_text().replace('last,batch', 'last,kept'))
    table = pd.read_csv(norm_statistics(dataroot=str(root/'data'), out_dir=str(root), seeds=[0,1], epochs=1, **small))
    test_eq(table.groupby('seed').size().to_dict(), {0: 12, 1: 6})
    assert 'kept' in set(table.statistics)
    # A finished trial is not trained again, and a further one is added
    options = dict(work=str(root/'work'), out_dir=str(root), steps=3, seeds=[0], n_train=8, model_cap=2, size=32)
    path = trials(**options, names=['constant'])
    first = pd.read_csv(path)
    made = (root/'work/runs/constant_0/result.csv').stat().st_mtime_ns
    table = pd.read_csv(trials(**options, names=['constant','alpha_25']))
    test_eq((root/'work/runs/constant_0/result.csv').stat().st_mtime_ns, made)
    test_eq(table[table.setting=='constant'].mae.tolist(), first.mae.tolist())
    test_eq(set(table.setting), {'constant','alpha_25'})

# The stored curves are of whole runs, and pass the rule that the page states
table = pd.read_csv(stored/'norm_statistics.csv')
test_eq(table.groupby(['seed','weights','statistics']).epoch.max().unique().tolist(), [30])
if (stored/'cgan_trials.csv').exists(): assert set(pd.read_csv(stored/'cgan_trials.csv').setting) <= set(settings)
