"""Measure speed and memory against a plain way of doing the same: `python experiments/speed/speed.py --out
nbs/stored/speed.json`.

`make bench` does all of it on one thread and stores the table that the page `nbs/experiments/speed.ipynb` shows. It
takes more than an hour of one core, twenty minutes of it in seaborn. `--rows data metrics` measures a part, `--device
cuda` a GPU; rows that say nothing about a GPU are left out there, as is bf16 on a processor that has no instructions
for it, and what else stands in the file stays. Both sides work on the same simulated chips of 3 dates, 6 bands and 224
× 224 pixels with cloud on the middle date, and start from the same weights. bench.py says how pairs are run and what is
counted as time, plain.py is the plain way."""
import gc
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager, redirect_stdout
from functools import partial
from hashlib import blake2b
from importlib.metadata import distribution
from itertools import count
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
import rasterio
import torch
import yaml
from fastcore.script import Param
from filelock import FileLock
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, default_collate

from gapfill_baseline import sample
from gapfill_baseline.band_correlations import BandCounts, band_grid, correlation
from gapfill_baseline.cli import gapfill_compare, gapfill_stats
from gapfill_baseline.core import HLS
from gapfill_baseline.data import read_catalog
from gapfill_baseline.learner import FiniteCB, Learner, Meter, ProgressCB, make_accelerator
from gapfill_baseline.masks import RawBatch, make_loader, open_split, to_sample
from gapfill_baseline.metrics import band_sums
from gapfill_baseline.models import get_filler
from gapfill_baseline.networks.cgan import PlainCritic, PlainGenerator
from gapfill_baseline.networks.cgan_fast import Generator, MultiscaleCritic
from gapfill_baseline.glibc import keep_freed_memory
from gapfill_baseline.program import program, user_cache, whole
from gapfill_baseline.results.scoring import references
from gapfill_baseline.stats import score_columns
from gapfill_baseline.train.adversarial import AdversarialCB, fill_metrics
from gapfill_baseline.train.batches import ResidentDataset

from bench import (Goal, SavedBytes, ab, alone, circumstances, counting_accelerator, flops, need, read_results, row,
                   same, median_range, threads, write_results)
from fill_speed import check_sides, measure as measure_fill, pairs_of_sides, pairs_of_threads
from make_scene import make as make_scene
from plain import (PlainChips, PlainStep, moved_apart, plain_chip, plain_compare, plain_items, plain_metrics,
                   plain_pairs, plain_stats, weights_of)
from published import PublishedStep, published_folder

# What is measured

_counted = 'one generator pass a batch; critics without gradients of their own in the generator step'
_plain = 'a prediction for each loss; gradients for the critics in the generator step too'

_goals = [
    Goal('data path, chips a second', 'times', 20, 60,
         ours='batches as stored, from one mapped file',
         plain='a GeoTIFF read for each item, into three float32 arrays'),
    Goal('training step, fp32', 'times', 1.25, 1.4,
         ours=f'{_counted}; metrics on the device', plain=f'{_plain}; torchmetrics each step'),
    Goal('training step, bf16', 'times', 1.8, 2.2,
         ours='the same in bf16; compiled on a GPU', plain='the plain step in fp32'),
    *(Goal(f'training step beside the published code, model_cap {cap}', 'times', must, aim,
           ours=f'{_counted}; fp32', plain='its own step and networks, fp32; its own metrics')
      for cap,must,aim in ((64, 1.5, 1.8), (16, 1.2, 1.34))),
    Goal('work of training, a chip', 'GFLOP', 470, 411, False, _counted, _plain),
    Goal('work of validation with losses, a chip', 'GFLOP', 152, None, False,
         'one generator pass', 'a prediction for each loss'),
    Goal('generator passes a training batch', 'passes', 1, 1, False, 'one', 'two'),
    Goal('metrics of a batch', 'times', 8, 12,
         ours='published and pooled numbers', plain='published numbers by torchmetrics'),
    Goal('statistics of chips and bands', 'times', 8, 10,
         ours='both protocols, each hidden date', plain='published protocol by torchmetrics, middle date'),
    Goal('statistics program', 'times', 2.2, 3.5,
         ours='reads packed chips; one pass of the network (model_cap 16); '
              'three tables of all hidden dates (--protocol published)',
         plain='reads each file; one pass; the published table of the middle date alone'),
    *(Goal(f'comparison of {names}', 'times', 3, None,
           ours='gapfill_compare, with intervals, tables and figures; linear and band_mean take part',
           plain='each file read once, the same fillers; each band scored by torchmetrics')
      for names in ('mean and linear', 'regression and bayes', 'kernel')),
    *(Goal(f'{program} inside the forward pass{size}', '%', 85, None,
           ours=f'CPU time in the generator, {of}; both protocols', plain='')
      for size,of in (('', 'model_cap 64'), (', small network', 'model_cap 16'))
      for program in ('gapfill_stats','gapfill_compare')),
    *(Goal(f'filling a tile, {name}', 'times', most, None, False,
           ours='gapfill_fill of 3 dates, with the expected error',
           plain='the same files read and written, nothing filled')
      for name,most in (('linear', 1.2), ('bayes', 2.))),
    *(Goal(f'peak memory of filling {what}', 'GB', 1.2, None, False, 'gapfill_fill, with its libraries', '')
      for what in ('a tile','100 dates')),
    *(Goal(f'saved by a second core, {name}', '%', 35, None,
           ours='wall-clock time of gapfill_fill on two cores', plain='the same on one core')
      for name in ('linear','bayes')),
    Goal('pair grid, CPU time', 'times', 40, 70,
         ours='counts, chip by chip', plain='PairGrid of seaborn on a table of all pixels'),
    Goal('pair grid, memory', 'times', 20, None, ours='the same', plain='the same'),
    Goal('pair grid, memory for twice the chips', 'times', 1.1, 1.05, False, 'the same, against half the chips', ''),
    Goal('sent to the device, a chip', 'MB', 2., 1.9, False, 'int16 values and masks', 'three float32 arrays'),
    Goal('kept for the backward pass, generator step', 'times less', 1.4, 1.5,
         ours='model_cap 64, batch 16', plain='the same'),
    Goal('import of the package', 's', 1., .3, False, 'a process of its own, from start to end', ''),
    Goal('--help of the slowest program', 's', .5, .3, False, 'a process of its own, from start to end', ''),
    Goal('an epoch outside forward, backward and optimiser', '%', 5., 2., False,
         'loading, samples, losses, metrics, callbacks; model_cap 16', ''),
    Goal('training step, share of the matrix rate, fp32', '%', 40, None,
         ours='operations over time, model_cap 64', plain='the same device multiplying matrices'),
    Goal('training step, share of the matrix rate, bf16', '%', 40, None,
         ours='operations over time, model_cap 64', plain='the same device multiplying matrices'),
    Goal('a GPU at work in a training epoch, bf16', '%', 95, None, plain='',
         ours='time in which any kernel runs, over the time of the epoch; data on the device, model_cap 64, compiled')]

def goals()->list: # of `Goal`, in the order of the table
    "List every row, with its marks and both sides in words"
    return list(_goals)

def goal(name):
    "Find the goal of a row"
    return next(g for g in _goals if g.row==name)

class Setting(NamedTuple):
    """Hold the sizes of what is measured.

    A step of the network with `model_cap` 64 takes six seconds a chip on a core, the plain one nine, so two chips are a
    batch on a CPU; on a GPU it is sixteen, as published. What is counted is counted for sixteen everywhere."""
    size:int=224 # of a chip, pixels
    chips:int=64 # that are read
    cap:int=64 # model_cap of the training step
    small:int=16 # model_cap where a network is needed and the rest is measured
    drawn:int=64 # chips of a pair grid
    batch:int=2 # chips of a training step
    pairs:int=5 # of runs
    long:int=3 # pairs of runs of a whole program that takes long
    threads:int=1 # of PyTorch
    device:str='cpu' # cpu or cuda
    wide:int=16 # chips that a network of `cap` fills
    tile:int=3660 # pixels of a side, of a scene that is filled
    series:int=1024 # pixels of a side, of a series of `dates`
    dates:int=100
    published:str='' # folder of the published code, where its own step is measured

quick = Setting(size=32, chips=4, cap=2, small=2, drawn=2, pairs=1, wide=4, tile=128, long=1, series=64, dates=8)

# Data. The chips are made once and kept in the user's cache folder, without compression, so that the plain way is not
# held up by unpacking; the 18.1 GB of the released dataset are what its files take without any.

def uncompressed(
    folder # of GeoTIFFs
):
    "Write every GeoTIFF once more, without compression"
    for p in Path(folder).rglob('*.tif'):
        with rasterio.open(p) as src: a,old = src.read(), src.profile
        kept = {k: v for k,v in old.items() if k not in ('compress','predictor')}
        with whole(p) as part, rasterio.open(part, 'w', **kept) as dst: dst.write(a)

def made_once(
    kind:str, # beginning of its name
    sizes:tuple, # that it depends on
    make:Callable # takes its path
)->Path: # folder in the user's cache
    "Find a folder of simulated data, made on first use"
    key = blake2b(Path(sample.__file__).read_bytes()+repr(sizes).encode(), digest_size=5).hexdigest()
    base = user_cache()/'bench'
    base.mkdir(parents=True, exist_ok=True)
    dest = base/f'{kind}-{key}'
    with FileLock(f'{dest}.lock'):
        if (dest/'ready').exists(): return dest
        make(dest)
        (dest/'ready').touch()
    return dest

def bench_data(
    s:Setting # sizes
)->Path: # folder of the dataset
    "Find the simulated chips of the measurement, made on first use"
    def make(dest):
        sizes = dict(n_train=16, n_validate=s.chips, n_masks=16+s.chips, size=s.size)
        if not dest.exists(): sample.make_sample(dest, **sizes)
        uncompressed(dest)
    return made_once('data', (s.size, s.chips), make)

def bench_scene(
    size:int, # of a side, pixels
    dates:int # how many
)->Path: # folder of the scenes and their masks
    "Find the simulated scenes of the measurement, made on first use"
    return made_once('scene', (size, dates), partial(make_scene, size=size, n=dates))

def bench_split(
    s:Setting, # sizes
    split:str='validate' # or train
): # `GapDataset`
    "Open chips with cloud on the middle date"
    root = bench_data(s)
    return open_split(read_catalog(root), split, root/'.cache', ['2'])

def batch_pair(
    ds, # `GapDataset`
    n:int, # chips
    device='cpu' # where
)->tuple: # our batch; observed, target and cloud of the plain way
    "Make a batch of the same chips for both sides"
    plain = PlainChips(plain_items(ds), ds.n_bands)
    batch = default_collate([plain[k] for k in range(n)])
    return ds[0, list(range(n))].to(device), [x.to(device) for x in batch]

def same_batch(raw, plain):
    "Compare the batches of both sides"
    s = to_sample(raw)
    ours = s.observed, s.target, s.gap[:,:,None].expand_as(s.target)
    return max(same(a.flatten(1,2), b, 1e-6, k) for a,b,k in zip(ours, plain, ('observed','target','gap')))

class Sides(NamedTuple):
    "Two ways of doing the same, each called without arguments"
    row:str # name of the goal
    ours:Callable
    plain:Callable
    n:int=1 # chips of a run
    check:Callable=None # (what ours returned, what plain returned) -> largest difference; raises where they differ

def _last(dl):
    "Go through a loader; the last batch"
    for b in dl: pass
    return b

def data_sides(
    s:Setting # sizes
)->Sides:
    "Data path: all chips once, in batches of 16"
    ds = bench_split(s)
    items = plain_items(ds)
    ours = lambda: _last(make_loader(ds, 16))
    plain = lambda: _last(DataLoader(PlainChips(items), batch_size=16))
    return Sides('data path, chips a second', ours, plain, len(ds), same_batch)

sides = dict(data=data_sides) # name of the option --rows -> both ways

# A comparison runs in this process. Memory is taken afterwards, when all of it is given back, once for each side in a
# process of its own.

def one_side(
    name:str, # of `sides`
    which:int, # 1 = ours, 2 = plain
    s:Setting # sizes
): # function that is measured
    "Make what `alone` measures"
    return sides[name](s)[which]

def _timed(name, s):
    "Run the pairs of a comparison: table of times, name of the row, chips of a run"
    a = sides[name](s)
    return ab(a.ours, a.plain, s.pairs, s.device, a.check), a.row, a.n

def compared(
    name:str, # of `sides`
    s:Setting, # sizes
    memory:bool=True # measure that too
)->list: # of `row`
    "Make one row: median ratio, time of a chip and peak memory of both sides"
    t,what,n = _timed(name, s)
    gc.collect()
    which = dict(mb_ours=1, mb_plain=2) if memory else {}
    mb = {k: alone(one_side, name, i, s, n_threads=s.threads)['peak_mb'] for k,i in which.items()}
    took = dict(seconds_ours=t.ours.median()/n, seconds_plain=t.plain.median()/n)
    return [row(goal(what), median_range(t.ratio), s.device, error=t.attrs['error'], **took, **mb)]

# Training step. Our callback is called like the plain step. For counting it gets an accelerator without data, for
# timing a real one.

class OurStep:
    "Train and validate batch by batch with our networks and callback"
    def __init__(self,
        accelerator, # of accelerate, or one for counting
        cap:int=64, # model_cap
        recipe=AdversarialCB, # class of the callback
        compiled:bool=False # let torch generate code for it
    ):
        torch.manual_seed(0)
        with torch.device(accelerator.device): self.cb = recipe(Generator(model_cap=cap), MultiscaleCritic(), to_sample)
        self.cb.compiled = compiled
        self.learn = Learner([], [], accelerator, [self.cb])
        self.cb.before_fit(self.learn)
    def run(self, raw, training):
        "Do one batch; the means of its numbers"
        learn = self.learn
        learn.meter,learn.training,learn.batch = Meter(),training,raw
        self.cb.before_pass(learn)
        with torch.set_grad_enabled(training): learn('train_batch' if training else 'valid_batch')
        return learn.meter
    def train(self, raw): return self.numbers(self.run(raw, True))
    def valid(self, raw): return self.numbers(self.run(raw, False))
    def numbers(self, meter):
        "Means by name, without the name of the split; None where nothing has a value"
        if self.learn.accelerator.device.type=='meta': return None
        return {k.split('_', 1)[1]: v for k,v in meter.means().items()}

def on_gpu(
    s:Setting, # sizes
    precision:str='bf16' # fp32 or bf16
)->bool: # is the step compiled?
    "Is this the case for which `--compile` is made?"
    return s.device=='cuda' and precision=='bf16'

def step_pair(
    s:Setting, # sizes
    precision:str='fp32' # of ours; the plain step is fp32
)->tuple: # ours and plain, with the same weights
    "Make both steps on a device"
    acc = make_accelerator(s.device, precision)
    ours = OurStep(acc, s.cap, compiled=on_gpu(s, precision))
    generator,critic = PlainGenerator(model_cap=s.cap).to(acc.device),PlainCritic().to(acc.device)
    generator.load_state_dict(ours.cb.generator.state_dict())
    critic.load_state_dict(ours.cb.critic.state_dict())
    return ours, PlainStep(generator, critic)

def same_step(
    a:dict, # numbers of our step
    b:dict, # numbers of the plain step
    share:float=0. # of a number that they may be apart; 0 = 1e-6, the loss 1e-4
)->float: # largest difference
    """Compare numbers of a step.

    Our default shows the critics the first prediction instead of a second one, so the critics' loss is not compared."""
    most = dict(mae=1e-6, mse=1e-6, ssim=1e-6, g_loss=1e-4*max(abs(b['g_loss']), 1))
    return max(same(a[k], b[k], share*abs(b[k]) or t, k) for k,t in most.items())

def training_sides(
    s:Setting, # sizes
    precision:str='fp32' # of ours
)->Sides:
    """Training step: a batch by both, networks with the same weights.

    Loss of the generator, numbers, and what the generator learned must be equal. On a GPU, whose sums have no fixed
    order, numbers may be 0.1 % apart; in bf16, on any device, 5 %."""
    n = 16 if s.device=='cuda' else s.batch
    raw,batch = batch_pair(bench_split(s), n, s.device)
    ours,plain = step_pair(s, precision)
    start = weights_of(ours.cb.generator) if precision=='fp32' else {}
    share = .05 if precision=='bf16' else .001*(s.device=='cuda')
    def check(a, b):
        if start: same(moved_apart(ours.cb.generator, plain.g, start), 0., .02, 'update of the generator')
        start.clear()
        return same_step(a, b, share)
    return Sides(f'training step, {precision}', lambda: ours.train(raw), lambda: plain.train(batch), n, check)

def bf16_sides(s): return training_sides(s, 'bf16')
sides |= dict(fp32=training_sides, bf16=bf16_sides)

# The published code's own step, from a copy that the user names. Networks start from the same weights.

def published_sides(
    s:Setting, # sizes, with the folder
    cap:int=64, # model_cap
    row:str='' # name of the goal
)->Sides:
    """Training step: ours, and that of the published code.

    Loss of the generator, squared and absolute error, and what the generator learned must be equal. Its similarity is
    not compared, since it depends on the release of torchmetrics."""
    n = 16 if s.device=='cuda' else s.batch
    raw,batch = batch_pair(bench_split(s), n, s.device)
    ours = OurStep(make_accelerator(s.device), cap)
    start = weights_of(ours.cb.generator)
    weights = dict(generator=ours.cb.generator.state_dict(), critic=ours.cb.critic.state_dict())
    theirs = PublishedStep(s.published, weights, cap, len(batch[0][0]), s.device)
    share = .001*(s.device=='cuda')
    def check(a, b):
        if start: same(moved_apart(ours.cb.generator, theirs.g, start), 0., .02, 'update of the generator')
        start.clear()
        most = dict(mae=1e-6, mse=1e-6, g_loss=1e-4*max(abs(b['g_loss']), 1))
        return max(same(a[k], b[k], share*abs(b[k]) or t, k) for k,t in most.items())
    return Sides(row, lambda: ours.train(raw), lambda: theirs.train(batch), n, check)

def rows_of_published(
    s:Setting # sizes, with the folder
)->list: # of `row`
    "Make the rows of our step beside that of the published code, at two widths"
    rows = []
    for cap,name in ((s.cap, 64), (s.small, 16)):
        a = published_sides(s, cap, f'training step beside the published code, model_cap {name}')
        t = ab(a.ours, a.plain, s.pairs, s.device, a.check)
        took = dict(seconds_ours=t.ours.median()/a.n, seconds_plain=t.plain.median()/a.n)
        rows.append(row(goal(a.row), median_range(t.ratio), s.device, error=t.attrs['error'], **took))
    return rows

# Counts. No other work on the machine can move them.

class _Count:
    "Count passes of a network, and what is kept when the first backward pass begins"
    def __init__(self): self.passes,self.kept,self.saved = 0,[],None
    def watch(self, net): net.register_forward_hook(self.one_more)
    def one_more(self, *_): self.passes += 1
    def backward(self, loss):
        self.kept.append(self.saved.nbytes)
        loss.backward()
    def costs(self, step, nets, batch, n):
        "Train and validate once"
        with SavedBytes(*nets) as self.saved: train = flops(lambda: step.train(batch))
        passes = self.passes
        valid = flops(lambda: step.valid(batch))
        return dict(passes=passes, train_gflop=train/n/1e9, kept_mb=self.kept[0]/n/1e6, valid_gflop=valid/n/1e9)

def empty_batch(
    n:int, # chips
    size:int # of a chip, pixels
)->RawBatch: # on the default device
    "Make a batch of zeros, as it arrives on the device"
    zeros = lambda dtype, *shape: torch.zeros(n, *shape, dtype=dtype)
    return RawBatch(zeros(torch.int16, 3, 6, size, size), zeros(torch.uint8, 3, size, -(-size//8)),
                    zeros(torch.float32, 3), zeros(torch.float32, 3), zeros(torch.int64))

def step_counts(
    cap:int=64, # model_cap
    n:int=16, # chips a batch
    size:int=224, # of a chip, pixels
    recipe=AdversarialCB, # class of the callback
    device='meta' # cpu counts the same, slowly
)->dict: # train_gflop, valid_gflop and kept_mb a chip, passes a batch
    "Count what our step costs"
    count = _Count()
    step = OurStep(counting_accelerator(count.backward, device), cap, recipe)
    count.watch(step.cb.generator)
    with torch.device(device): raw = empty_batch(n, size)
    return count.costs(step, (step.cb.generator, step.cb.critic), raw, n)

def plain_counts(
    cap:int=64, # model_cap
    n:int=16, # chips a batch
    size:int=224, # of a chip, pixels
    device='meta' # where
)->dict: # train_gflop, valid_gflop and kept_mb a chip, passes a batch
    "Count what the plain step costs, without torchmetrics"
    count = _Count()
    with torch.device(device):
        step = PlainStep(PlainGenerator(model_cap=cap), PlainCritic(), metrics=lambda *_: {})
        batch = [torch.zeros(n,18,size,size) for _ in range(3)]
    count.watch(step.g)
    step.backward = count.backward
    return count.costs(step, (step.g, step.d), batch, n)

def sent_mb(
    raw, # batch as it leaves the CPU, ours or the plain one
    n:int # chips in it
)->float: # MB a chip
    "Count what a batch sends to the device"
    return sum(x.nbytes for x in raw if x is not None)/n/1e6

def rows_of_counts(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of everything that is counted"
    ours,plain = (f(s.cap, 16, s.size) for f in (step_counts, plain_counts))
    raw,batch = batch_pair(bench_split(s), min(16, s.chips))
    n = len(raw.i)
    values = {'work of training, a chip': (ours['train_gflop'], plain['train_gflop']),
              'work of validation with losses, a chip': (ours['valid_gflop'], plain['valid_gflop']),
              'generator passes a training batch': (ours['passes'], plain['passes']),
              'sent to the device, a chip': (sent_mb(raw, n), sent_mb(batch, n))}
    rows = [row(goal(k), v, counted_plain=w) for k,(v,w) in values.items()]
    mb = dict(mb_ours=ours['kept_mb'], mb_plain=plain['kept_mb'])
    return rows + [row(goal('kept for the backward pass, generator step'), mb['mb_plain']/mb['mb_ours'], **mb)]

# Numbers and statistics. Predictions are the reference with some noise: what a network predicts costs the same to
# measure. Ours may be off by 1e-6. In float32 torchmetrics itself is off by a little more than that, on a band of a
# chip whose gap is large, so what both are held against is the plain way in double precision.

def predicted(
    s:Setting # sizes
)->tuple: # `Sample`, prediction (B,T,C,H,W); the same folded, with the cloud, for the plain way
    "Make sixteen chips with a prediction"
    ds = bench_split(s)
    x = to_sample(ds[0, list(range(min(16, len(ds))))].to(s.device))
    torch.manual_seed(0)
    pred = x.target+.02*torch.randn(x.target.shape).to(s.device)
    cloud = x.gap[:,:,None].expand_as(x.target).float()
    return x, pred, [v.flatten(1,2).contiguous() for v in (pred, x.target, cloud)]

def _near(ours, plain, exact, name):
    "Compare ours, and the plain way, with the plain way in double precision; the difference of ours"
    same(plain, exact, 1e-5, f'plain {name}')
    return same(ours, exact, 1e-6, name)

def metrics_sides(
    s:Setting # sizes
)->Sides:
    "The numbers of a batch, as Python numbers"
    x,pred,plain = predicted(s)
    def ours():
        m = Meter()
        fill_metrics(m, 'train', pred, x)
        return m.means()
    def theirs(): return {k: v.item() for k,v in plain_metrics(*plain).items()}
    def check(a, b):
        exact = plain_metrics(*(v.double() for v in plain))
        return max(_near(a[f'train_{k}'], b[k], v, k) for k,v in exact.items())
    return Sides('metrics of a batch', ours, theirs, len(pred), check)

def _columns():
    "Columns of the plain table, and of ours"
    names = [(c, k) for k in ('mse','mae','ssim') for c in ('Overall',*HLS.bands)]
    return {f'{c} {k.upper()}': f'published_{k}_2' if c=='Overall' else f'published_{k}_{c}_2' for c,k in names}

def statistics_sides(
    s:Setting # sizes
)->Sides:
    "The numbers of each chip and band"
    x,pred,plain = predicted(s)
    def ours():
        sums = band_sums(pred, x.target, x.scored).cpu()
        return score_columns('strict', sums, HLS.bands) | score_columns('published', sums, HLS.bands)
    def theirs(batch=plain): return [plain_chip(*o, HLS.bands) for o in zip(*batch)]
    def check(a, b):
        exact = theirs([v.double() for v in plain])
        of = lambda rows, k: [r[k] for r in rows]
        return max(_near(a[v], of(b, k), of(exact, k), k) for k,v in _columns().items())
    return Sides('statistics of chips and bands', ours, theirs, len(pred), check)

sides |= dict(metrics=metrics_sides, statistics=statistics_sides)

# The statistics program: from the folder of a run to tables on the disk, in this process. The packed file of the chips
# is there, as it is after training.

def published_run(
    s:Setting, # sizes
    folder # to make
): # plain generator with the same weights
    "Make a run as the published program leaves it, with random weights; training it would change no time"
    torch.manual_seed(0)
    net = Generator(model_cap=s.small)
    folder = Path(folder)
    folder.mkdir(parents=True)
    torch.save(net.state_dict(), folder/'model_gnet_best.pt')
    plain = PlainGenerator(model_cap=s.small)
    plain.load_state_dict(net.state_dict())
    torch.save(plain.state_dict(), folder/'plain.pt')
    data = dict(name='gapfill', root=str(bench_data(s)), time_steps=3, n_bands=6, cloud_range=[.01,1.],
                mask_position=['2'])
    model = dict(model_cap=s.small, n_sampling=4, n_scales=2)
    config = dict(model=model, training=dict(batch_size=16, alpha=5.), dataset=data)
    (folder/'config.yml').write_text(yaml.safe_dump(config))
    return plain

def program_sides(
    s:Setting # sizes
)->Sides:
    "The statistics program against the plain one"
    root,ds = bench_data(s),bench_split(s)
    items = plain_items(ds)
    tmp = tempfile.TemporaryDirectory() # lives as long as one of both sides
    run = Path(tmp.name)/'run'
    net = published_run(s, run).to(s.device)
    options = dict(dataroot=str(root), cache_dir=str(root/'.cache'), device=s.device, protocol='published')
    def ours(tmp=tmp):
        with redirect_stdout(io.StringIO()): return gapfill_stats(str(run), **options)
    def plain(tmp=tmp):
        net.load_state_dict(torch.load(run/'plain.pt', map_location=s.device, weights_only=True))
        return plain_stats(net, items, HLS.bands, run/'plain.csv', 16, s.device)
    def check(a, b):
        a = pd.read_csv(a/'chip_stats.csv')
        most = 2e-4 if s.device=='cuda' else 2e-5
        return max(same(a[c], b[c], most*max(1, b[c].abs().max()), c) for c in b)
    return Sides('statistics program', ours, plain, len(ds), check)

sides['program'] = program_sides

# Comparison of fillers without training: from the dataset to tables and figures on the disk, in this process. Ours
# writes numbers of seven digits, and the plain way scores in float32, so what may differ depends on the score.

_scored_apart = dict(mae=2e-6, rmse=2e-6, psnr=2e-3, sam=.02, published_mse=2e-6, published_mae=2e-6,
                     published_ssim=5e-5) # the differences of squares of torchmetrics lose digits in float32

class Comparison:
    "Compare some fillers again and again, each time into a new folder"
    def __init__(self,
        names:list, # of fillers
        s:Setting # sizes
    ):
        self.names,self.root = names,bench_data(s)
        self.tmp,self.number = tempfile.TemporaryDirectory(),count()
        self.in_fillers = [] # share of each run that was spent inside the fillers, 0 to 1
    def ours(self):
        "Run the program; the folder of its tables"
        options = dict(mask_position=['2'], cache_dir=str(self.root/'.cache'), device='cpu', profile=True)
        out = f'{self.tmp.name}/{next(self.number)}'
        with redirect_stdout(io.StringIO()):
            folder = gapfill_compare(str(self.root), self.names, out_dir=out, **options)
        spent = pd.read_csv(folder/'profile.csv')
        self.in_fillers.append(spent.share[spent.work.str.startswith('filler ')].sum())
        return folder

def _same_scores(folder, plain, ds):
    "Compare the table of scores with the plain one, row by row"
    ours = pd.read_csv(folder/'scores.csv', dtype=dict(chip_id=str), keep_default_na=False, na_values=[''])
    place = {c: i for i,c in enumerate(ds.chips.chip_id.astype(str))}, {b: i for i,b in enumerate(ds.band_names)}
    ours = ours[ours.n_pixels > 0].assign(chip=ours.chip_id.map(place[0]), band=ours.band.map(place[1]))
    keys = ['filler','chip','time_step','band']
    ours,plain = (t.sort_values(keys, ignore_index=True) for t in (ours, plain))
    if not ours[keys].equals(plain[keys]): raise ValueError("The rows of both sides differ. Nothing was timed.")
    return max(same(ours[k], plain[k], most, k) for k,most in _scored_apart.items())

def compare_sides(
    names:list, # of fillers
    s:Setting # sizes
)->tuple: # `Comparison`, `Sides`
    "The comparison of some fillers"
    c,ds = Comparison(names, s),bench_split(s)
    chips = PlainChips(plain_items(ds), ds.n_bands)
    fillers = {name: get_filler(name) for name in dict.fromkeys([*names, *references])}
    def plain(): return plain_compare(chips, fillers, ds.days, ds.doy, f'{c.tmp.name}/plain.csv')
    check = partial(_same_scores, ds=ds)
    return c,Sides(f"comparison of {' and '.join(names)}", c.ours, plain, len(ds), check)

compared_fillers = ['mean','linear'],['regression','bayes'],['kernel']

def rows_of_compare(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of comparisons, with the share of ours that is spent inside the fillers"
    rows = []
    for names in compared_fillers:
        c,a = compare_sides(names, s)
        t = ab(a.ours, a.plain, s.long, check=a.check)
        took = dict(seconds_ours=t.ours.median()/a.n, seconds_plain=t.plain.median()/a.n)
        share = float(np.median(c.in_fillers))
        rows.append(row(goal(a.row), median_range(t.ratio), error=t.attrs['error'], in_fillers=share, **took))
    return rows

# Networks: the CPU time inside the generator's `forward`, as a share of that of a whole program. It opens the run,
# reads, fills, scores and writes.

@contextmanager
def watched(
    inside, # `Inside`
    o, # object or class
    name:str # of a method
):
    "Time a method within the block"
    f = getattr(o, name)
    inside.watch(o, name)
    try: yield
    finally: setattr(o, name, f)

def _share_in_forward(run):
    "Run a program; the share of its CPU time inside the generator, %"
    inside = Inside()
    with watched(inside, Generator, 'forward'), redirect_stdout(io.StringIO()):
        start = inside.now()
        run()
        return 100*inside.seconds/(inside.now()-start)

def _programs_of_network(s, folder):
    "Make the two programs that fill and score with a network"
    root,run,number = str(bench_data(s)),Path(folder)/'run',count()
    published_run(s, run)
    options = dict(dataroot=root, cache_dir=f'{root}/.cache', device='cpu', mask_position=['2'])
    return dict(gapfill_stats=lambda: gapfill_stats(str(run), **options),
                gapfill_compare=lambda: gapfill_compare(runs=[str(run)], out_dir=f'{folder}/{next(number)}', **options))

def rows_of_forward(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of the share inside the forward pass, of two programs and two widths"
    rows = []
    for size,at in (('', s._replace(small=s.cap, chips=s.wide)), (', small network', s)):
        with tempfile.TemporaryDirectory() as tmp:
            for name,run in _programs_of_network(at, tmp).items():
                shares = [_share_in_forward(run) for _ in range(s.long)]
                rows.append(row(goal(f'{name} inside the forward pass{size}'), median_range(shares)))
    return rows

# Filling whole scenes. fill_speed.py compares the files of both sides, and runs each side in processes of its own. The
# peak of memory includes the libraries, because that is what a machine must have.

filled_by = 'linear','bayes'

def _gb(mb): return mb*2**20/1e9

def rows_of_fill(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of filling a tile: time beside the plain program, and the larger peak of memory"
    folder,rows,peaks = bench_scene(s.tile, 3),[],[]
    for name in filled_by:
        equal = check_sides(folder, name)
        ours,plain = pairs_of_sides(folder, name, s.long)
        took = [[r['cpu'] for r in side] for side in (ours, plain)]
        mb = [max(r['peak_mb'] for r in side) for side in (ours, plain)]
        peaks.append(_gb(mb[0]))
        both = dict(zip(('seconds_ours','seconds_plain'), map(np.median, took))) | dict(mb_ours=mb[0], mb_plain=mb[1])
        ratios = median_range([a/b for a,b in zip(*took)])
        rows.append(row(goal(f'filling a tile, {name}'), ratios, equal_pixels=equal, **both))
    return [*rows, row(goal('peak memory of filling a tile'), max(peaks))]

def rows_of_dates(
    s:Setting # sizes
)->list: # of `row`
    "Make the row of the peak of memory where a series has many dates: that of the filler that needs more"
    folder = bench_scene(s.series, s.dates)
    peaks = {name: _gb(measure_fill('fill', folder, name)['peak_mb']) for name in filled_by}
    of_each = {f'gb_{name}': v for name,v in peaks.items()}
    return [row(goal('peak memory of filling 100 dates'), max(peaks.values()), **of_each)]

def rows_of_cores(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of what a second core saves; both must write the same bytes"
    folder,rows = bench_scene(s.tile, 3),[]
    for name in filled_by:
        one,two = ([r['wall'] for r in side] for side in pairs_of_threads(folder, name, s.long))
        rows.append(row(goal(f'saved by a second core, {name}'), median_range([100*(1-b/a) for a,b in zip(one, two)]),
                        seconds_ours=np.median(two), seconds_plain=np.median(one)))
    return rows

# Pair grids. Both sides read the pixels of the reference from the packed file, chip by chip. Seaborn needs them in one
# table, ours counts and forgets. The peak of memory is that above what imports took, in a process of its own.

def chip_pixels(
    file:str, # packed chips
    shape:tuple, # (N,T,C,H,W)
    k:int # which chip
): # reflectance, float32, (T,C,H,W)
    "Read one chip without mapping the file"
    n = int(np.prod(shape[1:]))
    return np.fromfile(file, np.int16, n, offset=2*n*k).reshape(shape[1:])*np.float32(HLS.scale)

def draw_counts(
    file:str, # packed chips
    shape:tuple, # (N,T,C,H,W)
    n:int, # chips
    path:str # PNG to write
): # function that draws them and returns coefficients of correlation, (C,C)
    "Make our way ready to be measured"
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    def draw():
        c,all_pixels = BandCounts(shape[2]),np.ones((shape[1],*shape[3:]), bool)
        for k in range(n): c.add(chip_pixels(file, shape, k), all_pixels, k)
        fig = band_grid(c)[0,0].figure
        fig.savefig(path, dpi=100)
        plt.close(fig)
        return correlation(c)
    return draw

def draw_pixels(
    file:str, # packed chips
    shape:tuple, # (N,T,C,H,W)
    n:int, # chips
    path:str # PNG to write
): # function that draws them and returns the table of pixels
    "Make the plain way ready to be measured"
    matplotlib.use('Agg')
    import seaborn
    def draw():
        px = [np.moveaxis(chip_pixels(file, shape, k), 1, -1).reshape(-1, shape[2]) for k in range(n)]
        px = np.concatenate(px)
        df = pd.DataFrame(px, columns=[f'band {c+1}' for c in range(shape[2])], copy=False)
        plain_pairs(df, path)
        return df
    return draw

def pair_sides(
    s:Setting # sizes
)->Sides:
    "Pair grids of the reference of some chips"
    pack = bench_split(s).chip_pack.data
    n = min(s.drawn, len(pack))
    tmp = tempfile.TemporaryDirectory() # lives as long as one of both sides
    draw = [f(str(pack.filename), pack.shape, n, f'{tmp.name}/{f.__name__}.png') for f in (draw_counts, draw_pixels)]
    def ours(tmp=tmp): return draw[0]()
    def plain(tmp=tmp): return draw[1]()
    def check(c, df): return same(c, np.corrcoef(df.to_numpy(float).T), 1e-6, 'coefficients')
    return Sides('pair grid, CPU time', ours, plain, n, check)

sides['pairs'] = pair_sides

def rows_of_pairs(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of pair grids: time, memory, and whether memory grows"
    r, = compared('pairs', s)
    fewer = s._replace(drawn=max(s.drawn//2, 1))
    half = alone(one_side, 'pairs', 1, fewer, n_threads=s.threads)['peak_mb']
    return [r, row(goal('pair grid, memory'), r['mb_plain']/r['mb_ours']),
            row(goal('pair grid, memory for twice the chips'), r['mb_ours']/half)]

# Start: seconds of CPU of a process from its start to its end, Python's own start included.

def _used_by_children():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime+u.ru_stime

def cost_of_start(
    *code # arguments of Python
)->float: # seconds of CPU
    "Measure what a new process takes"
    start = _used_by_children()
    subprocess.run([sys.executable, '-P', *code], check=True, stdout=subprocess.DEVNULL)
    return _used_by_children()-start

def programs()->list: # of (name, module, file that starts it)
    "List our programs, as far as they are installed"
    entries = [e for e in distribution('gapfill_baseline').entry_points if e.group=='console_scripts']
    found = [(e.name, e.module, Path(sys.executable).with_name(e.name)) for e in entries]
    return [p for p in found if p[2].exists()]

def rows_of_start(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of the import of the package, and of the help of the program that takes longest over it"
    todo = programs()[:1 if s.pairs==1 else None]
    cost = lambda *a: median_range([cost_of_start(*a) for _ in range(s.pairs+1)][1:])
    helps = [cost(str(p), '--help') | dict(program=name) for name,_,p in todo]
    slowest = max(helps, key=lambda o: o['value'])
    imported = cost('-c', 'import gapfill_baseline')
    return [row(goal('import of the package'), imported), row(goal('--help of the slowest program'), slowest)]

# An epoch. Time inside the networks' `forward`, `backward` and the optimisers' steps is taken away from that of the
# whole pass over the training chips. What is left is loading, making samples, losses, numbers and callbacks. A
# checkpoint at the end of an epoch is not in it: here an epoch has sixteen chips, in earnest thousands.

class Inside:
    "Add up the time spent in some functions"
    def __init__(self,
        device='cpu' # where their work is done
    ): self.seconds,self.device,self.within = 0.,device,False
    def now(self):
        "Read the clock: of the CPU's work, or of the wall when a GPU has finished"
        if torch.device(self.device).type != 'cuda': return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()
    def watch(self, o, name):
        "Time a method of an object"
        f = getattr(o, name)
        def timed(*args, **kwargs):
            if self.within: return f(*args, **kwargs)
            start,self.within = self.now(),True
            try: return f(*args, **kwargs)
            finally:
                self.within = False
                self.seconds += self.now()-start
        setattr(o, name, timed)

def _epoch_shares(learn, inside, n):
    "Train `n` epochs; the share of each that is not spent in what `inside` watches, %"
    shares = []
    for _ in range(n):
        inside.seconds = 0
        start = inside.now()
        learn.run(True)
        learn.meter.means()
        total = inside.now()-start
        learn.i,learn.epoch,learn.meter = 0,learn.epoch+1,Meter()
        shares.append(100*(1-inside.seconds/total))
    return shares

def rows_of_epoch(
    s:Setting # sizes
)->list: # of `row`
    "Make the row of the share of a training epoch that is not spent in the networks"
    acc = make_accelerator(s.device)
    cb = AdversarialCB(Generator(model_cap=s.small), MultiscaleCritic(), to_sample)
    learn = Learner(make_loader(bench_split(s, 'train'), 8), [], acc, [cb, FiniteCB(), ProgressCB()])
    learn.epochs = s.pairs+1
    learn('before_fit')
    inside = Inside(s.device)
    for o,name in ((cb.generator,'forward'), (cb.critic,'forward'), (acc,'backward'), *((o,'step') for o in cb.opts)):
        inside.watch(o, name)
    with keep_freed_memory(): shares = _epoch_shares(learn, inside, s.pairs+1) # as in training
    return [row(goal('an epoch outside forward, backward and optimiser'), median_range(shares[1:]), s.device)]

# The limit of the device. A ratio to a slower way does not say how much is left. What is: the operations of a step,
# over its time, as a share of the rate at which the same device multiplies two large matrices in the same precision,
# measured just before. No network reaches all of it, and a step also does what is not counted as operations: norms,
# padding, losses, the optimiser.

def matrix_rate(
    device='cpu', # where
    precision:str='fp32', # fp32 or bf16
    n:int=None, # rows and columns; None = 8192 on a GPU, 2048 on a CPU
    runs:int=5 # the fastest counts
)->float: # FLOP/s
    "Measure how fast a device multiplies square matrices"
    n = n or (8192 if torch.device(device).type=='cuda' else 2048)
    dtype = dict(fp32=torch.float32, bf16=torch.bfloat16)[precision]
    a,b = torch.rand(2, n, n, device=device).to(dtype)
    clock,best = Inside(device),float('inf')
    a@b
    for _ in range(runs):
        start = clock.now()
        a@b
        best = min(best, clock.now()-start)
    return 2*n**3/best

def fast_bf16(
    device='cpu' # where
)->bool: # no = it is put together from other instructions, many times slower than fp32
    "Does the device multiply in bf16?"
    return matrix_rate(device, 'bf16', 256) > matrix_rate(device, 'fp32', 256)/4

def step_seconds(
    step, # `OurStep`
    raw, # a batch
    s:Setting # sizes
)->list: # seconds of each step
    "Time some steps after one to warm up"
    clock,took = Inside(s.device),[]
    step.train(raw)
    for _ in range(s.pairs):
        start = clock.now()
        step.train(raw)
        took.append(clock.now()-start)
    return took

def _shares_of_limit(s, precision, raw, work):
    "Time some steps: share of the matrix rate of each, %; that rate"
    step = OurStep(make_accelerator(s.device, precision), s.cap, compiled=on_gpu(s, precision))
    step.train(raw) # compiled here, before the rate is measured
    rate = matrix_rate(s.device, precision)
    return [100*work/t/rate for t in step_seconds(step, raw, s)], rate

def rows_of_limit(
    s:Setting # sizes
)->list: # of `row`
    "Make the rows of the training step as a share of the matrix rate, in both precisions"
    n = 16 if s.device=='cuda' else s.batch
    raw = bench_split(s)[0, list(range(n))].to(s.device)
    work = step_counts(s.cap, n, s.size)['train_gflop']*n*1e9
    rows = []
    for precision in ('fp32','bf16')[:1+fast_bf16(s.device)]:
        shares,rate = _shares_of_limit(s, precision, raw, work)
        name = f'training step, share of the matrix rate, {precision}'
        rows.append(row(goal(name), median_range(shares), s.device, tflops_matrix=rate/1e12))
    return rows

# A GPU that waits for the processor or for data is a GPU that is paid for twice. The time in which any kernel runs,
# however many at once, is read from the profiler.

def covered(
    spans # (start, end) in any order
)->float: # length of their union
    "Measure how much is covered by at least one"
    total,last = 0,float('-inf')
    for a,b in sorted(spans):
        total += max(b-max(a, last), 0)
        last = max(b, last)
    return total

def _busy_epoch(step, dl):
    "Train three times over the batches of `dl`"
    learn = step.learn
    learn.meter,learn.training = Meter(),True
    step.cb.before_pass(learn)
    for learn.batch in list(dl)*3: learn('train_batch')
    learn.meter.means()

def profiled(
    f:Callable # called without arguments
)->tuple: # seconds in which a kernel ran, and seconds in all
    "Run a function on the GPU under the profiler"
    with profile(activities=[ProfilerActivity.CUDA]) as p:
        torch.cuda.synchronize()
        start = time.perf_counter()
        f()
        torch.cuda.synchronize()
        took = time.perf_counter()-start
    kernels = [e.time_range for e in p.events() if e.device_type==torch.autograd.DeviceType.CUDA]
    return covered((k.start, k.end) for k in kernels)/1e6, took

def training_epochs(
    step, # `OurStep`
    s:Setting # sizes
)->tuple: # function that trains, chips that it trains on
    "Make a training of three epochs over chips on the device, in batches of 16"
    dl = make_loader(ResidentDataset(bench_split(s), s.device), 16)
    return partial(_busy_epoch, step, dl),3*len(dl.dataset)

def rows_of_busy(
    s:Setting # sizes
)->list: # of `row`
    "Make the row of the share of a training epoch in which the GPU works"
    step = OurStep(make_accelerator(s.device, 'bf16'), s.cap, compiled=on_gpu(s))
    epoch,chips = training_epochs(step, s)
    epoch()
    busy = [profiled(epoch) for _ in range(s.pairs)]
    shares = [100*worked/took for worked,took in busy]
    return [row(goal('a GPU at work in a training epoch, bf16'), median_range(shares), s.device,
                seconds_ours=busy[-1][1]/chips)]

# The program

def benches()->dict: # name -> function from `Setting` to rows
    "List everything that can be measured, by the name of the option --rows"
    steps = 'fp32','bf16' # late: their gigabytes leave a memory in pieces, in which what follows is slower
    early = [k for k in sides if k not in ('pairs', *steps)]
    rest = dict(compare=rows_of_compare, forward=rows_of_forward, fill=rows_of_fill, dates=rows_of_dates,
                cores=rows_of_cores, counts=rows_of_counts, pairs=rows_of_pairs, start=rows_of_start,
                epoch=rows_of_epoch)
    last = dict(published=rows_of_published, limit=rows_of_limit, busy=rows_of_busy)
    return {k: partial(compared, k) for k in early} | rest | {k: partial(compared, k) for k in steps} | last

# the others say nothing about a GPU
on_device = 'fp32','bf16','metrics','statistics','program','epoch','published','limit','busy'

def measure(
    names:list, # of `benches()`
    s:Setting # sizes
)->list: # of `row`
    "Run some measurements, one after the other"
    rows = []
    with threads(s.threads):
        for name in names:
            options = dict(memory=False) if s.pairs==1 and name in sides and name != 'pairs' else {}
            for r in benches()[name](s, **options):
                rows.append(r)
                print(line(r), flush=True)
            gc.collect()
    return rows

def line(
    r:dict # of `row`
)->str: # for a terminal
    "Put a row in words"
    sign,low,aim = '≥' if r['more'] else '≤',r.get('low'),r['aim']
    between = '' if low is None else f"{low:.3g} to {r['high']:.3g}"
    mark = '' if r['must'] is None else f"{sign} {r['must']:g}" + ('' if aim is None else f", aim {aim:g}")
    return f"{r['row']:<50} {r['value']:>8.4g} {r['unit']:<10} {between:<18} {mark:<18} {r['reached']}".rstrip()

def _check_rows(rows, device):
    "Complain about a row that does not exist, or cannot be measured on this device"
    if unknown := [r for r in rows if r not in benches()]:
        raise ValueError(f"rows names {unknown[0]}; choose from {', '.join(benches())}.")
    if device=='cuda' and not set(rows) & set(on_device):
        raise ValueError(f"rows names {rows[0]}, which says nothing about a GPU; choose from {', '.join(on_device)}, "
                         "or leave --device out.")
    if device=='cpu' and 'busy' in rows: raise ValueError("rows names busy, which is about a GPU; pass --device cuda.")
    if device=='cpu' and 'bf16' in rows and not fast_bf16():
        raise ValueError("rows names bf16, which this processor has no instructions for. Leave it out, "
                         "or measure it on another.")

def check_bench(rows, pairs, threads, device, quickly, published=None)->Setting: # sizes
    "Turn the options into sizes, or complain in one line about the one that cannot be"
    if device not in ('cpu','cuda'): raise ValueError(f"device is {device}; choose from cpu, cuda.")
    if rows: _check_rows(rows, device)
    if pairs < 5: raise ValueError(f"pairs is {pairs}; a median needs 5 or more.")
    if threads < 1: raise ValueError(f"threads is {threads}; pass 1 or more.")
    if published: published_folder(published) # complains before hours of work
    elif 'published' in (rows or ()): raise ValueError(f"rows names published, and no folder is given. {_fetch_it}")
    sizes = quick if quickly else Setting(pairs=pairs)
    return sizes._replace(threads=threads, device=device, published=published or '')

_fetch_it = 'Fetch the published code (published.py says how), and pass --published its folder.'

def _to_measure(rows, device, published=''):
    "Names of what is measured on a device, in order"
    possible = on_device if device=='cuda' else set(benches())-{'busy'}
    names = [n for n in benches() if (not rows or n in rows) and n in possible]
    if 'published' in names and not published:
        print(f'published is left out: {_fetch_it}')
        names.remove('published')
    if 'cores' in names and os.cpu_count() < 2:
        print('cores is left out: this machine has one')
        names.remove('cores')
    if 'bf16' not in names or fast_bf16(device): return names
    print('bf16 is left out: this device has no instructions for it')
    return [n for n in names if n != 'bf16']

def _finish(found, out, about, quickly, keep=False):
    "Store rows, and print how many are below their goal"
    if quickly: found = [r | dict(reached='') for r in found]
    write_results(out, found, about, keep)
    low = [r['row'] for r in found if r['reached']=='below']
    print(f"{len(found)} rows, {len(low)} below their goal{': ' if low else ''}{'; '.join(low)}", out, sep='\n')
    return Path(out)

_names = ('data metrics statistics program compare forward fill dates cores counts pairs start epoch fp32 bf16 '
          'published limit, busy on a GPU')

@program
def measure_speed(
    rows:Param(f'what to measure: {_names}; all unless given', str, nargs='+')=None,
    pairs:int=5, # of runs, at least 5
    threads:int=1, # of PyTorch
    device:str='cpu', # cpu or cuda
    out:str='speed.json', # results, beside those of other devices
    published:str=None, # folder with a copy of the published code, whose own step is measured too
    keep:bool=False, # keep rows of the same machine that were measured at another commit, with its name
    quick:bool=False # tiny networks, one pair: to see that it works; its numbers mean nothing
)->Path: # of the results
    "Measure speed and memory against a plain way of doing the same"
    s = check_bench(rows, pairs, threads, device, quick, published)
    for m in ('torchmetrics','seaborn'): need(m)
    make_accelerator(device) # complains before hours of work, as the next line does
    read_results(out)
    names = _to_measure(rows, device, published)
    sizes = {k: v for k,v in s._asdict().items() if k not in ('device','published')}
    about = circumstances(device, **sizes, quick=quick)
    return _finish(measure(names, s), out, about, quick, keep)

if __name__=='__main__':
    import speed # under its own name, so that a process of its own finds what is measured there
    speed.measure_speed()
