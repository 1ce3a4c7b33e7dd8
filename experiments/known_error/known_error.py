"""Compare the expected error of fills with the true one, and measure what the estimate costs.

`python experiments/known_error/known_error.py --real /data/gapfill --out nbs/stored/known_error.csv` fills ten
simulated and ten real scenes. Gaps are put on clear pixels, so the truth is known: simulated clouds on simulated
scenes, clouds of other dates, or real cloud masks, on real ones. Without `--real` only simulated scenes are filled.
`--cost 1024` measures instead the processor time of a fill of so many pixels a side, alone, with its expected error,
with intervals, and with both."""
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import rasterio
from fastcore.script import Param
from rasterio.transform import from_origin

from gapfill_baseline.core import HLS
from gapfill_baseline.data import write_raster
from gapfill_baseline.glibc import keep_freed_memory
from gapfill_baseline.models import get_filler
from gapfill_baseline.program import program, whole
from gapfill_baseline.sample import clouds, simulate
from gapfill_baseline.scenes.expected_error import expected_error, filled_by_days
from gapfill_baseline.scenes.files import stack_from_files
from gapfill_baseline.scenes.fill_stack import fill_stack
from gapfill_baseline.scenes.score import choose_clouds
from gapfill_baseline.scenes.simulated import mirrored

# Scenes with known truth

class CoveredStack:
    "A stack with more gaps, under which the truth is known"
    def __init__(self,
        stack, # a `Stack`
        cover:np.ndarray # True = put a gap here, bool, (T,H,W)
    ):
        self.stack = stack
        self.cover = cover
    def __getattr__(self, name):
        if name in ('stack','cover'): raise AttributeError(name)
        return getattr(self.stack, name)
    def __len__(self): return len(self.stack)
    def describe(self):
        "Describe the stack and its cover"
        return f"{self.stack.describe()}; covered {self.cover.mean():.3f}"
    def read(self,
        window=None, # rows and columns, None = all
        dates=None # positions of dates, None = all
    )->tuple: # digital numbers as stored (T,C,h,w); True = gap or covered, bool, (T,h,w)
        "Read a window of some dates"
        dn,gap = self.stack.read(window, dates)
        cover = self.cover if dates is None else self.cover[list(dates)]
        return dn,gap | (cover if window is None else cover[(slice(None), *window.toslices())])

def covered_pixels(
    stack:CoveredStack # the scene
)->np.ndarray: # True = in the gap, with known truth, bool, (T,H,W)
    "Mark the pixels that a score counts"
    return stack.cover & ~stack.stack.read()[1]

# Simulated scenes

_grid = dict(crs='EPSG:32613', transform=from_origin(699960, 4000020, 30, 30))
_tiled = dict(tiled=True, blockxsize=256, blockysize=256, compress='deflate')

def write_scenes(
    folder, # made here
    dn:np.ndarray, # digital numbers, int16, (T,C,H,W)
    dates, # `datetime.date`, (T,)
    **options # of `write_raster`
): # `Stack`
    "Write scenes as GeoTIFFs, and open them"
    folder = Path(folder)
    folder.mkdir(parents=True)
    paths = [folder/f'{d}.tif' for d in dates]
    for path,scene in zip(paths, dn): write_raster(path, scene, nodata=HLS.nodata, **_grid, **_tiled, **options)
    return stack_from_files(paths, None, dates)

def simulated_cover(
    size:int, # pixels of a side
    shares, # share of cloud of each date, 0..1, (T,)
    seed:int # another seed, other clouds
)->np.ndarray: # bool, (T,size,size)
    "Simulate clouds; a share of 1 is an overcast date, 0 a clear one"
    return np.stack([clouds(size, c, (seed,t)) if 0 < c < 1 else np.full((size,size), c==1)
                     for t,c in enumerate(shares)])

def _shares(T, kind, seed):
    "Choose the share of cloud of each date"
    mixed = np.random.default_rng(seed).choice([0.,.1,.3,.5,.8,1.], T)
    return mixed if kind=='mixed' else np.full(T, kind)

def simulated(
    size:int, # pixels of a side
    T:int, # dates
    step:int, # days between them
    cloud, # share of cloud of all dates, or mixed
    region:str, # letter of `regions` in `sample`
    seed:int # another seed, another land
)->Callable: # function of a folder that gives a `CoveredStack`
    "Describe a simulated scene"
    def make(folder):
        dates = [date(2022,3,20)+timedelta(step*t) for t in range(T)]
        stack = write_scenes(Path(folder)/'scenes', simulate(size, dates, region, (seed,)), dates)
        return CoveredStack(stack, simulated_cover(size, _shares(T, cloud, seed), seed))
    return make

# Real scenes

def _open(**options):
    "Open scenes as `gapfill_fill` does"
    from inspect import signature
    from gapfill_baseline.cli import gapfill_fill
    from gapfill_baseline.scenes.open import open_stack
    defaults = {k: p.default for k,p in signature(gapfill_fill).parameters.items()}
    return open_stack(SimpleNamespace(**defaults | dict(out_dir='.') | options))

def by_other_dates(
    stack # a `Stack` with clouds
)->CoveredStack: # each date also has the gap of another one
    "Cover each date by the clouds of another one"
    gap = stack.read()[1]
    return CoveredStack(stack, gap[choose_clouds(gap.mean((1,2)))])

def _masks(real):
    "Read real cloud masks of 224 × 224 px, sorted by share: (N,224,224), and their shares"
    table = pd.read_csv(Path(real)/'real_masks_224/cloud_catalog.csv').sort_values('cloud_pct')
    paths = [Path(real)/'real_masks_224/cloud_mask'/name for name in table.fmask_name]
    return paths,table.cloud_pct.to_numpy()

def _read_mask(path, height, width):
    "Read a cloud mask, mirrored or cut to a size"
    with rasterio.open(path) as src: mask = src.read(1) > 0
    return mask[mirrored(height, len(mask))][:,mirrored(width, mask.shape[1])]

def by_real_masks(
    stack, # a `Stack` that is mostly clear
    real, # folder of real data
    seed:int # another seed, other masks
)->CoveredStack:
    "Cover each date by a real cloud mask; of five or more dates, one in five is overcast and one in five clear"
    paths,shares = _masks(real)
    rng = np.random.default_rng(seed)
    cover = np.zeros((len(stack),*stack.grid[2:]), bool)
    kinds = np.arange(len(stack))%5 if len(stack) > 4 else np.full(len(stack), 2)
    for t,kind in enumerate(rng.permutation(kinds)):
        if kind==0: cover[t] = True
        elif kind > 1:
            chosen = rng.choice(np.flatnonzero((shares > .1) & (shares < .7)))
            cover[t] = _read_mask(paths[chosen], *stack.grid[2:])
    return CoveredStack(stack, cover)

def _bouconne(real, folder):
    "Open monthly syntheses of Sentinel-2: seven dates, of which six bands are those of HLS"
    days = ('04-29','05-13','07-08','08-15','09-15','10-15','11-15')
    with rasterio.open(Path(real)/'places/s2_bouconne_fr/2018_3A_Theia_Bouconne.tif') as src: dn = src.read()
    dn = dn.reshape(7, 10, *dn.shape[1:])[:,[0,1,2,7,8,9]]
    return write_scenes(Path(folder)/'scenes', dn, [date.fromisoformat(f'2018-{d}') for d in days])

def _landsat_row(real, folder, years):
    "Open a row of 300 Landsat pixels, of which Fmask is known, over some years"
    with np.load(Path(real)/'places/landsat_harvardforest_us/p013r030_r50_n423_b8.npz', allow_pickle=True) as f:
        dn,days = f['Y'],[date.fromordinal(int(d)) for d in f['dates']]
    dn = np.where(dn[7] > 1, HLS.nodata, dn[:6])[:,:,None].swapaxes(0, 1)
    at = [t for t,d in enumerate(days) if d.year in years and (dn[t] != HLS.nodata).any()]
    return write_scenes(Path(folder)/'scenes', dn[at].astype(np.int16), [days[t] for t in at])

def _chip_dates(real, place):
    "Read all dates of a place from its chips of three dates: date -> (6,H,W)"
    table = pd.read_csv(Path(real)/'real_sample/chip_catalog.csv')
    out = {}
    for _,row in table[table.chip_id.str.startswith(place)].iterrows():
        with rasterio.open(Path(real)/f'real_sample/chips_filtered/{row.chip_id}_merged.tif') as src: dn = src.read()
        days = [date.fromisoformat(row[f'{k}_image_date']) for k in ('first','second','third')]
        out |= dict(zip(days, dn.reshape(3, -1, *dn.shape[1:])))
    return out

def _chip_series(real, folder, half):
    "Open the first or second half of the dates of a place"
    every = sorted(_chip_dates(real, 'chip_001').items())
    days,dn = zip(*every[:len(every)//2] if half==0 else every[len(every)//2:])
    return write_scenes(Path(folder)/'scenes', np.stack(dn).astype(np.int16), days)

def _glob(real, pattern): return sorted(map(str, Path(real).glob(pattern)))

def _measured(real, pattern):
    "Open a cube without the dates that are nearly all gap"
    files = _glob(real, pattern)
    with _open(cube=files) as stack: dates = [str(d) for d,g in zip(stack.dates, stack.read()[1]) if g.mean() < .9]
    return _open(cube=files, dates=dates)

def real_scenes(
    real # folder of real data
)->dict: # name -> function of a folder that gives a `CoveredStack`
    "List the real scenes"
    series = sorted(map(str, Path(real).glob('sources/worldcereal/S2_L2A_*.nc')))
    months = 'sources/worldcereal/worldcereal_pre*.nc'
    return dict(
        hls_exeter=lambda _: by_other_dates(_open(scenes=_glob(real, 'places/hls_exeter_uk/*.tif'))),
        s2_exeter=lambda _: by_other_dates(_open(scenes=_glob(real, 'places/s2_exeter_uk/*.tif'), align=True)),
        s2_bouconne=lambda d: by_real_masks(_bouconne(real, d), real, 0),
        belgium=lambda _: by_other_dates(_open(cube=series)),
        belgium_months=lambda _: by_real_masks(_measured(real, months), real, 1),
        belgium_chips=lambda d: by_real_masks(_chip_series(real, d, 0), real, 2),
        belgium_chips_2=lambda d: by_real_masks(_chip_series(real, d, 1), real, 3),
        landsat_1990=lambda d: by_other_dates(_landsat_row(real, d, (1989,1990))),
        landsat_2000=lambda d: by_other_dates(_landsat_row(real, d, (2000,2001))),
        landsat_2010=lambda d: by_other_dates(_landsat_row(real, d, (2009,2010))))

simulated_scenes = dict(
    few_dates=simulated(300, 3, 30, .3, 'p', 20), three_months=simulated(400, 3, 30, .4, 'v', 1),
    six_dates=simulated(512, 6, 12, .4, 'n', 2), cloudy=simulated(448, 6, 16, .6, 'c', 3),
    overcast=simulated(400, 12, 8, 'mixed', 'p', 10), overcast_2=simulated(512, 12, 8, 'mixed', 'a', 5),
    overcast_3=simulated(400, 8, 16, 'mixed', 'm', 6), series=simulated(256, 30, 5, 'mixed', 's', 30),
    series_2=simulated(256, 20, 10, .5, 'e', 8), large=simulated(700, 5, 20, .3, 'v', 9))

# Measurements

class Errors(NamedTuple):
    "Expected and true error of a fill"
    expected:float # MAE
    low:float # end of its interval
    high:float
    true:float # MAE at the covered pixels
    pixels:int # covered pixels
    held_out:int # pixels behind the expected error

def known_dates(
    stack:CoveredStack # the scene
)->list: # YYYY-MM-DD
    "List the dates of which most of the gap has known truth, which alone are filled; all where these are under five"
    known,gap = covered_pixels(stack).mean((1,2)),stack.read()[1].mean((1,2))
    mostly = known > gap/2
    return [str(d) for d,m in zip(stack.dates, mostly) if m or mostly.sum() < 5]

def true_error(
    stack:CoveredStack, # the scene
    paths:dict # of its fill
)->tuple: # MAE, pixels
    "Compute the error at covered pixels that were filled"
    dn,_ = stack.stack.read()
    scored = covered_pixels(stack)
    total,n = 0.,0
    for t,name in enumerate(stack.names):
        if (name,'filled') not in paths: continue
        with rasterio.open(paths[name,'filled']) as src: filled = src.read()
        with rasterio.open(paths[name,'qa']) as src: at = scored[t] & (src.read(1)==1)
        scale = np.broadcast_to(stack.date_units[t].scale, len(filled))[:,None]
        total += np.abs((filled[:,at].astype(float)-dn[t][:,at])*scale).mean(0).sum()
        n += at.sum()
    return total/n,int(n)

def errors_of(
    stack:CoveredStack, # the scene
    filler:str, # its name
    folder # for the files of the fill
)->Errors:
    "Fill a scene, and compare the expected with the true error"
    f,dates = get_filler(filler),known_dates(stack)
    paths = fill_stack(stack, f, Path(folder)/filler, dates_out=dates)['paths']
    qa = [p for (_,kind),p in paths.items() if kind=='qa']
    table = expected_error(stack, f, filled_by_days(qa), dates_out=dates)
    of_all = table[(table.band=='all') & (table.days=='all')].iloc[0]
    return Errors(of_all.mae, of_all.low, of_all.high, *true_error(stack, paths), int(of_all.n))

def measure_errors(
    scenes:dict, # name -> function of a folder that gives a `CoveredStack`
    fillers, # names
    out # table, CSV
)->pd.DataFrame: # scene, filler, fields of `Errors`, ratio
    "Measure the ratio of expected and true error of scenes"
    rows = []
    for name,make in scenes.items():
        with tempfile.TemporaryDirectory() as folder:
            stack = make(folder)
            for filler in fillers:
                e = errors_of(stack, filler, folder)
                rows.append(dict(scene=name, filler=filler) | e._asdict() | dict(ratio=e.expected/e.true))
                print(f"{name:20} {filler:12} expected {e.expected:.4f} ({e.low:.4f} to {e.high:.4f}), "
                      f"true {e.true:.4f}, ratio {rows[-1]['ratio']:.3f}", flush=True)
    table = pd.DataFrame(rows)
    with whole(out) as part: table.round(6).to_csv(part, index=False)
    for filler,ratio in table.groupby('filler', sort=False).ratio:
        print(f"{filler}: {ratio.between(.8, 1.25).sum()} of {len(ratio)} between 0.8 and 1.25")
    return table

def measure_cost(
    size:int, # pixels of a side
    fillers, # names
    T:int=12 # dates
):
    "Print the processor time of a fill alone, with its expected error, with intervals, and with both"
    for filler in fillers:
        with tempfile.TemporaryDirectory() as folder:
            stack = simulated(size, T, 8, 'mixed', 'p', 0)(folder)
            seconds = [_seconds(stack, filler, Path(folder)/kind, **o) for kind,o in _kinds.items()]
            more = ', '.join(f"{kind} {s:.1f} s ({s/seconds[0]-1:+.1%})" for kind,s in zip(_kinds, seconds) if s)
            print(f"{filler:12} {size} px, {T} dates: {more}", flush=True)

_kinds = {'fill': dict(estimate=False), 'with expected error': {}, 'with intervals': dict(interval=90, estimate=False),
          'with both': dict(interval=90)}

def _seconds(stack, filler, folder, estimate=True, **limits):
    "Measure the processor time of a fill, and of the estimate of its error, in seconds"
    start = time.process_time()
    r = fill_stack(stack, get_filler(filler), folder, **limits)
    if estimate:
        qa = [path for (_,kind),path in r['paths'].items() if kind=='qa']
        expected_error(stack, get_filler(filler), filled_by_days(qa), r['held_out'], **limits)
    return time.process_time()-start

@program
@keep_freed_memory()
def known_error(
    real:str=None, # folder of real data; without it, only simulated scenes
    fillers:Param('names of fillers', str, nargs='+')=('linear','regression'),
    scenes:Param('names of some of the scenes; by default all', str, nargs='+')=None,
    cost:int=None, # pixels of a side: measure the time of the estimate on such a scene instead
    out:str='known_error.csv', # table to write
):
    "Compare expected and true errors of fills"
    if cost: return measure_cost(cost, fillers)
    every = simulated_scenes | (real_scenes(real) if real else {})
    return measure_errors({k: v for k,v in every.items() if not scenes or k in scenes}, fillers, out)

if __name__=='__main__': known_error()
