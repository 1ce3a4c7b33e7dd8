"Test trial.py: a trial of a few chips, a call that continues, and the epoch from which a network is the better one"
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from fastcore.test import *

import trial as t
from gapfill_baseline.train.runs import read_history

# The last uninterrupted series below a line counts, not an earlier dip
test_eq(t.first_of_last_run([False, True, False, True, True]), 3)
test_eq(t.first_of_last_run([True, True]), 0)
test_eq(t.first_of_last_run([True, False]), 2)
test_eq(t.first_of_last_run([]), 0)

def toy(run, seed, mae):
    "Make a curve of a run with ten steps and an hour per epoch"
    epoch = np.arange(len(mae))+1
    return pd.DataFrame(dict(run=run, network=run.split('_')[0], seed=seed, epoch=epoch, steps=10*epoch,
                             cpu_hours=1.*epoch, mae=mae))

# The mean over seeds decides: below .3 from the third epoch on, below .1 never
curves = pd.concat([toy('unet_0', 0, [.5,.2,.2,.2]), toy('unet_1', 1, [.5,.5,.3,.2])])
table = t.overtakes(curves, pd.DataFrame(dict(filler=['linear','bayes'], mae=[.3,.1]))).set_index('filler')
test_eq(table.loc['linear', ['epoch','steps','cpu_hours']].tolist(), [3,30,3])
assert table.loc['bayes'].drop('network').isna().all()

# A network is flat if twice the length gains little
flat = t.flatness(pd.concat([curves, toy('unet_half', 0, [.4,.25])])).iloc[0]
test_close([flat.shorter, flat.longer, flat.gain], [.25,.2,20])
flat = t.flatness(toy('cgan_0', 0, [.5,.4,.3,.3])).iloc[0]
test_close(flat.gain, 25)

# Each network is a run for each seed, and names are unique
names = [run.name for run in t.all_runs(3)]
test_eq(len(set(names)), 3*len(t.networks)+len(t.halves))
with expect_fail(ValueError, "runs has 'cgan'. Choose from: cgan_0"): t.trial(runs=['cgan'])

# A trial of a few chips; a call that trains one run first changes nothing
brief = dict(unet='--model unet --batch_size 8 --epochs 2 --width 4')
small = dict(networks=brief, halves=dict(unet=1), chips='--n_train 20 --n_validate 4 --n_masks 8 --size 32',
             a_tenth='--n_train 8 --n_validate 4 --n_masks 4 --size 32')
with tempfile.TemporaryDirectory() as folder, patch.multiple(t, **small):
    work,out = Path(folder)/'work',Path(folder)/'out'
    t.trial(work, out, seeds=1, runs=['unet_0'])
    assert not out.exists()
    first = read_history(work/'runs/unet_0')
    t.trial(work, out, seeds=1)
    pd.testing.assert_frame_equal(read_history(work/'runs/unet_0'), first)
    curves = pd.read_csv(out/'curves.csv')
    test_eq(curves.run.tolist(), ['unet_0','unet_0','unet_half'])
    n_steps = -(-len(pd.read_csv(work/'runs/unet_0/training_tifs.csv'))//8) # batches of 8
    test_eq(curves.steps.tolist(), [n_steps,2*n_steps,n_steps])
    test_close(curves.mae[:2], first.valid_gap_mae, 1e-4)
    test_eq(pd.read_csv(out/'lines.csv').filler.tolist(), list(t.lines))
    runs = pd.read_csv(out/'runs.csv').set_index('run')
    test_eq(runs[['epochs','epochs_wanted']].values.tolist(), [[2,2],[1,1]])
    test_eq(runs.mae['unet_0'], curves.mae[1])
