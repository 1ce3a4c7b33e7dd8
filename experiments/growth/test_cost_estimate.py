"Test cost_estimate.py: `python experiments/growth/test_cost_estimate.py`"
from pathlib import Path

import pandas as pd
from fastcore.test import *

from cost_estimate import *

stored = Path(__file__).resolve().parents[2]/'nbs/stored'

# A rate is that of the largest size
sizes = dict(x=[4,16], chips=1, side=[2,4], dates=2)
toy = pd.DataFrame(dict(work='linear', axis='side') | sizes | dict(cpu_s=[9,64], peak_mb=[1.,5.]))
test_eq(rate(toy, 'linear')[:2], (2.,5.))

# Any factor can be replaced
f = factors(toy, 1e9, price_core=.1)
test_eq(f.loc['price_core', ['value','kind']].tolist(), [.1,'assumed'])
test_eq(f.loc['rate linear','value'], 2.)
with expect_fail(ValueError, 'price is no factor; choose from chips, '): factors(toy, 1e9, price=1)

# Twice the dates or four times the pixels are as many times the operations
n = window_flops(64, 3)
test_close(window_flops(64, 6)/n, 2, .05)
test_close(window_flops(128, 3)/n, 4, .05)

f = factors(toy, 1e9, chips=10, chip_side=10, chip_dates=2, window=12, overlap=2, gpu_peak=1e9, gpu_share=.5)
test_eq(jobs(f)['7,852 chips'], 2000)
test_close(gpu_seconds(f, 600), 4)

# An estimate is a rate times a size; a node takes its share of the time and costs what it loses
seconds = dict(linear=36, unet_learns=8, scene_linear=4, scene_unet=400)
measured = pd.concat([toy.assign(work=w, cpu_s=[1,c]) for w,c in seconds.items()])
f = factors(measured, 1e9, cores=4, node_efficiency=.5, price_core=1)
e = estimate(f)
one,node = (e[e.engine==k].set_index(['job','work']) for k in ('one core','node of 4 cores'))
test_close(one.hours['7,852 chips','linear'], jobs(f)['7,852 chips']*36/32/3600, 1e-6)
assert e.kind.str.startswith('estimate').all()
test_close((one.hours/node.hours).to_numpy(), 2, 1e-9)
test_close((node.cost/one.cost).to_numpy(), 2, 1e-9)
test_eq(set(e[e.engine.str.startswith('GPU')].work), {'scene_unet'})

toy = pd.DataFrame(dict(hours=[.01234,123456.], cost=[.5,9.96]))
test_eq(readable(toy)[['hours','cost']].values.tolist(), [['0.012','$ 0.50'],['120,000','$ 10.0']])

# The stored tables follow from the stored measurements
f = factors(pd.read_csv(stored/'growth.csv'), window_flops())
read = lambda name: pd.read_csv(stored/f'{name}.csv', dtype=str, keep_default_na=False)
test_eq(readable_factors(f).reset_index().astype(str).values.tolist(), read('cost_factors').values.tolist())
test_eq(readable(estimate(f)).values.tolist(), read('cost_estimate').values.tolist())

# The page says how far some assumptions carry, for the United States by regression on a node
def cost_of(**instead):
    e = estimate(factors(pd.read_csv(stored/'growth.csv'), 1e9, **instead))
    return e[(e.job=='CONUS, a season') & (e.work=='scene_regression') & e.engine.str.startswith('node')].cost.iloc[0]
for k,doubled in dict(conus_tiles=2, days_between=.5, price_core=2).items():
    test_close(cost_of(**{k: given[k][0]*2})/cost_of(), doubled, 1e-6)
    test_close(cost_of(**{k: given[k][0]/2})/cost_of(), 1/doubled, 1e-6)
test_close(cost_of(node_efficiency=1)/cost_of(), .7, 1e-6)
test_close(cost_of(node_efficiency=.35)/cost_of(), 2, 1e-6)
