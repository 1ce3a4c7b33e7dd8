"""Estimate what all chips, a season of the United States and the whole archive would take, from measured rates.

`python experiments/growth/cost_estimate.py --out_dir nbs/stored` reads growth.csv there and stores cost_factors.csv and
cost_estimate.csv, which the page `nbs/experiments/growth.ipynb` shows. Nothing was run at the size it speaks of: rates
were measured on one core, sizes are counted or assumed, and the rest is multiplication. Each factor has a value, a
unit, a kind and a source, and any of them can be replaced. The kind is one of four: *measured* here, *counted* from
data, *stated* by somebody else, *assumed* by us."""
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from gapfill_baseline.networks.unet import GapUNet
from gapfill_baseline.program import program
from growth import made_sample

# Factors

given = dict(
    chips=(7852, 'chips', 'counted', 'chip catalog of the dataset: bad_pct_max below 5, na_count 0'),
    train_chips=(6231, 'chips', 'counted', 'the same, usage train'),
    chip_side=(224, 'pixels', 'stated', 'the dataset'),
    chip_dates=(3, 'dates', 'stated', 'the dataset'),
    epochs=(200, 'epochs', 'stated', 'the published training'),
    tile_side=(3660, 'pixels', 'stated', 'HLS user guide: 109.8 km at 30 m'),
    conus_tiles=(979, 'tiles', 'counted', 'land tiles of HLS whose 100 km square has its centre or a corner in an '
                 'outline of 63 points of 8.08 million km²; 884 have the centre in it'),
    global_tiles=(18952, 'tiles', 'stated', 'list of HLS land tiles without Antarctica, '
                  'NASA-IMPACT/hls-land_tiles, 2021'),
    season=(214, 'days', 'assumed', 'March to September'),
    year=(365, 'days', 'assumed', 'one year'),
    days_between=(2.5, 'days', 'stated', 'LP DAAC: HLS observes land every 2 to 3 days; the middle'),
    window=(224, 'pixels', 'stated', 'default of gapfill_fill'),
    overlap=(32, 'pixels', 'stated', 'default of gapfill_fill'),
    cores=(64, 'cores', 'assumed', 'a node, with a Dask worker on each core'),
    node_efficiency=(.7, '', 'assumed', 'share of the speed of one core that each of them keeps; '
                     'nothing above two processes was measured'),
    price_core=(.05, '$ a core hour', 'assumed', 'order of magnitude of a rented core; put in your own'),
    gpu_peak=(19.5e12, 'FLOP/s', 'stated', 'NVIDIA A100 data sheet, FP32'),
    gpu_share=(.3, '', 'assumed', 'share of the peak that small convolutions reach'),
    price_gpu=(3., '$ a GPU hour', 'assumed', 'order of magnitude of a rented GPU; put in your own'),
)

# Rates are CPU seconds a pixel and date, from the largest size that was measured of each piece of work; cost is linear
# in chips and in the size of a scene up to there, so more of them is more of the same. Scenes are filled in stacks of
# three dates, as they were measured.

def rate(
    growth, # measurements, see `grow`
    work:str # name of the piece
)->tuple: # CPU seconds a pixel and date; peak memory, MB; what was measured, text
    "Say what a pixel costs, from the largest size along one axis"
    r = growth[(growth.work==work) & (growth.axis=='side')].sort_values('x').iloc[-1]
    source = f'growth.csv: {work}, {r.chips:.0f} × {r.side:.0f}² pixels × {r.dates:.0f} dates, {r.cpu_s:.2f} CPU s'
    return float(r.cpu_s/(r.chips*r.side**2*r.dates)), float(r.peak_mb), source

def factors(
    growth, # measurements, see `grow`
    flops:float, # of the network that fills scenes, in one window of `window` pixels and three dates
    **instead # value of any factor that is not the default's
)->pd.DataFrame: # a row a factor; value, unit, kind, source
    "List every number that the estimate is made of"
    if off := [k for k in instead if k not in given]: raise ValueError(f"{off[0]} is no factor; choose from {', '.join(given)}.")
    rows = {k: (instead[k], v[1], 'assumed', 'given by the caller') if k in instead else v for k,v in given.items()}
    counted = 'convolutions and matrix products of the default U-Net in a window of three dates'
    rows['flops'] = flops, 'FLOP', 'counted', counted
    for w in sorted(set(growth.work)-{'files'}):
        s,mb,source = rate(growth, w)
        rows[f'rate {w}'] = s,'CPU s a pixel and date','measured',source
        if w.startswith('scene'): rows[f'memory {w}'] = mb,'MB','measured',source
    return pd.DataFrame(rows, ['value','unit','kind','source']).T.rename_axis('factor')

def window_flops(
    side:int=224, # pixels of a window
    dates:int=3, # it shows
    width:int=16 # of the U-Net; the default's
)->int: # floating-point operations, two for a product and sum
    "Count the operations of a U-Net in one window, by running it once where all dates have a gap"
    net = GapUNet(6, width).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as c: net(made_sample(1, side, dates, 6))
    return c.get_total_flops()

# Jobs and engines. A job is a number of pixels and dates. One core takes its rate times that. A node has many cores,
# each with a Dask worker that fills tile after tile; each keeps a share of its speed. A GPU makes the network fast and
# nothing else: reading scenes and writing COGs stay on the cores beside it. They take what filling by linear
# interpolation takes, which is nearly all reading and writing, and the GPU takes the FLOPs at a share of its peak; the
# slower of the two is how long it takes, and both are paid.

def jobs(
    f # factors
)->dict: # job -> pixels and dates in all
    "Say how much there is to fill, or to learn from"
    v = f.value
    tile = v.tile_side**2
    chip = v.chip_side**2*v.chip_dates
    return {'7,852 chips': v.chips*chip,
            'CONUS, a season': v.conus_tiles*tile*v.season/v.days_between,
            'global HLS, a year': v.global_tiles*tile*v.year/v.days_between,
            'training, published length': v.train_chips*chip*v.epochs}

def gpu_seconds(
    f, # factors
    pixels:float # and dates, in all
)->float: # seconds of one GPU
    "Say what the FLOPs take at the stated rate"
    v = f.value
    new = v.window-v.overlap # pixels that a window adds along each side
    return pixels/(3*new**2)*v.flops/(v.gpu_peak*v.gpu_share)

def _works_of(job, rates):
    "Pieces of work that do a job"
    if job.startswith('training'): return [w for w in rates if w=='unet_learns']
    scenes = 'chips' not in job
    return [w for w in rates if w not in ('batches','unet_learns') and w.startswith('scene')==scenes]

def _on_engines(f, pixels, work, rates):
    "Engine, hours, cost and kind of a piece of work on each engine"
    v = f.value
    core = pixels*rates[work]/3600
    yield 'one core', core, core*v.price_core, 'estimate: measured rate × size'
    node = core/v.cores/v.node_efficiency
    paid = core/v.node_efficiency*v.price_core
    yield f'node of {v.cores:.0f} cores', node, paid, 'estimate: measured rate × size ÷ assumed efficiency'
    if work != 'scene_unet': return
    files = pixels*rates['scene_linear']/3600/v.cores/v.node_efficiency
    hours = max(gpu_seconds(f, pixels)/3600, files)
    price = v.price_gpu+v.cores*v.price_core
    yield f'GPU and {v.cores:.0f} cores', hours, hours*price, 'estimate: FLOPs ÷ stated rate, files as measured'

def estimate(
    f # factors
)->pd.DataFrame: # job, work, engine, hours, cost, kind
    "Estimate hours and cost of each job on each engine, and say how sure the number is"
    rates = {k.removeprefix('rate '): f.value[k] for k in f.index if k.startswith('rate ')}
    todo = [(job, n, w) for job,n in jobs(f).items() for w in _works_of(job, rates)]
    rows = [(job, w, *row) for job,n,w in todo for row in _on_engines(f, n, w, rates)]
    return pd.DataFrame(rows, columns=['job','work','engine','hours','cost','kind'])

def _two_digits(x):
    "A number with two digits that count"
    rounded = float(f'{x:.2g}')
    return f'{rounded:,.{max(0, 1-int(np.floor(np.log10(x))))}f}'

def readable(
    table # of `estimate`
)->pd.DataFrame: # text
    "Write hours and dollars with as many digits as they deserve"
    return table.assign(hours=[_two_digits(h) for h in table.hours], cost=['$ '+_two_digits(c) for c in table.cost])

def readable_factors(
    f # factors
)->pd.DataFrame: # text
    "Write the values of factors as a person reads them"
    return f.assign(value=[f'{x:.4g}' if isinstance(x, float) else f'{x:,}' for x in f.value])

@program
def estimate_cost(
    out_dir:str='nbs/stored' # has growth.csv; cost_factors.csv and cost_estimate.csv go there
):
    "Estimate what large jobs would take, from measured rates"
    out = Path(out_dir)
    f = factors(pd.read_csv(out/'growth.csv'), window_flops())
    readable_factors(f).to_csv(out/'cost_factors.csv')
    readable(estimate(f)).to_csv(out/'cost_estimate.csv', index=False)

if __name__=='__main__': estimate_cost()
