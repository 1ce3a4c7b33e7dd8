"Each network trains, every operator is counted once, and equal versions have equal losses"

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import torch
from fastcore.test import *

from gapfill_baseline.sample import make_sample
from profile_training import (Training, arithmetic, columns, compared, kind_of_work, largest_difference, shares,
                              store)

torch.set_num_threads(1)

def event(name, parent=None): return SimpleNamespace(name=name, cpu_parent=parent)

def test_kinds():
    "Arithmetic counts as such wherever it is called; other operators belong to the innermost part"
    batch = event('part:batch', event('Optimizer.step#Adam.step'))
    test_eq(kind_of_work(event('aten::convolution_backward')), 'convolution')
    test_eq(kind_of_work(event('aten::bmm', event('part:regression'))), 'matrix')
    test_eq(kind_of_work(event('aten::copy_', event('aten::to', batch))), 'batch')
    test_eq(kind_of_work(event('aten::native_group_norm')), 'norm')
    test_eq(kind_of_work(event('aten::gelu')), 'other')
    test_eq(kind_of_work(event('AddmmBackward0')), 'python')

def test_difference():
    test_eq(largest_difference([1., 2.], [1., 2.5]), .2)
    with expect_fail(ValueError): largest_difference([1.], [1., 2.])

def test_networks(root):
    "The shares of a convolutional network and of a transformer add up to 1 and are mostly arithmetic"
    for name,most in (('unet','convolution'), ('vit','matrix')):
        training = Training(root, name, batch_size=4)
        n,seconds,losses = training.epoch()
        test_eq(len(losses), -(-n//4))
        assert seconds > 0 and all(loss > 0 for loss in losses)
        of_work = shares(training)
        test_eq(list(of_work), list(columns))
        test_close(sum(of_work.values()), 1, 1e-6)
        assert min(of_work.values()) >= 0
        test_eq(max(arithmetic, key=of_work.get), most)

def test_versions(root):
    "Two processes with the same code have the same losses"
    row = compared(root, 'unet', Path(__file__).resolve().parents[2], rounds=1)
    test_eq(row['loss_difference'], 0)
    assert row['lowest'] <= row['ratio'] <= row['highest']

def test_store(folder):
    path = Path(folder)/'speed.csv'
    for network,speed in (('unet',1.), ('vit',2.), ('unet',3.)): store(dict(network=network, chips_per_s=speed), path)
    test_eq(pd.read_csv(path).values.tolist(), [['vit',2.], ['unet',3.]])

with tempfile.TemporaryDirectory() as folder:
    root = make_sample(Path(folder)/'chips', n_train=9, n_validate=2, n_masks=4, size=32)
    test_kinds()
    test_difference()
    test_networks(root)
    test_versions(root)
    test_store(folder)
