"Undamaged inputs, a folder each, and the command that reads them"
import os, shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple
import numpy as np, rasterio
from rasterio.transform import from_origin
from . import child

dates = '2024-05-01','2024-05-11','2024-05-21'
bands = 'B02','B03','B04','B08','B11','B12'
size = 40 # pixels of a side of a scene
grid = dict(crs=rasterio.CRS.from_epsg(32631), transform=from_origin(500000, 5600000, 10, 10))

class Input(NamedTuple):
    "Files without damage, and what reads them"
    make:Callable # folder -> None
    command:tuple # program and its arguments, in that folder
    kind:str # how the result is read, see `results`
    blind:bool=False # the result says nothing of the values: it is the same whatever they are
    writes:tuple=('out',) # what the program may make or change
    like:str='' # the input with the same result; empty = none

inputs = {}

def add(name, command, kind, **kwargs):
    "Register the function that makes an input"
    def register(f):
        inputs[name] = Input(f, tuple(command.split()), kind, **kwargs)
        return f
    return register

def land(n=size):
    "DN of three dates of six bands, int16, (T,C,n,n); the last date has a corner that was not measured"
    rng = np.random.default_rng(7)
    f = rng.normal(0, 1, (n,n)).cumsum(0).cumsum(1)
    f = (f-f.mean())/f.std()
    level = np.array([300,600,800,3000,2500,1500])[:,None,None]
    a = np.stack([level*(1+.2*f)+120*t+rng.normal(0, 5, (6,n,n)) for t in range(3)])
    a = a.clip(1).round().astype('i2')
    a[2,:,-6:,-6:] = -9999
    return a

def clouds(n=size):
    "A cloud on the second date, uint8, (T,n,n)"
    g = np.zeros((3,n,n), 'u1')
    g[1,8:26,8:26] = 1
    return g

def write(path, a, names=None, scales=None, offsets=None, mask=None, **kwargs):
    "Write a GeoTIFF"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = dict(driver='GTiff', count=len(a), height=a.shape[1], width=a.shape[2], dtype=a.dtype, compress='deflate')
    with rasterio.open(path, 'w', **profile | grid | kwargs) as dst:
        dst.write(a)
        if names: dst.descriptions = names
        if scales is not None: dst.scales = scales
        if offsets is not None: dst.offsets = offsets
        if mask is not None: dst.write_mask(mask)

def run(command, folder, call=None):
    "Run a program that must succeed"
    e = child.run(command.split(), folder, call=call)
    if e.status or e.hang: raise RuntimeError(f"{command}: status {e.status} {e.hang}\n{e.out}{e.err}")

def dying(program, last):
    "The program, but it dies when the first file whose name ends with `last` gets its final name"
    replace = os.replace
    def die(a, b, **kwargs):
        if str(b).endswith(last): os._exit(0)
        return replace(a, b, **kwargs)
    def call():
        os.replace = os.rename = die
        child.console(program)
    return call

_parts = {} # name -> folder of what several inputs share

def part(name, folder):
    "Copy what several inputs share; made on first use in the folder where it will be used"
    keep = folder.parent.parent/'parts'/name
    if name not in _parts:
        made[name](folder)
        shutil.copytree(folder, keep, symlinks=True)
        _parts[name] = keep
    else: shutil.copytree(keep, folder, symlinks=True, dirs_exist_ok=True)

def _dataset(folder): run('gapfill_sample ds --n_train 4 --n_validate 3 --n_masks 6 --size 32', folder)

train = ('gapfill_train --dataroot ds --out_dir runs --job_id u --batch_size 2 --model unet --width 4 --device cpu '
         '--visualization none --select_on validation --cache_dir cache')

def _run(folder):
    part('dataset', folder)
    run(f'{train} --epochs 1', folder)
    shutil.rmtree(folder/'cache')

def _tables(folder):
    part('run', folder)
    run('gapfill_stats --checkpoint_dir runs/u --device cpu --cache_dir cache', folder)
    shutil.rmtree(folder/'cache')

made = dict(dataset=_dataset, run=_run, tables=_tables)

fill = 'gapfill_fill --scenes s1.tif s2.tif s3.tif --masks m1.tif m2.tif m3.tif --dates '+' '.join(dates)

@add('scenes', f'{fill} --filler linear --out_dir out', 'rasters')
def scenes(folder):
    for t,(a,g) in enumerate(zip(land(), clouds()), 1):
        write(folder/f's{t}.tif', a, bands, nodata=-9999)
        write(folder/f'm{t}.tif', g[None])

@add('stacked', f"gapfill_fill --scenes all.tif --masks clouds.tif --dates {' '.join(dates)} --filler linear --out_dir out", 'rasters')
def stacked(folder):
    write(folder/'all.tif', land().reshape(-1, size, size), bands*3, nodata=-9999)
    write(folder/'clouds.tif', clouds())

@add('granules', 'gapfill_fill --granules HLS --out_dir out', 'rasters')
def granules(folder):
    from gapfill_baseline.scenes.hls import make_granules
    days = [date.fromisoformat(d) for d in dates]
    child.run(['make_granules'], folder, call=lambda: make_granules('HLS', days, size=48, cloud=(.3,.1,.2),
        products=('S30','L30')))

def cube_dataset():
    "A cube of three dates with its clouds"
    import pandas as pd, xarray as xr
    a,axes = land(),('time','y','x')
    at = 10*(np.arange(size)+.5)
    data = {b: (axes, a[:,c], dict(_FillValue=np.int16(-9999))) for c,b in enumerate(bands)}
    coords = dict(time=pd.to_datetime(list(dates)), y=5600000-at, x=500000+at)
    ds = xr.Dataset(data | dict(SCL=(axes, clouds())), coords)
    ds['crs'] = ((), 0, dict(crs_wkt=grid['crs'].to_wkt()))
    return ds

def save_cube(ds, path):
    "Write a cube, in a child, since libraries of cubes start threads"
    if path.suffix=='.zarr': return child.run(['cube'], path.parent,
        call=lambda: ds.to_zarr(path.name, mode='w', zarr_format=2))
    checked = {b: dict(compression='gzip', fletcher32=True)
        for b in (*bands, 'SCL') if b in ds and ds[b].dtype.kind in 'iuf' and ds[b].ndim and ds[b].size}
    return child.run(['cube'], path.parent, call=lambda: ds.to_netcdf(path.name, engine='h5netcdf', encoding=checked))

@add('netcdf', 'gapfill_fill --cube cube.nc --mask_band SCL --filler linear --out_dir out', 'rasters')
def netcdf(folder): save_cube(cube_dataset(), folder/'cube.nc')

@add('zarr', 'gapfill_fill --cube cube.zarr --mask_band SCL --filler linear --out_dir out', 'rasters')
def zarr(folder): save_cube(cube_dataset(), folder/'cube.zarr')

places = 'name,scenes,dates,masks\n'+''.join(
    f"{name},s1.tif;s2.tif;s3.tif,{';'.join(dates)},m1.tif;m2.tif;m3.tif\n" for name in ('north','south'))

@add('list', 'gapfill_fill --archive places.csv --filler linear --out_dir out', 'rasters')
def places_list(folder):
    scenes(folder)
    (folder/'places.csv').write_text(places)

@add('list again', 'gapfill_fill --archive places.csv --filler linear --out_dir out', 'rasters', like='list')
def places_again(folder):
    places_list(folder)
    run('gapfill_fill --archive places.csv --filler linear --out_dir out', folder)

@add('begun filling', f'{fill} --filler linear --out_dir out --resume', 'rasters', like='scenes')
def begun(folder):
    scenes(folder)
    run(f'{fill} --filler linear --out_dir out', folder, dying('gapfill_fill', '1.tif'))

unsure = f'{fill} --filler linear --out_dir out --interval 90'

@add('begun intervals', f'{unsure} --resume', 'rasters')
def begun_intervals(folder):
    scenes(folder)
    run(unsure, folder, dying('gapfill_fill', '1.tif'))

@add('filled again', f'{fill} --filler linear --out_dir out --resume', 'rasters', like='scenes')
def filled_again(folder):
    scenes(folder)
    run(f'{fill} --filler linear --out_dir out', folder)

of_chips = '--size 16 --time_steps 1 --split dates --min_cloud .001 --min_clear .95'

@add('cut', f"gapfill_chips {fill.split(' ', 1)[1]} --out_dir out {of_chips}", 'dataset')
def cut(folder): scenes(folder)

compare = 'gapfill_compare --dataroot ds --fillers linear --out_dir out --device cpu --protocol strict'

@add('check', 'gapfill_check ds --out report.csv', 'report', blind=True, writes=('report.csv',))
def check(folder): part('dataset', folder)

@add('leaks', 'gapfill_check --leaks --catalog ds/chip_catalog.csv --out report.csv', 'report', writes=('report.csv',))
def leaks(folder): part('dataset', folder)

@add('compare', compare, 'scores')
def compared(folder): part('dataset', folder)

@add('begun comparison', f'{compare} --resume', 'scores', like='compare')
def begun_comparison(folder):
    part('dataset', folder)
    run(compare, folder, dying('gapfill_compare', 'summary.csv'))

@add('packed', f'{compare} --cache_dir cache', 'scores', writes=('out','cache'), like='compare')
def packed(folder):
    part('dataset', folder)
    run(f'{compare} --cache_dir cache', folder)
    shutil.rmtree(folder/'out')

run_inputs = dict(
    stats=('gapfill_stats --checkpoint_dir runs/u --out_dir out --device cpu --cache_dir cache', 'tables'),
    visualize=('gapfill_visualize --checkpoint_dir runs/u --out_dir out --device cpu --n 1 --cache_dir cache',
        'pictures'))
for name,(command,kind) in run_inputs.items():
    add(name, command, kind, writes=('out','cache','runs/.cache'))(lambda folder: part('run', folder))

@add('curves', 'gapfill_training_graphs --job_id runs/u --figures_dir out', 'pictures')
def curves(folder): part('run', folder)

@add('compare run', 'gapfill_compare --runs runs/u --out_dir out --device cpu --protocol strict', 'scores')
def compare_run(folder): part('run', folder)

@add('fill by run', f'{fill} --filler runs/u --out_dir out', 'rasters')
def fill_by_run(folder):
    part('run', folder)
    scenes(folder)

@add('resume', f'{train} --epochs 2 --resume', 'history', writes=('runs','cache'))
def resume(folder): part('run', folder)

@add('start', f"{train.replace('--job_id u', '--job_id v')} --epochs 1 --checkpoint_dir u", 'history',
    writes=('runs/v','cache'))
def start(folder): part('run', folder)

@add('train', f'{train} --epochs 1', 'history', writes=('runs','cache'))
def trained(folder): part('dataset', folder)

@add('per image', 'gapfill_per_image_graphs --job_id runs/u --figures_dir out', 'pictures')
def per_image(folder): part('tables', folder)


evaluate = 'gapfill_evaluate --dataroot ds --out_dir out --fillers linear --device cpu --cache_dir cache'

def export_program():
    "Save a program that fills every pixel with one number as a package"
    import json
    import torch
    class Constant(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.number = torch.nn.Parameter(torch.full((1,), .2))
        def forward(self, observed, gap, days, doy, year, lat, lon): return 0*observed+self.number
    dates,one = torch.zeros(2, 3),torch.zeros(2)
    example = (torch.zeros(2, 3, 6, 16, 16),torch.zeros(2, 3, 16, 16, dtype=torch.bool),dates,dates,dates,one,one)
    sizes = tuple([{0: torch.export.Dim('chips', min=1, max=64)}]*7)
    program = torch.export.export(Constant(), example, dynamic_shapes=sizes)
    facts = dict(bands=['B02','B03','B04','B8A','B11','B12'], unit='reflectance', dates=[3,3], tile=16)
    torch.export.save(program, 'net.pt2', extra_files={'declaration.json': json.dumps(facts)})

@add('evaluate package', f'{evaluate} --model net.pt2', 'scores', writes=('out','cache'))
def evaluate_package(folder):
    part('dataset', folder)
    child.run(['export'], folder, call=export_program)

def save_presto():
    "Save a small Presto with random weights"
    import torch
    from gapfill_baseline.networks.presto import Presto
    torch.manual_seed(0)
    torch.save(Presto(width=32, decoder_width=32).state_dict(), 'presto.pt')

@add('evaluate weights', f'{evaluate} --model presto --weights presto.pt', 'scores', writes=('out','cache'))
def evaluate_weights(folder):
    part('dataset', folder)
    child.run(['save'], folder, call=save_presto)
