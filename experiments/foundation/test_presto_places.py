"Test presto_places.py on a made series, without any real file or published weights"
from datetime import date

import torch
from fastcore.test import test_close, test_eq

from gapfill_baseline.networks.presto import Presto
from presto_places import Series, ask_presto, errors, hide, score_place, summary, ten

torch.manual_seed(0)
dates = tuple(date(2021, m, 15) for m in (1, 2, 4))
made = Series('made', (1,), torch.rand(3,10,4,5)*.4, dates, 10., 20.)

# A hidden date is 0 in the sample, the others are observed
sample = hide(made, 1, 6)
test_eq(sample.gap[0].float().mean((1,2)), torch.tensor([0.,1.,0.]))
test_eq(sample.observed[0,1], torch.zeros(6,4,5))
test_eq(sample.observed[0,[0,2]], made.reflectance[[0,2],:6])
test_eq(sample.days, torch.tensor([[0.,31.,90.]]))

# A constant error counts in `mae` and in the bias of blue, and not in `unbiased`
shifted = errors(made.reflectance[None]+.05, made, 1)
test_close([shifted[k] for k in ('mae','unbiased','blue')], [.05,0,.05], 1e-6)

# Neither the hidden date nor bands that Presto does not get change its prediction
net = Presto().eval()
other = made._replace(reflectance=made.reflectance.clone())
other.reflectance[1] = .9
other.reflectance[:,6:] = .9
test_eq(ask_presto(net, other, hide(other, 1, 6)), ask_presto(net, made, hide(made, 1, 6)))
assert (ask_presto(net, other, hide(other, 1, 10))[:,:,:6]-ask_presto(net, made, hide(made, 1, 10))[:,:,:6]).abs().max() > 1e-4
test_eq(len(ten), 10)

# The table has a row per method; linear interpolation is that of the days
table = summary(score_place(net, made)).set_index('method')
test_eq(list(table.index), ['presto, 10 bands', 'presto, 6 bands', 'linear', 'mean'])
x = made.reflectance[:,:6]
linear = x[0]*(59/90) + x[2]*(31/90)
test_close(table.mae['linear'], (linear-x[1]).abs().mean().item(), 1e-6)
print('presto_places: passed')
