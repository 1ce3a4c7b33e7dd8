"Compare plain.py with the package: `python experiments/speed/test_plain.py`"
import tempfile
from pathlib import Path

import matplotlib
matplotlib.use('Agg')
import numpy as np
import pandas as pd
import torch
from fastcore.test import *
from torch.utils.data import DataLoader

from gapfill_baseline.band_correlations import BandCounts, correlation
from gapfill_baseline.core import HLS
from gapfill_baseline.data import read_catalog
from gapfill_baseline.learner import Learner, Meter, make_accelerator
from gapfill_baseline.masks import make_loader, open_split, to_sample
from gapfill_baseline.metrics import band_sums, published_scores
from gapfill_baseline.networks.cgan import PlainCritic, PlainGenerator
from gapfill_baseline.networks.cgan_fast import Generator, MultiscaleCritic
from gapfill_baseline.sample import make_sample
from gapfill_baseline.train.adversarial import AdversarialCB, PublishedCB, fill_metrics
from plain import *

def both(cls, cap=4):
    "Our callback, its learner and a plain step, with the same weights"
    torch.manual_seed(0)
    cb = cls(Generator(model_cap=cap), MultiscaleCritic(), to_sample)
    step = PlainStep(PlainGenerator(model_cap=cap), PlainCritic())
    step.g.load_state_dict(cb.generator.state_dict())
    step.d.load_state_dict(cb.critic.state_dict())
    learn = Learner(None, None, make_accelerator('cpu'), [cb])
    cb.before_fit(learn)
    return cb,learn,step

def ours_on(cb, learn, training, raw):
    "Numbers of a batch by our callback"
    learn.meter,learn.training,learn.batch = Meter(),training,raw
    cb.before_pass(learn)
    with torch.set_grad_enabled(training): (cb.train_batch if training else cb.valid_batch)(learn)
    return {k.split('_', 1)[1]: v for k,v in learn.meter.means().items()}

def one_step(cls):
    "Numbers of a training batch by both, and how far the updates of generator and critics are apart"
    cb,learn,step = both(cls)
    start = weights_of(cb.generator),weights_of(cb.critic)
    a,b = ours_on(cb, learn, True, raw),step.train(batch)
    return a, b, moved_apart(cb.generator, step.g, start[0]), moved_apart(cb.critic, step.d, start[1])

with tempfile.TemporaryDirectory() as tmp:
    root = Path(tmp)
    make_sample(root/'data', n_train=8, n_validate=4, n_masks=12, size=64)
    cat = read_catalog(root/'data')
    train,valid = (open_split(cat, k, root/'cache', ['2']) for k in ('train','validate'))

    # Data
    plain = DataLoader(PlainChips(plain_items(train)), batch_size=4)
    observed,target,cloud = batch = next(iter(plain))
    raw = train[0,range(4)]
    test_eq(observed.shape, (4,18,64,64))
    test_eq([x.dtype for x in (observed,target,cloud)], [torch.float32]*3)
    for ours,(x,y,m) in zip(make_loader(train, 4), plain, strict=True):
        s = to_sample(ours)
        test_eq(s.observed.flatten(1,2), x)
        test_eq(s.target.flatten(1,2), y)
        test_eq(s.gap[:,:,None].expand_as(s.target).flatten(1,2).float(), m)

    # Networks: dates and bands as channels, and back
    torch.manual_seed(0)
    G,D = Generator(model_cap=4).double(),MultiscaleCritic().double()
    step = PlainStep(PlainGenerator(model_cap=4).double(), PlainCritic().double())
    step.g.load_state_dict(G.state_dict())
    step.d.load_state_dict(D.state_dict())
    x,y = (by_date(o.double(), 6) for o in (observed, target))
    test_close(predict(step.g, observed.double()), G(x).flatten(1,2), 1e-9)
    for a,b in zip(step.judge(observed.double(), target.double()), D(x, y), strict=True): test_close(a, b, 1e-9)

    # Numbers
    s = to_sample(next(iter(make_loader(train, 4))))
    pred = y+.05*torch.randn(y.shape)
    meter = Meter()
    fill_metrics(meter, 'train', pred, s)
    ours = meter.means()
    for k,v in plain_metrics(pred.flatten(1,2), target, cloud).items():
        assert abs(ours[f'train_{k}']-v.item()) < 1e-6, k

    # The recipe `published` does the same to the letter
    a,b,g_apart,d_apart = one_step(PublishedCB)
    for k in b: test_close(a[k], b[k], 1e-4 if 'loss' in k else 1e-6)
    assert g_apart < .01 and d_apart < .05

    # The default shows the critics the first prediction instead of a second one, so only they differ
    a,b,g_apart,d_apart = one_step(AdversarialCB)
    for k in b: test_close(a[k], b[k], .1 if k=='d_loss' else 1e-4 if 'loss' in k else 1e-6)
    assert g_apart < .01 < .5 < d_apart

    # A validation batch, in eval mode. The published program stays in training mode here, which costs the same
    cb,learn,step = both(AdversarialCB)
    step.g.eval()
    step.d.eval()
    a,b = ours_on(cb, learn, False, raw),step.valid(batch)
    for k in b: test_close(a[k], b[k], 1e-4 if 'loss' in k else 1e-6)

    # Statistics
    sums = band_sums(pred, s.target, s.scored)[:,1]
    ours,one = published_scores(sums, (1,)),published_scores(sums)
    for k in range(4):
        row = plain_chip(pred[k].flatten(0,1), target[k], cloud[k], HLS.bands)
        for m in ('mse','mae','ssim'):
            assert abs(row[f'Overall {m.upper()}']-ours[m][k]) < 1e-6
            assert abs(row[f'swir_1 {m.upper()}']-one[m][k,4]) < 1e-6
    df = plain_stats(PlainGenerator(model_cap=4), plain_items(valid), HLS.bands, root/'plain.csv')
    test_eq(len(df), 4)
    test_eq(list(df)[:5], ['Overall MSE','Overall MAE','Overall SSIM','Mask Ratio','blue MSE'])

    # Comparison: scores of one band by numpy, and all of them against ours
    s = plain_sample(PlainChips(plain_items(valid))[0], valid.days[0], valid.doy[0])
    test_eq(s.observed[0], to_sample(valid[0,[0]]).observed[0])
    p,t,gap = s.target[0,1]+.01,s.target[0,1],s.gap[0,1]
    rows = plain_date(p, t, gap)
    test_eq(len(rows), 6)
    test_close([rows[2][k] for k in ('mae','rmse','psnr')], [.01,.01,40], 1e-3)
    a,b = (x[:,gap].double().numpy() for x in (p, t))
    angle = np.arccos((a*b).sum(0)/np.linalg.norm(a, axis=0)/np.linalg.norm(b, axis=0))
    test_close(rows[0]['sam'], np.degrees(angle).mean(), .02)
    test_close(rows[2]['published_mae'], .01, 1e-5)

    # Pair grids
    px = np.moveaxis(s.target[0].numpy(), 1, -1).reshape(-1, 6)
    grid = plain_pairs(pd.DataFrame(px[:2000], columns=HLS.bands), root/'pairs.png')
    test_eq(grid.axes.shape, (6,6))
    assert (root/'pairs.png').stat().st_size > 10000
    c = BandCounts(6).add(s.target[0], torch.ones(3,64,64, dtype=torch.bool))
    test_close(correlation(c), np.corrcoef(px.T), 1e-6)
