"Scenes, masks, granules, cubes and chips"
import json, shutil
from pathlib import Path
import numpy as np
from .damage import *
from .inputs import bands, cube_dataset, save_cube
from .judge import Case

def every(reader, input, path, kinds, prefix='', **kwargs):
    "A case for each kind of damage of a file"
    return [Case(reader, f'{prefix}{k}', input, on(path, f), **kwargs) for k,f in kinds.items()]

def raster_cases(): return [*scene_cases(), *mask_cases(), *stacked_cases(), *granule_cases(), *cube_cases(),
    *zarr_cases(), *chip_cases()]

# Scenes

swap = order(2, 1, 0, 3, 5, 4)
landsat = units(2.75e-5, -.2, 'u2', 0)
shifted = units(1e-4, -.1, 'i2', -9999)
spot = np.s_[:,3:5,3:5] # pixels outside of the cloud
cloudy = np.s_[:,12:15,12:15]
border = np.s_[:,4:12,4:12] # half under the cloud


def pixel(value, where=spot, t=None, nodata=None):
    "A value for some pixels"
    def f(r):
        r.a = r.a.astype(t or r.a.dtype)
        r.a[where] = value
        if nodata is not None: r.more['nodata'] = nodata
    return raster(f)

def reflectance(t):
    "Reflectance as numbers with a point; not measured is NaN"
    def f(r):
        hole = r.a==r.more['nodata']
        r.a = (r.a*1e-4).astype(t)
        r.a[hole] = np.nan
        r.more['nodata'] = np.nan
    return raster(f)

def away_from_spot(result):
    "A result without the pixels of `spot` of the first date"
    out = {}
    for k,a in result.items():
        out[k] = a.copy()
        if k[0].startswith('s1'): out[k][spot[1:]] = 0
        if k[1]=='clear_dates': out[k][spot[1:]] = 0
    return out

common = dict(zip(bands, ('blue','green','red','nir','swir_1','swir_2')))

def only(*names):
    "A result with some of its bands alone, and with the gaps"
    left = {n for b in bands if b not in names for n in (b, common[b])}
    return lambda result: {k: a for k,a in result.items() if k[1] not in left}

def six_bands(result): return {k: a for k,a in result.items() if k[1]!='Fmask'}

understood = {
    'int64': on('s?.tif', dtype('i8')),
    'int32': on('s?.tif', dtype('i4')),
    'unsigned': on('s?.tif', values(lambda a: np.where(a<0, 65535, a).astype('u2'), nodata=65535)),
    'float of whole numbers': on('s?.tif', dtype('f4')),
    'float32 reflectance': on('s?.tif', reflectance('f4')),
    'float64 reflectance': on('s?.tif', reflectance('f8')),
    'bands of one date in another order': on('s2.tif', swap),
    'bands of all dates in other orders': both(on('s1.tif', swap), on('s3.tif', order(5, 4, 3, 2, 1, 0))),
    'units of Landsat': on('s?.tif', landsat),
    'an offset in all': on('s?.tif', shifted),
    'tags of the usual units': on('s?.tif', tags(1e-4)),
    'nodata 0, unsigned': on('s?.tif', values(lambda a: np.where(a<0, 0, a).astype('u2'), nodata=0)),
    'nodata 32767': on('s?.tif', values(lambda a: np.where(a<0, 32767, a).astype('i2'), nodata=32767)),
    'mask inside': on('s?.tif', masked_by('inside')),
    'mask beside': on('s?.tif', masked_by('beside')),
    'tiled': on('s?.tif', setting(tiled=True, blockxsize=16, blockysize=16)),
    'BigTIFF': on('s?.tif', setting(bigtiff='yes')),
    'LZW, by pixel': on('s?.tif', setting(compress='lzw', interleave='pixel')),
    'big-endian': on('s?.tif', setting(endianness='big')),
    'links': on('s?.tif', link)}

def renamed(w):
    "Suffixes in capitals"
    for p in sorted(w.folder.glob('s?.tif')): p.rename(p.with_suffix('.TIF'))
    w.command[:] = [a.replace('.tif', '.TIF') if a.startswith('s') and a.endswith('.tif') else a for a in w.command]
    w.words.add('s1.TIF')

def to_dates(*days): return lambda w: w.option('dates', *days)

scene_doubts = {
    'one date int64': on('s2.tif', dtype('i8')),
    'one date float reflectance': on('s2.tif', reflectance('f4')),
    'one date in units of Landsat': on('s1.tif', landsat),
    'one date with an offset': on('s1.tif', shifted),
    'complex numbers': on('s?.tif', dtype('c8', nodata=None)),
    'moved by half a pixel': on('s2.tif', moved(.5, .5)),
    'moved by a pixel': on('s2.tif', moved(1, 0)),
    'other pixels': on('s2.tif', moved(by=2)),
    'other size': on('s2.tif', values(lambda a: a[:,:-3,:-3])),
    'another CRS': on('s2.tif', setting(crs='EPSG:32632')),
    'geographic CRS': on('s2.tif', setting(crs='EPSG:4326')),
    'no CRS on a date': on('s2.tif', setting(crs=None)),
    'turned': on('s2.tif', setting(transform=rasterio.Affine(7, 7, 500000, 7, -7, 5600000))),
    'no place on a date': on('s2.tif', setting(transform=rasterio.Affine.identity(), crs=None)),
    'an unknown name on a date': on('s1.tif', named('B02','B03','B04','B08','B11','thermal')),
    'a name twice': on('s1.tif', named('B02','B03','B04','B08','B11','B11')),
    'names of another product': on('s1.tif', named(*'blue green red nir swir_1 swir_2'.split())),
    'no names on a date': on('s1.tif', named(*[None]*6)),
    'no names at all': on('s?.tif', named(*[None]*6)),
    'scale 0': on('s?.tif', tags(0)),
    'scale NaN': on('s?.tif', tags(np.nan)),
    'scale inf': on('s1.tif', tags(np.inf)),
    'negative scale': on('s1.tif', tags(-1e-4)),
    'one band in other units': on('s?.tif',
        raster(lambda r: vars(r).update(a=np.where(r.a<0, r.a, r.a*np.array([1,1,1,1,1,2], 'i2')[:,None,None]),
        scales=(1e-4,)*5+(5e-5,)))),
    'nodata tag gone': on('s?.tif', setting(nodata=None)),
    'one date has another nodata': on('s3.tif', values(lambda a: np.where(a<0, -1, a).astype('i2'), nodata=-1)),
    'alpha band': on('s?.tif', extra(255, 'alpha')),
    'a date too few': to_dates('2024-05-01','2024-05-11'),
    'a date too many': to_dates('2024-05-01','2024-05-11','2024-05-21','2024-05-31'),
    'no such date': to_dates('2024-05-01','2024-05-32','2024-05-21'),
    'a date in words': to_dates('2024-05-01','yesterday','2024-05-21'),
    'an American date': to_dates('05/01/2024','05/11/2024','05/21/2024'),
    'a date of 5 digits': to_dates('20240-05-01','2024-05-11','2024-05-21'),
    'a scene twice': lambda w: w.option('scenes', 's1.tif', 's1.tif', 's3.tif')}

doubled = values(lambda a: np.where(a<-5000, a, a*2).astype('i2'))
def twice_the_numbers(w): on('s?.tif', doubled)(w)
def hole_at_spot(w): on('s1.tif', pixel(-9999))(w)

def scene_cases():
    out = every('scenes', 'scenes', 's2.tif', bytes_kinds | raster_kinds, needs=())
    out += [Case('scenes', k, 'scenes', f, right=True) for k,f in understood.items()]
    out += [Case('scenes', k, 'scenes', f, refuse=k=='a scene twice', mention='scale' if 'scale' in k else '')
        for k,f in scene_doubts.items()]
    out += [Case('scenes', f'all {k}', 'scenes', on('s?.tif', bytes_kinds[k])) for k in ('empty','web page','folder')]
    out += [Case('scenes', f'clear date {k}', 'scenes', on('s1.tif', (bytes_kinds | raster_kinds)[k]))
        for k in ('cut to 9 of 10','flipped bit','virtual raster','named pipe')]
    out += [Case('scenes', f'flip {k}', 'scenes', on('s1.tif', pixel_flip)) for k in range(4)]
    return out + [
        Case('scenes', 'suffix in capitals', 'scenes', renamed, right=True),
        # what all dates have may be filled, and a day may have two halves, where that is said
        Case('scenes', 'five bands on a date', 'scenes', on('s1.tif', order(0, 1, 2, 3, 4)),
            apart=only('B02','B03','B04','B08','B11'), mention='not used'),
        Case('scenes', 'a file of one band', 'scenes', on('s1.tif', order(0)), apart=only('B02'), mention='not used'),
        Case('scenes', 'a date twice', 'scenes', to_dates('2024-05-01','2024-05-01','2024-05-21'),
            free=True, mention='completed'),
        Case('scenes', 'dates in another order', 'scenes', reorder, right=True),
        Case('scenes', 'tags of another scale', 'scenes', on('s?.tif', tags(2e-4)), right=True,
            twin=twice_the_numbers, tolerance=2.1e-4),
        Case('scenes', 'NaN in the cloud', 'scenes',
            both(on('s?.tif', reflectance('f4')), on('s2.tif', pixel(np.nan, cloudy))), right=True),
        Case('scenes', 'inf in the cloud', 'scenes',
            both(on('s?.tif', reflectance('f4')), on('s2.tif', pixel(np.inf, cloudy)))),
        Case('scenes', 'NaN is not measured', 'scenes',
            both(on('s?.tif', reflectance('f4')), on('s1.tif', pixel(np.nan))), right=True, twin=hole_at_spot),
        Case('scenes', 'inf', 'scenes', both(on('s?.tif', reflectance('f4')), on('s1.tif', pixel(np.inf))),
            twin=hole_at_spot),
        Case('scenes', '-inf', 'scenes', both(on('s?.tif', reflectance('f8')), on('s1.tif', pixel(-np.inf))),
            twin=hole_at_spot),
        Case('scenes', 'nodata in one band', 'scenes', on('s1.tif', pixel(-9999, np.s_[2:3,3:5,3:5])), right=True,
            twin=hole_at_spot, apart=away_from_spot),
        Case('scenes', 'Fmask as a seventh band', 'scenes', on('s?.tif', extra(64, 'Fmask')), apart=six_bands,
            mention='Fmask'),
        Case('scenes', '--scale and --offset', 'scenes',
            both(on('s?.tif', values(lambda a: np.where(a<0, a, a*2).astype('i2'))),
            lambda w: w.option('scale', '5e-5')), right=True, needs=('scale',)),
        Case('scenes', '--scale 0', 'scenes', lambda w: w.option('scale', 0), refuse=True, needs=('scale',)),
        Case('scenes', '--scale nan', 'scenes', lambda w: w.option('scale', 'nan'), refuse=True, needs=('scale',)),
        Case('scenes', '--offset inf', 'scenes', lambda w: w.option('offset', 'inf'), refuse=True, needs=('offset',))]

def reorder(w):
    "Scenes, masks and dates given last first"
    w.option('scenes', 's3.tif', 's1.tif', 's2.tif')
    w.option('masks', 'm3.tif', 'm1.tif', 'm2.tif')
    w.option('dates', '2024-05-21', '2024-05-01', '2024-05-11')

# Masks of scenes

probable = values(lambda a: np.where(a>0, .9, .05).astype('f4'))
mask_right = {
    'int64': dtype('i8'),
    'uint16': dtype('u2'),
    'float of 0 and 1': dtype('f4'),
    'signed bytes': dtype('i1'),
    'nodata 255': setting(nodata=255),
    'link': link,
    'tiled': setting(tiled=True, blockxsize=16, blockysize=16)}
mask_wrong = {
    'value 7': pixel(7, border),
    'value -1': pixel(-1, border, t='i2'),
    'value 254': pixel(254, border),
    'value 300': pixel(300, border, t='i2'),
    'value 0.5': pixel(.5, border, t='f4'),
    'probabilities': probable,
    'NaN': pixel(np.nan, border, t='f4'),
    'inf': pixel(np.inf, border, t='f4'),
    'complex': dtype('c8'),
    'an Fmask': values(lambda a: a*2+64),
    'other size': values(lambda a: a[:,:-1]),
    'moved': moved(.5),
    'moved by a pixel': moved(0, 1),
    'another CRS': setting(crs='EPSG:32630'),
    'three bands': values(lambda a: np.concatenate([a]*3)),
    'coarser, uneven': values(lambda a: a[:,::3,::3])}

def mask_cases():
    out = every('masks of scenes', 'scenes', 'm2.tif', bytes_kinds | raster_kinds)
    out += [Case('masks of scenes', k, 'scenes', on('m2.tif', f), right=True) for k,f in mask_right.items()]
    # 255, NaN and the like may be taken for not measured
    out += [Case('masks of scenes', k, 'scenes', on('m2.tif', f),
        twin=on('m2.tif', pixel(1, border)) if k in ('NaN','value 254','inf') else None)
        for k,f in mask_wrong.items()]
    name = 'masks of scenes'
    return out + [
        Case(name, '255 is not measured', 'scenes', on('m2.tif', pixel(255, border)),
            twin=on('m2.tif', pixel(1, border))),
        Case(name, 'a mask too few', 'scenes', lambda w: w.option('masks', 'm1.tif', 'm2.tif')),
        Case(name, 'a mask twice', 'scenes', lambda w: w.option('masks', 'm1.tif', 'm1.tif', 'm3.tif'), free=True),
        Case(name, 'a scene as mask', 'scenes', lambda w: w.option('masks', 'm1.tif', 's2.tif', 'm3.tif')),
        Case(name, 'class 8.5 of a classification', 'scenes',
            both(on('m?.tif', values(lambda a: np.where(a>0, 8.5, 4).astype('f4'))),
            lambda w: w.option('mask_values', 9))),
        Case(name, 'classes', 'scenes', both(on('m?.tif', values(lambda a: np.where(a>0, 9, 4).astype('u1'))),
            lambda w: w.option('mask_values', 9)), right=True),
        Case(name, 'probabilities with --mask_threshold', 'scenes',
            both(on('m?.tif', probable), lambda w: w.option('mask_threshold', .5)), right=True,
            needs=('mask_threshold',)),
        Case(name, '--mask_threshold nan', 'scenes',
            both(on('m?.tif', probable), lambda w: w.option('mask_threshold', 'nan')), needs=('mask_threshold',)),
        Case(name, '--mask_kind nonsense', 'scenes', lambda w: w.option('mask_kind', 'nonsense'), refuse=True,
            needs=('mask_kind',))]

# All dates in one file

def stacked_cases():
    dropped = order(*range(17))
    by_band = order(*(c+6*t for c in range(6) for t in range(3)))
    out = every('stacked scene', 'stacked', 'all.tif',
        few_kinds | {'zeros at the end': zero_pixels, 'flipped bit': pixel_flip, 'virtual raster': vrt,
            'claims a huge size': huge})
    out += every('stacked scene', 'stacked', 'clouds.tif',
        {k: (bytes_kinds | raster_kinds)[k] for k in ('empty','cut in half','web page','named pipe','flipped bit',
        'virtual raster')}, 'clouds ')
    name = 'stacked scene'
    return out + [
        Case(name, 'a band too few', 'stacked', on('all.tif', dropped)),
        Case(name, 'a band too many', 'stacked', on('all.tif', extra(1, 'B02'))),
        Case(name, 'band by band', 'stacked', on('all.tif', by_band)),
        Case(name, 'int64', 'stacked', on('all.tif', dtype('i8')), right=True),
        Case(name, 'float32 reflectance', 'stacked', on('all.tif', reflectance('f4')), right=True),
        Case(name, 'units of Landsat', 'stacked', on('all.tif', landsat), right=True),
        Case(name, 'mask inside', 'stacked', on('all.tif', masked_by('inside')), right=True,
            twin=on('all.tif', pixel(-9999, np.s_[:,-6:,-6:]))),
        Case(name, 'clouds of two dates', 'stacked', on('clouds.tif', values(lambda a: a[:2]))),
        Case(name, 'clouds of one date', 'stacked', on('clouds.tif', values(lambda a: a[:1]))),
        Case(name, 'clouds of value 7', 'stacked', on('clouds.tif', pixel(7))),
        Case(name, 'no names', 'stacked', on('all.tif', named(*[None]*18)), right=True),
        Case(name, 'bands of each date in another order', 'stacked',
            on('all.tif', order(*(t*6+c for t in range(3) for c in (5, 4, 3, 2, 1, 0)))), right=True),
        Case(name, 'the order changes with the date', 'stacked',
            on('all.tif', order(*range(6), 11, 10, 9, 8, 7, 6, *range(12, 18))))]

# Granules

def granule(band, n=1): return f'HLS/HLS.*[0-9T].2024{(122, 132, 142)[n]}T*/*.{band}.tif'
first,second = 'HLS/*.2024122T*/*','HLS/*.2024132T*/*'

def rename(pattern, f):
    "Rename files; `f` of the old name"
    def damage(w):
        for p in sorted(w.folder.glob(pattern)):
            q = p.rename(p.with_name(f(p.name)))
            w.words |= {p.name, q.name, p.parent.name}
    return damage

def capitals(w):
    for p in sorted((w.folder/'HLS').rglob('*.tif')): p.rename(p.with_suffix('.TIF'))

def folders_linked(w):
    "The folders of granules are links"
    (w.folder/'there').mkdir()
    for p in sorted((w.folder/'HLS').iterdir()):
        q = p.rename(w.folder/'there'/p.name)
        p.symlink_to(Path('..')/'there'/q.name)

def same_day(w):
    "A second granule of a day"
    old = next(iter(w.folder.glob('HLS/*.2024132T*')))
    new = old.with_name(old.name.replace('2024132T172512', '2024132T172536'))
    shutil.copytree(old, new)
    for p in sorted(new.iterdir()): p.rename(p.with_name(p.name.replace('2024132T172512', '2024132T172536')))
    w.words |= {old.name, new.name}

def other_tile(w):
    rename(second, lambda n: n.replace('T13RCN', 'T13RDN'))(w)
    w.words.add('13RDN')

def granule_cases():
    out = every('granules', 'granules', f'{second}.B05.tif', bytes_kinds | raster_kinds)
    out += every('granules', 'granules', f'{second}.Fmask.tif',
        {k: f for k,f in (few_kinds | raster_kinds).items() if k!='folder'}, 'Fmask ')
    name = 'granules'
    return out + [
        Case(name, 'no Fmask', 'granules', on(f'{second}.Fmask.tif', missing)),
        Case(name, 'a band of another granule', 'granules',
            rename(f'{second}.B05.tif', lambda n: n.replace('2024132', '2024133'))),
        Case(name, 'day 400', 'granules', rename(second+'.tif', lambda n: n.replace('2024132', '2024400')),
            mention='2024400', free=True),
        Case(name, 'two of a day', 'granules', same_day),
        Case(name, 'another tile', 'granules', other_tile),
        Case(name, 'suffix in capitals', 'granules', capitals, right=True),
        Case(name, 'links to folders', 'granules', folders_linked, right=True),
        Case(name, 'int64', 'granules', on('HLS/*/*.B*.tif', dtype('i8')), right=True),
        Case(name, 'one band int64', 'granules', on(f'{second}.B05.tif', dtype('i8'))),
        Case(name, 'float reflectance in one band', 'granules', on(f'{second}.B05.tif', reflectance('f4'))),
        Case(name, 'one band elsewhere', 'granules', on(f'{second}.B05.tif', moved(1, 1))),
        Case(name, 'one band smaller', 'granules', on(f'{second}.B05.tif', values(lambda a: a[:,:-1]))),
        Case(name, 'another CRS', 'granules', on(f'{second}.tif', setting(crs='EPSG:32614'))),
        Case(name, 'two bands in a file', 'granules',
            on(f'{second}.B05.tif', values(lambda a: np.concatenate([a, a])))),
        Case(name, 'usual tags', 'granules', on('HLS/*/*.B*.tif', tags(1e-4)), right=True),
        Case(name, 'tags of another scale in a band', 'granules', on(f'{second}.B05.tif', tags(2e-4)),
            twin=on(f'{second}.B05.tif', doubled), tolerance=2.1e-4),
        Case(name, 'nodata tag gone', 'granules', on('HLS/*/*.B*.tif', setting(nodata=None)), right=True),
        Case(name, 'Fmask int64', 'granules', on(f'{second}.Fmask.tif', dtype('i8')), right=True),
        Case(name, 'Fmask float 0.5', 'granules',
            on(f'{second}.Fmask.tif', pixel(.5, t='f4', where=np.s_[:,20:24,20:24]))),
        Case(name, 'Fmask value 300', 'granules',
            on(f'{second}.Fmask.tif', pixel(300, t='i2', where=np.s_[:,20:24,20:24]))),
        Case(name, 'Fmask value -1', 'granules',
            on(f'{second}.Fmask.tif', pixel(-1, t='i2', where=np.s_[:,20:24,20:24]))),
        Case(name, 'empty folder', 'granules', on('HLS', folder)),
        Case(name, 'no folder', 'granules', on('HLS', missing)),
        Case(name, 'a file instead', 'granules', on('HLS', both_remove_and_put))]

def both_remove_and_put(p, w):
    remove(p)
    p.write_bytes(text)

# NetCDF cubes

def cube_flip(p, w):
    "Flip a bit among compressed pixels, one that the library complains about"
    import h5py
    whole = p.read_bytes()
    for _ in range(300):
        b = bytearray(whole)
        b[int(w.rng.integers(len(b)))] ^= 1<<int(w.rng.integers(8))
        p.write_bytes(b)
        try:
            with h5py.File(p) as f: _ = [f[k][()] for k in (*bands, 'SCL', 'time', 'x', 'y')]
        except Exception: return
    raise AssertionError(f'{p}: no flip is noticed')

def cube(f):
    "A cube that `f` has changed; a function of the dataset that returns it"
    def damage(w):
        p = w.touch('cube.nc')
        p.unlink()
        e = save_cube(f(cube_dataset()), p)
        assert p.exists(), e.err
    return damage

def attrs(**kwargs):
    "Other attributes of all bands"
    def f(ds):
        for b in bands: ds[b].attrs.update(kwargs)
        return ds
    return f

def each_band(f):
    "Other numbers; `f` of the array and its nodata returns both"
    def change(ds):
        for b in bands:
            a,hole = f(ds[b].values)
            ds[b] = (ds[b].dims, a, {} if hole is None else dict(_FillValue=a.dtype.type(hole)))
        return ds
    return change

def packed(ds):
    "Units of Landsat in attributes"
    ds = each_band(lambda a: (np.where(a<0, 0, (a*1e-4+.2)/2.75e-5).round().astype('u2'), 0))(ds)
    return attrs(scale_factor=2.75e-5, add_offset=-.2)(ds)

def kilometres(ds):
    ds = ds.assign_coords(x=ds.x/1000, y=ds.y/1000)
    for c in 'xy': ds[c].attrs['units'] = 'km'
    return ds

def one_band(f):
    def change(ds):
        ds['B11'] = f(ds['B11'])
        return ds
    return change

def times(values): return lambda ds: ds.assign_coords(time=values)

def clouds_as(f):
    def change(ds):
        ds['SCL'] = (ds['SCL'].dims, f(ds['SCL'].values))
        return ds
    return change

def coordinate(name, f): return lambda ds: ds.assign_coords({name: f(ds[name].values.copy())})

def at(k, value):
    def f(a):
        a = a.astype('M8[ns]' if a.dtype.kind=='M' else float)
        a[k] = value
        return a
    return f

cube_right = {
    'int64': each_band(lambda a: (a.astype('i8'), -9999)),
    'int32': each_band(lambda a: (a.astype('i4'), -9999)),
    'float32 reflectance': each_band(lambda a: (np.where(a<0, np.nan, a*1e-4).astype('f4'), None)),
    'float64 reflectance': each_band(lambda a: (np.where(a<0, np.nan, a*1e-4), None)),
    'packed': packed,
    'kilometres': kilometres,
    'south at the top': lambda ds: ds.isel(y=slice(None, None, -1)),
    'axes in another order': lambda ds: ds.transpose('y', 'x', 'time'),
    'bands in another order': lambda ds: ds[['SCL','crs',*bands[::-1]]],
    'dates in another order': lambda ds: ds.isel(time=[2, 0, 1]),
    'missing_value': lambda ds: attrs(missing_value=np.int16(-9999))(each_band(lambda a: (a, None))(ds)),
    'clouds int64': clouds_as(lambda a: a.astype('i8')),
    'clouds float': clouds_as(lambda a: a.astype('f4'))}
cube_doubts = {
    'scale_factor 0': attrs(scale_factor=0.),
    'scale_factor NaN': attrs(scale_factor=np.nan),
    'scale_factor text': attrs(scale_factor='big'),
    'scale_factor list': attrs(scale_factor=[1e-4, 1e-4]),
    'add_offset text': attrs(add_offset='none'),
    'add_offset inf': attrs(add_offset=np.inf),
    '_FillValue NaN': attrs(missing_value=np.nan),
    'several missing values': attrs(missing_value=np.array([-9999, 0], 'i2')),
    'missing_value text': attrs(missing_value='none'),
    'one band scaled otherwise': one_band(lambda v: v.assign_attrs(scale_factor=2e-4)),
    'one band int64': one_band(lambda v: v.astype('i8')),
    'NaT': lambda ds: ds.assign_coords(time=np.array(['2024-05-01','NaT','2024-05-21'], 'M8[ns]')),
    'times are text': times(['2024-05-01','2024-05-11','2024-05-21']),
    'times are numbers': times([0, 10, 20]),
    'two stamps of a day': times(np.array(['2024-05-01T10','2024-05-01T11','2024-05-21'], 'M8[ns]')),
    'no times': lambda ds: ds.drop_vars('time'),
    'no y': lambda ds: ds.drop_vars('y'),
    'uneven x': coordinate('x', at(3, 500033.)),
    'NaN in x': coordinate('x', at(3, np.nan)),
    'inf in y': coordinate('y', at(0, np.inf)),
    'x twice': coordinate('x', at(3, 500025.)),
    'east to west': lambda ds: ds.isel(x=slice(None, None, -1)),
    'no CRS': lambda ds: ds.drop_vars('crs'),
    'nonsense as CRS': lambda ds: ds.assign(crs=((), 0, dict(crs_wkt='nonsense'))),
    'a band is gone': lambda ds: ds.drop_vars('B11'),
    'a band without time': one_band(lambda v: v.isel(time=0, drop=True)),
    'a band of text': one_band(lambda v: v.astype('U5')),
    'complex': one_band(lambda v: v.astype('f4')),
    'no clouds': lambda ds: ds.drop_vars('SCL'),
    'clouds 0.5': clouds_as(lambda a: np.where(a>0, .5, 0).astype('f4')),
    'clouds 7': clouds_as(lambda a: a*7),
    'clouds -1': clouds_as(lambda a: -a.astype('i2')),
    'clouds NaN': clouds_as(lambda a: np.where(a>0, np.nan, 0).astype('f4')),
    'clouds without time': lambda ds: ds.assign(SCL=ds.SCL.isel(time=1, drop=True)),
    'no dates': lambda ds: ds.isel(time=[]),
    'one column': lambda ds: ds.isel(x=[0])}

# what is read by its own word, and said: units by their tag, a band called SCL by its classes
said_of_cubes = {'two stamps of a day': 'completed', 'a band without time': 'not used', 'clouds 7': 'SCL', 'one band scaled otherwise': '0.0002'}

def cube_cases():
    # text for NaN: a classification that was not measured is a gap
    out = every('NetCDF cube', 'netcdf', 'cube.nc', bytes_kinds)
    out += [Case('NetCDF cube', k, 'netcdf', cube(f), right=True) for k,f in cube_right.items()]
    out += [Case('NetCDF cube', k, 'netcdf', cube(f),
        free=k in ('no CRS','nonsense as CRS','a band is gone','one column') or k in said_of_cubes,
        mention=said_of_cubes.get(k, '')) for k,f in cube_doubts.items() if k!='complex']
    out += [Case('NetCDF cube', f'flip {k}', 'netcdf', on('cube.nc', cube_flip)) for k in range(6)]
    return out + [
        Case('NetCDF cube', 'no such band', 'netcdf', lambda w: w.option('mask_band', 'QA'), refuse=True),
        Case('NetCDF cube', 'no such date', 'netcdf', lambda w: w.option('dates', '2024-06-01'), refuse=True)]

# Zarr cubes

def zarr_cases():
    chunk = 'cube.zarr/B11/0.0.0'
    out = every('Zarr cube', 'zarr', chunk,
        {k: bytes_kinds[k] for k in ('empty','cut in half','zeros at the end','noise','web page','folder',
        'named pipe')}, 'chunk ')
    for path,what in (('cube.zarr/.zmetadata','metadata'),
        ('cube.zarr/B11/.zarray','array')): out += every('Zarr cube', 'zarr', path,
        {k: bytes_kinds[k] for k in ('empty','cut in half','noise','web page','folder','named pipe')}, f'{what} ')
    both_of = lambda f: both(on('cube.zarr/B11/.zarray', f), lambda w: (w.folder/'cube.zarr/.zmetadata').unlink())
    name = 'Zarr cube'
    return out + [
        Case(name, 'a chunk is missing', 'zarr', on(chunk, missing), free=True),
        Case(name, 'a chunk is a loose link', 'zarr', on(chunk, loose), free=True),
        Case(name, 'no metadata', 'zarr', on('cube.zarr/.zmetadata', missing)),
        Case(name, 'an empty folder', 'zarr', on('cube.zarr', folder)),
        Case(name, 'a file instead', 'zarr', on('cube.zarr', both_remove_and_put)),
        Case(name, 'shape of text', 'zarr', both_of(with_('shape', 'three'))),
        Case(name, 'a huge shape', 'zarr', both_of(with_('shape', [3, 10**9, 10**9]))),
        Case(name, 'no dtype', 'zarr', both_of(without('dtype'))),
        Case(name, 'unknown compressor', 'zarr', both_of(with_('compressor', dict(id='nonsense')))),
        Case(name, 'Python objects', 'zarr', both_of(with_('dtype', '|O'))),
        Case(name, 'fill_value of text', 'zarr', both_of(with_('fill_value', 'nothing')))]

# Chips and cloud masks of a dataset

def chip(n=0): return 'ds/chips_filtered/'+('chip_017_000','chip_017_001')[n]+'_merged.tif'
cloud = 'ds/cloud_mask/cloud_validate_00000.tif'
chip_right = {
    'int64': dtype('i8'),
    'int32': dtype('i4'),
    'float32': dtype('f4'),
    'unsigned': dtype('u2', nodata=65535),
    'tiled': setting(tiled=True, blockxsize=16, blockysize=16),
    'nodata tag gone': setting(nodata=None),
    'no place': setting(crs=None, transform=rasterio.Affine.identity()),
    'link': link}
chip_doubts = {
    '17 bands': order(*range(17), names=False),
    '12 bands': order(*range(12), names=False),
    'smaller': values(lambda a: a[:,:-1]),
    'complex': dtype('c8', nodata=None),
    'too bright': values(lambda a: (a.astype('i4')+40000)),
    'inf': pixel(np.inf, t='f4'),
    '1e30': pixel(1e30, t='f4'),
    'NaN everywhere': values(lambda a: np.full(a.shape, np.nan, 'f4'), nodata=None),
    'not measured at all': values(lambda a: np.full_like(a, -9999))}
mask_of_chips = {
    'value 7': pixel(7),
    'value -1': pixel(-1, t='i2'),
    'value 0.5': pixel(.5, t='f4'),
    'value 255': pixel(255),
    'NaN': pixel(np.nan, t='f4'),
    'three bands': values(lambda a: np.concatenate([a]*3)),
    'smaller': values(lambda a: a[:,:-1])}
mask_same = {'int64': dtype('i8'), 'float of 0 and 1': dtype('f4', nodata=None), 'link': link}

# gapfill_check names the chip; gapfill_compare leaves the pixels unscored
not_measured = 'NaN everywhere','not measured at all','inf','1e30'

def chip_cases():
    out = []
    for reader,input in (('chips, check','check'), ('chips, compare','compare')):
        out += every(reader, input, chip(), bytes_kinds | raster_kinds)
        out += [Case(reader, k, input, on(chip(), f), right=True) for k,f in chip_right.items()]
        out += [Case(reader, k, input, on(chip(), f),
            mention='chip_017_000' if k in not_measured and input=='check' else '',
            free=k in not_measured) for k,f in chip_doubts.items()]
    for k,f in (('reflectance', reflectance('f4')), ('units of Landsat', landsat)):
        out.append(Case('chips, check', k, 'check', on(chip(), f), right=True))
        out.append(Case('chips, compare', k, 'compare', on(chip(), f)))
    out.append(Case('chips, check', 'tags of another scale', 'check', on(chip(), tags(2e-4))))
    out.append(Case('chips, compare', 'tags of another scale', 'compare', on(chip(), tags(2e-4)),
        twin=on(chip(), doubled)))
    for reader,input in (('masks, check','check'), ('masks, compare','compare')):
        out += every(reader, input, cloud, bytes_kinds | raster_kinds)
        out += [Case(reader, k, input, on(cloud, f), right=True) for k,f in mask_same.items()]
        out += [Case(reader, k, input, on(cloud, f), free=k in ('value 255','NaN')) for k,f in mask_of_chips.items()] # not looked at: a gap
    few = ('empty','cut in half','named pipe','flipped bit','claims a huge size')
    out += every('chips, train', 'train', 'ds/chips_filtered/chip_037_000_merged.tif',
        {k: (bytes_kinds | raster_kinds)[k] for k in few})
    return out
