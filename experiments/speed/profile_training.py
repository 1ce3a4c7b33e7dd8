"""What does a training step spend its time on, and is it faster than in an earlier version at equal losses?

`OMP_NUM_THREADS=1 python experiments/speed/profile_training.py` simulates chips of 64 pixels, trains each network some
steps on one core of the CPU, and prints chips per second and the share of the time of each kind of work. `--against`
takes the folder of another version of the repository: both versions then train in turn, each in a process of its own,
and the table gets the ratio of their median times and the largest relative difference of their losses.
`--out` stores the table, which the page *speed* shows.

The profiler of PyTorch gives the time of each operator without the operators that it calls. Convolutions, products of
matrices and attention are the arithmetic of a network, forward and backward; `arithmetic` lists their operators. Any
other operator is counted where it was called: in the optimiser, the batch (reading, samples, augmentation), the
regression that a network corrects, or the metrics. Outside of these, it is a norm or another operator. The rest of the
time, in which no operator ran, is that of Python, the engine of the gradients and the profiler itself, which makes
small operators look slower than they are; the share of the arithmetic is a lower bound therefore."""
import inspect
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pandas as pd
import torch
from fastcore.script import Param
from torch.profiler import ProfilerActivity, profile, record_function

from gapfill_baseline.cli import gapfill_train
from gapfill_baseline.glibc import keep_freed_memory
from gapfill_baseline.learner import Callback, FiniteCB, Learner, Meter, make_accelerator
from gapfill_baseline.masks import make_loader, to_sample
from gapfill_baseline.networks import unet, vit
from gapfill_baseline.program import program, whole
from gapfill_baseline.sample import make_sample
from gapfill_baseline.train import adversarial, supervised
from gapfill_baseline.train.fit import open_data
from gapfill_baseline.train.kinds import build_networks, kind
from gapfill_baseline.train.options import plain_options
from gapfill_baseline.train.prior import learn_priors

batch_sizes = dict(unet=16, ridgeunet=16, vit=16, cgan=4) # chips per step: the default, 4 for the CGAN

arithmetic = dict( # operators of each kind, forward and backward
    convolution=('aten::mkldnn_convolution', 'aten::convolution_backward', 'aten::_slow_conv2d_forward',
                 'aten::_slow_conv2d_backward', 'aten::thnn_conv2d', 'aten::_convolution', 'aten::convolution',
                 'aten::conv2d', 'aten::slow_conv3d_forward', 'aten::slow_conv_dilated2d'),
    matrix=('aten::mm', 'aten::bmm', 'aten::addmm', 'aten::addmm_', 'aten::baddbmm', 'aten::addmv_', 'aten::mv',
            'aten::dot', 'aten::addr', 'aten::linear', 'aten::matmul'),
    attention=('aten::_scaled_dot_product_flash_attention_for_cpu',
               'aten::_scaled_dot_product_flash_attention_for_cpu_backward', 'aten::scaled_dot_product_attention'))
norms = 'batch_norm', 'group_norm', 'layer_norm', 'instance_norm'
parts = 'optimizer', 'batch', 'regression', 'metrics'
columns = *arithmetic, 'norm', *parts, 'other', 'python'

# One network and its batches, trained step by step without a run folder

def training_options(
    root, # folder of a dataset
    model:str, # name of a network
    batch_size:int, # chips per step
    **kwargs # other options of `gapfill_train`
)->SimpleNamespace: # every option
    "Complete the options of a run with the defaults of the program"
    signature = inspect.signature(gapfill_train).parameters
    defaults = {name: p.default for name,p in signature.items()}
    given = dict(dataroot=str(root), out_dir=str(Path(root)/'runs'), model=model, batch_size=batch_size, model_cap=16,
                 mask_position='1 2 3 12 23 13 123'.split(), device='cpu')
    return plain_options(SimpleNamespace(**defaults|given|kwargs))

class LossesCB(Callback):
    "Keeper of the loss of each step"
    def __init__(self): self.losses = []
    def after_batch(self, learn): self.losses.append(learn.loss)
    def take(self):
        "Return the losses so far, and forget them"
        losses = torch.stack(self.losses).tolist()
        self.losses.clear()
        return losses

class Training:
    "One network that trains on a dataset"
    def __init__(self,
        root, # folder of a dataset
        model:str, # name of a network
        batch_size:int=None, # chips per step; as in `batch_sizes` unless given
        **kwargs # other options of `gapfill_train`
    ):
        o = training_options(root, model, batch_size or batch_sizes[model], **kwargs)
        acc = make_accelerator(o.device, o.precision)
        with redirect_stdout(io.StringIO()): data = open_data(o)
        o.bands = list(data.train.bands) or None
        nets = build_networks(o)
        learn_priors(nets, data.train, o.seed)
        self.losses = LossesCB()
        self.step = kind(o).objective(nets, lambda raw: prepared(raw))
        loader = make_loader(data.train, o.batch_size)
        self.learn = Learner(loader, loader, acc, [self.step, FiniteCB(), self.losses], o.seed)
        self.learn.epochs = 100
        self.learn('before_fit')
    def epoch(self)->tuple: # chips, CPU seconds, loss of each step
        "Train an epoch"
        start = time.process_time()
        self.learn.run(True)
        took = time.process_time()-start
        self.learn.i = 0
        self.learn.epoch += 1
        self.learn.meter = Meter()
        return self.learn.chips(),took,self.losses.take()

def prepared(raw):
    "Make a sample of a batch, as a run does without `--resize`"
    return to_sample(raw, resize=None)

# The profile

def _as_part(name, f):
    "Make a function whose operators the profiler counts as a part"
    def called(*args, **kwargs):
        with record_function(f'part:{name}'): return f(*args, **kwargs)
    return called

def _counted():
    "List the functions whose operators are counted as a part: where they are looked up, their name, the part"
    return [(sys.modules[__name__], 'prepared', 'batch'), (adversarial, 'critic_weights', 'batch'),
            (adversarial, 'fill_metrics', 'metrics'), (supervised, 'gap_sums', 'metrics'), (Meter, 'add', 'metrics'),
            (unet, 'predict_regression', 'regression'), (unet, 'collect_dates', 'batch'),
            (vit.LinearFill, 'predict', 'batch'), (supervised.SupervisedCB, 'follow', 'optimizer'),
            (torch.nn.utils, 'clip_grad_norm_', 'optimizer')]

@contextmanager
def counted_parts(training):
    "Count the operators of some functions as parts within the block"
    with ExitStack() as stack:
        for owner,name,part in _counted():
            stack.enter_context(patch.object(owner, name, _as_part(part, getattr(owner, name))))
        if hasattr(training.step, 'augment'):
            stack.enter_context(patch.object(training.step, 'augment', _as_part('batch', training.step.augment)))
        yield

def _named_part(name):
    "Find the part that a range of the profiler begins; None where it begins none"
    if name.startswith('part:'): return name.removeprefix('part:')
    if name.startswith('Optimizer.'): return 'optimizer'
    return 'batch' if name.startswith('enumerate(DataLoader)') else None

def _part_of(event):
    "Find the part in which an operator was called; None outside of all"
    while event is not None:
        if part := _named_part(event.name): return part
        event = event.cpu_parent

def kind_of_work(
    event # operator, of the profiler
)->str: # one of `columns`
    "Find the kind of work that an operator does"
    for name,operators in arithmetic.items():
        if event.name in operators: return name
    if part := _part_of(event): return part
    if not event.name.startswith('aten::'): return 'python'
    return 'norm' if any(norm in event.name for norm in norms) else 'other'

def shares(
    training:Training # warm
)->dict: # share of the time of an epoch for each kind of work, 0..1
    "Profile an epoch"
    with counted_parts(training), profile(activities=[ProfilerActivity.CPU]) as p:
        start = time.perf_counter()
        training.epoch()
        took = time.perf_counter()-start
    seconds = dict.fromkeys(columns, 0.)
    for event in p.events(): seconds[kind_of_work(event)] += event.self_cpu_time_total/1e6
    seconds['python'] = took-sum(v for name,v in seconds.items() if name!='python')
    return {name: v/took for name,v in seconds.items()}

# Two versions in turn

class _Worker:
    "A process that trains one network with one version of the package, an epoch per request"
    def __init__(self, source, root, model):
        env = os.environ | dict(PYTHONPATH=str(source), OMP_NUM_THREADS='1')
        command = [sys.executable, '-P', __file__, '--worker', model, '--dataroot', str(root)]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    def epoch(self):
        "Let the process train an epoch: chips, CPU seconds, losses"
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line: raise RuntimeError("A process that trains has ended. Its error stands above.")
        return json.loads(line)
    def close(self):
        "End the process"
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

def _serve(root, model):
    "Train an epoch for each line of standard input, after one to warm up"
    training = Training(root, model)
    training.epoch()
    for _ in sys.stdin: print(json.dumps(training.epoch()), flush=True)

def largest_difference(
    a, # losses
    b # losses of the same steps
)->float: # relative to the larger of the two
    "Compare losses"
    return max(abs(x-y)/max(abs(x), abs(y), 1e-12) for x,y in zip(a, b, strict=True))

def compared(
    root, # folder of a dataset
    model:str, # name of a network
    against, # folder of another version
    rounds:int # epochs of each version
)->dict: # ratio of the speeds and its range, difference of the losses
    "Train a network with two versions in turn"
    here = Path(__file__).resolve().parents[2]
    workers = [_Worker(source, root, model) for source in (here, Path(against).resolve())]
    try: epochs = [[worker.epoch() for worker in workers] for _ in range(rounds)]
    finally:
        for worker in workers: worker.close()
    times = pd.DataFrame([[took for _,took,_ in pair] for pair in epochs], columns=['new','old'])
    ratios = times.old/times.new
    medians = times.median()
    return dict(ratio=medians.old/medians.new, lowest=ratios.min(), highest=ratios.max(),
                loss_difference=max(largest_difference(new[2], old[2]) for new,old in epochs))

def measured(
    root, # folder of a dataset
    model:str, # name of a network
    rounds:int, # epochs that are timed
    against=None # folder of another version
)->dict: # a row of the table
    "Profile a network, and compare its speed"
    training = Training(root, model)
    training.epoch()
    epochs = [training.epoch() for _ in range(rounds)]
    speed = pd.Series([n/took for n,took,_ in epochs]).median()
    of_work = shares(training)
    row = dict(network=model, batch_size=batch_sizes[model], chips_per_s=speed)
    row |= dict(arithmetic=sum(of_work[name] for name in arithmetic))|of_work
    return row if against is None else row|compared(root, model, against, rounds)

def store(
    row:dict, # of `measured`
    path # CSV; rows of other networks stay
):
    "Store the row of a network"
    rows = pd.DataFrame([row])
    if Path(path).exists():
        earlier = pd.read_csv(path)
        rows = pd.concat([earlier[earlier.network!=row['network']], rows])
    with whole(path) as part: rows.to_csv(part, index=False, float_format='%.4g')

@program
def main(
    networks:Param('networks to train', str, nargs='+')=None,
    chips:int=64, # training chips, simulated
    rounds:int=5, # epochs that are timed
    against:str=None, # folder of another version of the repository, to compare with
    out:str=None, # CSV to store the table in; rows of other networks stay
    worker:str=None, # train one network, an epoch per line of standard input
    dataroot:str=None, # a dataset to train on instead
)->pd.DataFrame: # a row per network
    "Profile a training step of each network, on one core"
    torch.set_num_threads(1)
    with keep_freed_memory(), tempfile.TemporaryDirectory() as folder:
        if worker: return _serve(dataroot, worker)
        root = dataroot or make_sample(Path(folder)/'chips', n_train=chips, n_validate=4, n_masks=chips)
        rows = []
        for name in networks or batch_sizes:
            rows.append(measured(root, name, rounds, against))
            print(pd.DataFrame(rows[-1:]).T.to_string(header=False, float_format='{:.3g}'.format), flush=True)
            if out: store(rows[-1], out)
    return pd.DataFrame(rows)

if __name__=='__main__': main()
