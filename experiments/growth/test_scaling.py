"Test scaling.py: `python experiments/growth/test_scaling.py`"
import tempfile
from pathlib import Path

import pandas as pd
from fastcore.test import *

from gapfill_baseline.sample import make_sample
from gapfill_baseline.train.runs import read_history
from scaling import *

stored = Path(__file__).resolve().parents[2]/'nbs/stored'

def apart(a, b):
    "The largest relative difference of each column of two histories over the epochs"
    cols = [c for c in learned if c in a and c in b and a[c].notna().all()]
    return ((b[cols]-a[cols]).abs()/a[cols].abs()).max()

# With half the batch size, two processes see the chips of one, batch for batch, and learn the same
with tempfile.TemporaryDirectory() as tmp:
    root = Path(tmp)
    make_sample(root/'data', n_train=6, n_validate=2, n_masks=6, size=64)
    base = dict(dataroot=root/'data', out_dir=root/'runs', cache_dir=root/'cache', device='cpu', visualization='none',
                mask_position='all', select_on='validation')
    small = base | dict(model='unet', width=4, epochs=2)
    run_all(command(small | dict(job_id='one', batch_size=4)))
    run_all(command(small | dict(job_id='two', batch_size=2), 2))
    one,two = (read_history(root/'runs'/k) for k in ('one','two'))
    test_eq(len(one), len(two))
    assert apart(one, two).max() < 1e-5
    test_eq(apart(one, one).max(), 0)
    assert apart(one, one*1.1).max() > .09
    with expect_fail(RuntimeError, 'batch_size is 0'): run_all(command(base | dict(batch_size=0)))

# The stored tables are of these models and seeds
curves,speeds = (pd.read_csv(stored/f'{k}.csv') for k in ('scaling_curves','scaling'))
test_eq({m: tuple(sorted(g.seed.unique())) for m,g in curves.groupby('model')}, seeds)
test_eq(set(speeds.kind), {'one','two apart','two together'})
test_eq(fastest_epoch(pd.DataFrame(dict(chips_per_second=[9.,2.,3.]))), 3.)
