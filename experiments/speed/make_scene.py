"""Make a simulated tile for the measurements.

`python experiments/speed/make_scene.py FOLDER [--size 3660] [--dates 3]`

One GeoTIFF of six bands per date, in tiles of 256 px with deflate as HLS has them, and a cloud mask for each."""
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from fastcore.script import call_parse
from rasterio.crs import CRS
from rasterio.transform import from_origin

from gapfill_baseline.core import HLS
from gapfill_baseline.data import write_mask, write_raster
from gapfill_baseline.sample import clouds, simulate

first = date(2024, 4, 21)
grid = dict(crs=CRS.from_epsg(32613), transform=from_origin(699960, 4000020, 30, 30))
blocks = dict(predictor=2, tiled=True, blockxsize=256, blockysize=256)

def simulate_tile(size, days, cover, part):
    "Put a scene together of simulated places: DN int16 (T,6,size,size), gaps bool (T,size,size)"
    dn = np.empty((len(days), 6, size, size), np.int16)
    gap = np.empty((len(days), size, size), bool)
    for r in range(0, size, part):
        for c in range(0, size, part):
            shape = min(part, size-r), min(part, size-c)
            here = slice(r, r+shape[0]), slice(c, c+shape[1])
            dn[:,:,*here] = simulate(shape, days, seed=(r,c))
            for t in range(len(days)): gap[t,*here] = clouds(shape, cover, (r,c,t))
    return dn,gap

def make(folder, size=3660, n=3, cover=.4, part=915):
    "Write `n` dates of a simulated scene"
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    days = [first+timedelta(45*t) for t in range(n)]
    dn,gap = simulate_tile(size, days, cover, part)
    for t,day in enumerate(days):
        write_raster(folder/f'{day}.tif', dn[t], nodata=HLS.nodata, **blocks, **grid)
        write_mask(folder/f'{day}_mask.tif', gap[t], **grid)

@call_parse
def main(
    folder:str, # where to write
    size:int=3660, # pixels of a side
    dates:int=3, # how many
    cover:float=.4 # share of cloud
):
    "Make a simulated tile"
    make(folder, size, dates, cover)
