"""Follow the validation error of one CGAN under three kinds of batch norm statistics, after each epoch.

`python experiments/cgan/norm_statistics.py --dataroot DATASET --out_dir nbs/stored` trains the published network and
stores norm_statistics.csv, which the page `nbs/experiments/norm_statistics.ipynb` shows. The weights of the last step
and their moving average are scored in the same epochs with running, batch and population statistics, on the
validation chips. A seed that is complete in the file is not trained again. The command also prints the CPU time of the
population statistics as a share of an epoch."""
import inspect
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import torch
from fastcore.script import Param

from gapfill_baseline.cli import gapfill_train
from gapfill_baseline.learner import Callback, Learner, Meter, make_accelerator
from gapfill_baseline.masks import make_loader, to_sample
from gapfill_baseline.metrics import gap_sums
from gapfill_baseline.networks.base import NetFill
from gapfill_baseline.program import program, whole
from gapfill_baseline.train.fit import open_data
from gapfill_baseline.train.kinds import build_networks, kind
from gapfill_baseline.train.norm_statistics import NormStatisticsCB, norm_layers, population_statistics
from gapfill_baseline.train.options import complete_options, plain_options

_BATCH = 16 # chips that share batch statistics in validation

def _options(given):
    "Complete the options of a training run"
    default = {name: p.default for name,p in inspect.signature(gapfill_train).parameters.items()}
    o = plain_options(SimpleNamespace(**default | given))
    complete_options(o)
    return o

def _mae(predict, ds):
    "Compute the MAE over all gap pixels of a split, in reflectance"
    meter = Meter()
    for raw in make_loader(ds, _BATCH):
        s = to_sample(raw)
        absolute,_,n = gap_sums(predict(s), s.target, s.scored)
        meter.add(n, valid_gap_absolute=absolute/n)
    return meter.means()['valid_gap_mae']

def _batch_predict(net, s):
    "Predict a batch with the statistics of the batch"
    population_statistics(net, [s])
    return NetFill(net).ask(s).mean

@torch.no_grad()
def scores(
    net, # generator, in eval mode; its statistics change
    ds, # split to score
    population:NormStatisticsCB, # for the same generator
    learn # `Learner`
)->dict: # kind of statistics -> MAE, reflectance
    "Score a network with running, batch and population statistics"
    running = _mae(lambda s: NetFill(net).ask(s).mean, ds)
    batch = _mae(partial(_batch_predict, net), ds)
    population_statistics(net, population.samples(learn), learn.accelerator)
    return dict(running=running, batch=batch, population=_mae(lambda s: NetFill(net).ask(s).mean, ds))

class ScoresCB(Callback):
    "Scores of the weights of the last step and of their average, after each epoch"
    order = 50
    def __init__(self, step, ds):
        self.step,self.ds = step,ds
        self.population = NormStatisticsCB(None, to_sample)
        self.rows = []
    def before_fit(self, learn): self.epoch_started = time.process_time()
    def before_pass(self, learn):
        "Score both networks before the statistics of training are replaced"
        if learn.training: return
        trained = time.process_time()-self.epoch_started
        kept = [b.clone() for b in self.step.generator.buffers()]
        for weights,net in dict(last=self.step.generator, average=self.step.average).items():
            found = scores(net, self.ds, self.population, learn)
            self.rows += [dict(epoch=learn.epoch+1, weights=weights, statistics=k, mae=v) for k,v in found.items()]
        for b,old in zip(self.step.generator.buffers(), kept): b.copy_(old)
        self.share = self._cost(learn)/trained
        print(pd.DataFrame(self.rows[-6:]).to_string(index=False, header=False), flush=True)
    def _cost(self, learn):
        "Measure the CPU time of the population statistics, s"
        start = time.process_time()
        population_statistics(self.step.average, self.population.samples(learn), learn.accelerator)
        return time.process_time()-start
    def after_epoch(self, learn): self.epoch_started = time.process_time()

def curve(
    dataroot, # dataset
    out_dir, # folder of packed files
    seed:int, # of the run
    epochs:int, # of training
    **options # of `gapfill_train`
)->pd.DataFrame: # seed, epoch, weights, statistics, mae (reflectance)
    "Train one network, and return its curves"
    given = dict(dataroot=str(dataroot), out_dir=str(out_dir), seed=seed, mask_position='all', device='cpu')
    o = _options(given | options)
    data = open_data(o)
    nets = build_networks(o)
    step = kind(o).objective(nets, to_sample)
    found = ScoresCB(step, data.valid)
    loaders = [make_loader(ds, o.batch_size) for ds in (data.train, data.judge)]
    learn = Learner(*loaders, make_accelerator('cpu'), [step, found], seed)
    learn.fit(epochs)
    print(f'seed {seed}: the population statistics take {100*found.share:.1f} % of the CPU time of an epoch')
    return pd.DataFrame(found.rows).assign(seed=seed)

@program
def norm_statistics(
    dataroot:str='data/training_data', # folder of the dataset
    out_dir:str='nbs/stored', # folder of norm_statistics.csv
    cache_dir:str=None, # folder of packed files; .cache in out_dir unless given
    seeds:Param('of the runs', int, nargs='+')=(0,1,2),
    epochs:int=30, # of training
    batch_size:int=4, # chips per batch
    model_cap:int=16, # width of the generator's first layer
    weight_average:float=None, # decay of the average of the weights; that of gapfill_train unless given
    lr_schedule:str=None, # of the learning rates; that of gapfill_train unless given
    alpha:float=5. # weight of the squared error
)->Path: # of the table
    "Score a CGAN after each epoch with running, batch and population statistics"
    path = Path(out_dir)/'norm_statistics.csv'
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=['seed','epoch'])
    options = dict(batch_size=batch_size, model_cap=model_cap, weight_average=weight_average,
                   lr_schedule=lr_schedule, alpha=alpha, cache_dir=cache_dir)
    for seed in seeds:
        if (done.seed==seed).any(): continue
        new = curve(dataroot, out_dir, seed, epochs, **options)
        done = pd.concat([done, new], ignore_index=True) if len(done) else new
        columns = ['seed','epoch','weights','statistics','mae']
        with whole(path) as part: done[columns].to_csv(part, index=False, float_format='%.6f')
    return path

if __name__=='__main__': norm_statistics()
