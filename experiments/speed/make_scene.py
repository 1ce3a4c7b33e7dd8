"""Make a simulated tile for the measurements: `python experiments/speed/make_scene.py FOLDER [--size 3660] [--dates 3] [--cover .4]`.

One GeoTIFF of six bands a date, in tiles of 256 px with deflate as HLS has them, and a cloud mask for each."""
import argparse
from datetime import date, timedelta
from pathlib import Path
import numpy as np
from rasterio.crs import CRS
from rasterio.transform import from_origin
from gapfill_baseline.core import HLS
from gapfill_baseline.data import write_mask, write_raster
from gapfill_baseline.sample import clouds, simulate

def make(folder, size=3660, n=3, cover=.4, tile=915):
    "Write `n` dates of a scene that is put together of simulated places"
    folder = Path(folder); folder.mkdir(parents=True, exist_ok=True); dates = [date(2024,4,21)+timedelta(45*t) for t in range(n)]
    grid = dict(crs=CRS.from_epsg(32613), transform=from_origin(699960, 4000020, 30, 30)); dn = np.empty((n,6,size,size), np.int16); gap = np.empty((n,size,size), bool)
    for r in range(0, size, tile):
        for c in range(0, size, tile):
            h,w = min(tile, size-r),min(tile, size-c)
            dn[:,:,r:r+h,c:c+w] = simulate((h,w), dates, seed=(r,c))
            for t in range(n): gap[t,r:r+h,c:c+w] = clouds((h,w), cover, (r,c,t))
    for t,d in enumerate(dates):
        write_raster(folder/f'{d}.tif', dn[t], nodata=HLS.nodata, predictor=2, tiled=True, blockxsize=256, blockysize=256, **grid); write_mask(folder/f'{d}_mask.tif', gap[t], **grid)

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__); p.add_argument('folder'); p.add_argument('--size', type=int, default=3660); p.add_argument('--dates', type=int, default=3); p.add_argument('--cover', type=float, default=.4)
    a = p.parse_args(); make(a.folder, a.size, a.dates, a.cover)
