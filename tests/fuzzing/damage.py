"Kinds of damage. Each is a function of a file and of the `Work` that it lies in"
import csv, io, json, os, struct, zlib
from collections.abc import Callable
from pathlib import Path
import numpy as np, rasterio, yaml
from .inputs import write

also = {
    'chip_catalog.csv': ('chip catalog','chip left'),
    'cloud_catalog.csv': ('mask left','mask catalog'),
    'filling.yml': ('other options',),
    'options.json': ('other options',),
    'state.json': ('other options','begun')} # what a line may say in place of a name

class Work:
    "A copy of an input that is to be damaged"
    def __init__(self,
        folder, # of the input
        command, # that reads it
        rng, # source of randomness
        port=9 # of the network that is watched
    ): self.folder,self.command,self.rng,self.port,self.words = Path(folder),list(command),rng,port,set()
    def touch(self, path):
        "Remember that a file was damaged; returns its path"
        p = self.folder/path
        self.words |= {p.name, p.stem.removesuffix('_merged'), *also.get(p.name, ())}
        self.words |= {o for o in Path(path).parts if '.' in o}
        return p
    def option(self, name, *values):
        "Give an option other values, or add it"
        flag = f'--{name}'
        self.words |= {name.removesuffix('s'), *(v for v in map(str, values) if len(v) > 1)}
        if flag in self.command:
            k = self.command.index(flag)
            n = next((j for j,a in enumerate(self.command[k+1:], k+1) if a.startswith('--')), len(self.command))
            del self.command[k:n]
        if values!=(None,): self.command += [flag, *map(str, values)]

def on(
    path, # of a file, or glob of files
    f # function of a path and a `Work`
)->Callable: # of a `Work`
    "Damage the files that a pattern names"
    def damage(w):
        found = sorted(w.folder.glob(path))
        assert found, f'{path} names no file in {w.folder}'
        for p in found: f(w.touch(p.relative_to(w.folder)), w)
    return damage

def both(*damages):
    "One damage after the other"
    def damage(w):
        for f in damages: f(w)
    return damage

# Bytes of any file

def keep(share):
    "Truncate to a share of the file"
    return lambda p,w: os.truncate(p, int(p.stat().st_size*share))

def shorten(p, w): os.truncate(p, p.stat().st_size-1)
def empty(p, w): p.write_bytes(b'')

def zero_tail(p, w):
    "Fill the last third with zeros"
    b = p.read_bytes()
    n = len(b)*2//3
    p.write_bytes(b[:n]+bytes(len(b)-n))

def _complains(p):
    "Does a reader of GeoTIFFs complain about a file?"
    try:
        with rasterio.open(p) as src: src.read()
    except rasterio.errors.RasterioError: return True
    return False

def zero_pixels(p, w):
    "Fill the end of a GeoTIFF with zeros, so much of it that a reader complains"
    whole = p.read_bytes()
    for share in (.67,.8,.9,.5,.3):
        n = int(len(whole)*share)
        p.write_bytes(whole[:n]+bytes(len(whole)-n))
        if _complains(p): return
    raise AssertionError(f'{p}: no zeros are noticed')

def flip(p, w):
    "Flip a bit anywhere"
    b = bytearray(p.read_bytes())
    b[w.rng.integers(len(b))] ^= 1<<int(w.rng.integers(8))
    p.write_bytes(b)

def noise(p, w): p.write_bytes(w.rng.bytes(p.stat().st_size))

def put(content):
    "Another file under the name"
    return lambda p,w: p.write_bytes(content)

def _chunk(kind, body): return struct.pack('>I', len(body))+kind+body+struct.pack('>I', zlib.crc32(kind+body))

png = b'\x89PNG\r\n\x1a\n'+_chunk(b'IHDR', struct.pack('>IIBBBBB', 1, 1, 8, 0, 0, 0, 0))+_chunk(b'IDAT',
    zlib.compress(b'\0\0'))+_chunk(b'IEND', b'')
text = b'<html><body>403 Forbidden: sign in to download this file</body></html>\n'
hdf5 = b'\x89HDF\r\n\x1a\n'+bytes(2000)

def remove(p):
    "Remove a file or a folder"
    import shutil
    shutil.rmtree(p) if p.is_dir() and not p.is_symlink() else p.unlink()

def missing(p, w): remove(p)

def folder(p, w):
    "A folder under the name"
    remove(p)
    p.mkdir()

def fifo(p, w):
    "A named pipe that nobody writes to"
    remove(p)
    os.mkfifo(p)

def loose(p, w):
    "A link that leads nowhere"
    remove(p)
    p.symlink_to('nowhere')

def endless(p, w):
    "A link to a device that never ends"
    remove(p)
    p.symlink_to('/dev/zero')

def unreadable(p, w): p.chmod(0)

def link(p, w):
    "A link to the file, which lies elsewhere"
    real = w.folder/'elsewhere'/p.name
    real.parent.mkdir(exist_ok=True)
    p.rename(real)
    p.symlink_to(os.path.relpath(real, p.parent))

bytes_kinds = {
    'empty': empty,
    'cut to a quarter': keep(.25),
    'cut in half': keep(.5),
    'cut to 9 of 10': keep(.9),
    'zeros at the end': zero_tail,
    'noise': noise,
    'web page': put(text),
    'png': put(png),
    'hdf5 head': put(hdf5),
    'missing': missing,
    'folder': folder,
    'named pipe': fifo,
    'loose link': loose,
    'endless device': endless}
few_kinds = {k: bytes_kinds[k] for k in ('empty','cut in half','zeros at the end','noise','web page','folder',
    'named pipe')}
if os.geteuid(): bytes_kinds['no permission'] = few_kinds['no permission'] = unreadable

# GeoTIFFs

class Raster:
    "All of a GeoTIFF, to be changed and written again"
    def __init__(self, path):
        with rasterio.open(path) as src:
            self.a,self.names,self.scales,self.offsets = src.read(),src.descriptions,src.scales,src.offsets
            self.more = dict(crs=src.crs, transform=src.transform, nodata=src.nodata)
        self.mask = None
        self.path = Path(path)
    def write(self):
        units = (self.scales,self.offsets)!=((1,)*len(self.scales),(0,)*len(self.scales))
        n = len(self.a)
        write(self.path, self.a, self.names if any(self.names) else None, self.scales[:n] if units else None,
              self.offsets[:n] if units else None, self.mask, **self.more)

def raster(f):
    "Change what a GeoTIFF holds; `f` changes a `Raster`"
    def damage(p, w):
        r = Raster(p)
        p.unlink()
        f(r)
        r.write()
    return damage

def setting(**kwargs):
    "Write a GeoTIFF anew with other options"
    return raster(lambda r: r.more.update(kwargs))

def dtype(t, **kwargs):
    "The same values in another type"
    def f(r):
        r.a = r.a.astype(t)
        r.more |= kwargs
    return raster(f)

def values(f, **kwargs):
    "Other values: `f` of the array"
    def change(r):
        r.a = f(r.a)
        r.more |= kwargs
    return raster(change)

def units(scale, offset, t, nodata):
    "The same reflectance in other units, with tags that say so"
    def f(r):
        hole = r.a==r.more['nodata']
        a = (r.a*1e-4-offset)/scale
        a = a.round() if np.dtype(t).kind in 'iu' else a
        r.a = np.where(hole, nodata, a).astype(t)
        r.scales,r.offsets,r.more['nodata'] = (scale,)*len(a),(offset,)*len(a),nodata
    return raster(f)

def tags(scales, offsets=None):
    "The same numbers, with tags of other units"
    def f(r):
        n = len(r.a)
        r.scales = tuple(scales) if np.ndim(scales) else (scales,)*n
        r.offsets = (0.,)*n if offsets is None else tuple(offsets)
    return raster(f)

def order(*at, names=True):
    "The bands in another order"
    def f(r):
        r.a = r.a[list(at)]
        r.names = [r.names[k] for k in at] if names else [None]*len(at)
        r.scales,r.offsets = r.scales[:len(at)],r.offsets[:len(at)]
    return raster(f)

def named(*names):
    "Other names of the bands"
    def f(r): r.names = names
    return raster(f)

def extra(band, name, t=None):
    "One band more"
    def f(r):
        r.a = np.concatenate([r.a, np.full_like(r.a[:1], band)])
        r.names = [*r.names, name]
        r.scales,r.offsets = (*r.scales, 1.),(*r.offsets, 0.)
    return raster(f)

def moved(dx=0, dy=0, by=1):
    "Another place, or pixels of another size"
    def f(r): r.more['transform'] = r.more['transform']*rasterio.Affine.translation(dx, dy)*rasterio.Affine.scale(by)
    return raster(f)

def masked_by(kind):
    "What was not measured is said by a mask, and its pixels hold 0"
    def damage(p, w):
        r = Raster(p)
        hole = (r.a==r.more['nodata']).any(0)
        r.a[:,hole] = 0
        r.more['nodata'],r.mask = None,np.where(hole, 0, 255).astype('u1')
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=kind=='inside'): r.write()
    return damage

def pixel_flip(p, w):
    "Flip a bit among the compressed pixels, one that a reader of GeoTIFFs complains about"
    whole = p.read_bytes()
    for _ in range(200):
        b = bytearray(whole)
        b[len(b)//3+int(w.rng.integers(len(b)//2))] ^= 1<<int(w.rng.integers(8))
        p.write_bytes(b)
        if _complains(p): return
    raise AssertionError(f'{p}: no flip is noticed')

def _private(p, w):
    "Copy a file to where a stranger would like to read, with other values"
    there = w.folder/'private'/p.name
    there.parent.mkdir(exist_ok=True)
    r = Raster(p)
    r.path,r.a = there,(1-r.a if r.a.max() < 2 else r.a+50).astype(r.a.dtype)
    r.write()
    return there

def vrt(p, w):
    "A virtual raster that reads another file"
    there = _private(p, w)
    p.unlink()
    rasterio.shutil.copy(there, p, driver='VRT')

def wms(p, w):
    "A description of a map server"
    with rasterio.open(p) as src:
        box = src.bounds
        n = src.count
        h,width = src.shape
    window = dict(UpperLeftX=box.left, UpperLeftY=box.top, LowerRightX=box.right, LowerRightY=box.bottom,
                  SizeX=width, SizeY=h, TileLevel=0)
    address = f'http://127.0.0.1:{w.port}/${{z}}/${{x}}/${{y}}.png'
    p.write_text(''.join([
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}</ServerUrl></Service><DataWindow>',
        *(f'<{k}>{v}</{k}>' for k,v in window.items()),
        f'</DataWindow><Projection>EPSG:32631</Projection><BandsCount>{n}</BandsCount>',
        f'<BlockSizeX>{width}</BlockSizeX><BlockSizeY>{h}</BlockSizeY></GDAL_WMS>']))

def remote(p, w):
    "A virtual raster that reads an address of the network"
    with rasterio.open(p) as src:
        n = src.count
        h,width = src.shape
        kind = dict(int16='Int16', uint8='Byte')[src.dtypes[0]]
    source = f'<SourceFilename>/vsicurl/http://127.0.0.1:{w.port}/a.tif</SourceFilename>'
    bands = ''.join(
        f'<VRTRasterBand dataType="{kind}" band="{k}"><SimpleSource>{source}<SourceBand>{k}</SourceBand>'
        '</SimpleSource></VRTRasterBand>' for k in range(1, n+1))
    p.write_text(f'<VRTDataset rasterXSize="{width}" rasterYSize="{h}">{bands}</VRTDataset>')

def huge(p, w):
    "A small file that claims many pixels"
    with rasterio.open(p) as src: o = dict(driver='GTiff', count=src.count, dtype=src.dtypes[0], crs=src.crs,
        transform=src.transform, nodata=src.nodata)
    side = 30000 if o['count'] > 1 else 100000
    p.unlink()
    with rasterio.open(p, 'w', width=side, height=side, tiled=True, blockxsize=8192, blockysize=8192, sparse_ok=True,
        bigtiff='yes', **o): pass

raster_kinds = {
    'zeros at the end': zero_pixels,
    'flipped bit': pixel_flip,
    'virtual raster': vrt,
    'map server': wms,
    'remote raster': remote,
    'claims a huge size': huge}

# Tables

def lines(f, *words):
    "Change the rows of a CSV file, lists of cells; a complaint may say one of `words` in place of the file"
    def damage(p, w):
        w.words |= set(words)
        rows = list(csv.reader(io.StringIO(p.read_text())))
        out = io.StringIO()
        csv.writer(out, lineterminator='\n').writerows(f(rows))
        p.write_text(out.getvalue())
    return damage

def _column(rows, name): return next(k for k,c in enumerate(rows[0]) if c==name)

def drop(name):
    "Leave a column out"
    def f(rows):
        k = _column(rows, name)
        return [r[:k]+r[k+1:] for r in rows]
    return lines(f, name)

def twice(name):
    "A column twice, the second time with other values"
    def f(rows):
        k = _column(rows, name)
        return [rows[0]+[name]] + [r+[o[k]] for r,o in zip(rows[1:], rows[:0:-1])]
    return lines(f, name)

def cell(name, value, row=1):
    "Another value in a row, or in all (row 0)"
    def f(rows):
        k = _column(rows, name)
        for r in rows[1:] if row==0 else [rows[row]]: r[k] = value(r[k]) if callable(value) else value
        return rows
    return lines(f, name, *([value] if isinstance(value, str) and len(value) > 2 else []))

def repeat_row(rows): return rows+[rows[1]]
def head_only(rows): return rows[:1]
def shuffled(rows): return rows[:1]+rows[:0:-1]
def recode(f): return lambda p,w: p.write_bytes(f(p.read_bytes()))

table_kinds = {
    'only a header': lines(head_only),
    'a row twice': lines(repeat_row),
    'NUL bytes': recode(lambda b: b[:-9]+b'\0\0'+b[-9:]),
    'UTF-16': recode(lambda b: b.decode().encode('utf-16')),
    'a row is too long': recode(lambda b: b+b.splitlines()[-1]+b',x,y,z\n'),
    'an open quote': recode(lambda b: b[:-9]+b'"'+b[-9:])}
readable_kinds = {
    'byte order mark': recode(lambda b: b'\xef\xbb\xbf'+b),
    'ends of lines of Windows': recode(lambda b: b.replace(b'\n', b'\r\n')),
    'empty lines': recode(lambda b: b+b'\n\n'),
    'no last end of line': recode(lambda b: b.rstrip(b'\n')),
    'rows in another order': lines(shuffled)}

# YAML and JSON

def option_of(name, value):
    "Another value of an option in a YAML file; `gone` leaves it out"
    def damage(p, w):
        w.words.add(name)
        c = yaml.safe_load(p.read_text())
        if value is gone: c.pop(name)
        else: c[name] = value
        p.write_text(yaml.safe_dump(c, sort_keys=False))
    return damage

gone = object()

def aliases(name, deep=28):
    "A few lines of YAML that stand for 2**deep values"
    def damage(p, w):
        c = [f'a0: &a0 [x,x]'] + [f'a{k}: &a{k} [*a{k-1},*a{k-1}]' for k in range(1, deep)]
        kept = [o for o in p.read_text().splitlines() if not o.startswith(f'{name}:')]
        p.write_text('\n'.join(c+kept+[f'{name}: *a{deep-1}'])+'\n')
    return damage

def jsonic(f):
    "Change what a JSON file holds; `f` returns what is written"
    def damage(p, w): p.write_text(json.dumps(f(json.loads(p.read_text()))))
    return damage

def without(key):
    "A dict without a key"
    return jsonic(lambda o: {k: v for k,v in o.items() if k!=key})

def with_(key, value): return jsonic(lambda o: o | {key: value})

# Weights and checkpoints

def tensors(f):
    "Change the arrays of a safetensors file"
    def damage(p, w):
        from safetensors import safe_open
        from safetensors.numpy import load_file, save_file
        with safe_open(p, 'np') as o: about = o.metadata()
        t = {k: v.copy() for k,v in load_file(p).items()}
        save_file(f(t) or t, p, about)
    return damage

def number(value, at=0):
    "A number among the weights"
    def f(t): t[sorted(k for k,v in t.items() if v.dtype.kind=='f' and v.ndim)[at]].flat[0] = value
    return tensors(f)

def about(f):
    "Change the metadata of a safetensors file, texts by name"
    def damage(p, w):
        from safetensors import safe_open
        from safetensors.numpy import load_file, save_file
        with safe_open(p, 'np') as o: m = o.metadata()
        save_file(load_file(p), p, f(m))
    return damage

def config_of_weights(f): return about(lambda m: m | dict(config=json.dumps(f(json.loads(m['config'])))))

class Touch:
    "Runs a command when it is unpickled"
    def __init__(self, command): self.command = command
    def __reduce__(self): return os.system,(self.command,)

def pickle_of(f):
    "A file of `torch.save`; `f` of the `Work`"
    def damage(p, w):
        import torch
        torch.save(f(w), p)
    return damage

def evil(p, w):
    "A pickle that makes the file `marker`"
    import torch
    torch.save(dict(a=Touch(f'touch {w.folder/"marker"}')), p)

def state(**changes):
    "Change values of a checkpoint"
    def damage(p, w):
        import torch
        torch.save(torch.load(p, weights_only=True) | changes, p)
    return damage
