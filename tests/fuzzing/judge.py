"What a program made of a damaged input: read its result, compare, and give a verdict"
import hashlib, os, re, shutil, stat, zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
import numpy as np, pandas as pd, rasterio
from matplotlib.image import imread
from . import child
from .damage import Work
from .inputs import inputs

class Case(NamedTuple):
    "A damaged input, and what may be made of it"
    reader:str # what reads it, for the table
    name:str # of the damage
    input:str # name in `inputs`
    damage:Callable # of a `Work`
    right:bool=False # it can be understood, so only the right result will do; otherwise one line will do as well
    twin:Callable=None # the same said so that it is understood, of a `Work`; None = the undamaged input
    free:bool=False # any result will do: nobody can know what was meant
    apart:Callable=None # of the result: the part that must be as expected
    mention:str='' # what the output must mention where there is a result
    tolerance:float=1.1e-4 # of reflectance
    refuse:bool=False # no result is right
    needs:tuple=() # options that the program must have; the case is left out otherwise
    @property
    def id(self): return f'{self.reader}/{self.name}'

verdicts = {
    'refused': 'refused in one line',
    'same': 'same result as undamaged',
    'other': 'other result that is right and named',
    'unclear': 'refused, but not in one line that names what is wrong',
    'misread': 'refused although it can be understood',
    'traceback': 'a traceback, a crash or a strange exit status',
    'silent': 'another result without a word',
    'hang': 'no end',
    'harm': 'an input changed, a broken file left, code run, the network asked',
    'untried': 'the case itself does not work'}
good = 'refused','same','other'
failing = 'misread','traceback','silent','hang','harm','untried'

class Verdict(NamedTuple):
    "A verdict and why"
    kind:str
    why:str
    ended:child.Ended
    command:list # that was run

# Files before and after

def snapshot(folder):
    "What lies in a folder: name -> kind and content"
    out = {}
    for root,dirs,files in os.walk(folder):
        for name in dirs+files:
            p = Path(root)/name
            s = p.lstat()
            out[str(p.relative_to(folder))] = (stat.S_IFMT(s.st_mode), _content(p, s))
    return out

def _content(p, s):
    if stat.S_ISLNK(s.st_mode): return os.readlink(p)
    if not stat.S_ISREG(s.st_mode): return ''
    if s.st_size > 1<<26 or not s.st_mode & 0o400: return s.st_size,s.st_mtime_ns
    return hashlib.sha256(p.read_bytes()).hexdigest()

def harm(before, after, writes):
    "Say what a program did to files that are not its own; empty = nothing"
    mine = lambda name: any(name==f'here/{w}' or name.startswith(f'here/{w}/') for w in writes)
    for name,what in before.items():
        if mine(name): continue
        if name not in after: return f'{name} was removed'
        if after[name]!=what: return f'{name} was changed'
    new = [n for n in after if n not in before and not mine(n) and not n.startswith('here/mine/')] # `mine` is the out_dir of a case
    marks = [n for n in new if Path(n).name=='marker']
    if marks: return 'code from the input was run'
    return f'{new[0]} was written outside of {writes[0]}' if new else ''

# Results

def _unit(src, k):
    "A band of an open raster in reflectance, NaN where nothing was measured; whole numbers without tags are 1e-4"
    a = src.read(k).astype(float)
    if src.nodata is not None: a[a==src.nodata] = np.nan
    scale,offset = src.scales[k-1],src.offsets[k-1]
    classes = src.dtypes[k-1]=='uint8' or src.name.endswith('.qa.tif')
    if (scale,offset)==(1, 0) and not classes and np.nanquantile(np.abs([0,*a.flat]), .9) > 2: scale = 1e-4
    return a*scale+offset

def _raster(path):
    "Bands of a filled raster by name"
    with rasterio.open(path) as src:
        names = [d or str(k) for k,d in enumerate(src.descriptions, 1)]
        return {b: _unit(src, k) for k,b in enumerate(names, 1)}

def rasters(folder):
    "Every band of every raster of `out`, and its gaps"
    found = sorted(p for p in (folder/'out').rglob('*.tif') if not _hidden(p.relative_to(folder)))
    return {(str(p.relative_to(folder/'out')), b): a for p in found for b,a in _raster(p).items()}

def _table(path, leave=()):
    t = pd.read_csv(path, keep_default_na=False)
    return {(path.name, c): _numbers(t[c]) for c in t if not re.search('seconds|_per_|device', c) and c not in leave}

def _numbers(column):
    "A column as numbers where it holds numbers and nothing else"
    v = pd.to_numeric(column, errors='coerce')
    text = v.isna() & ~column.isin(['','nan','NaN'])
    return (column if text.any() or v.isna().all() else v).to_numpy()

def scores(folder): return {k: v for n in ('scores.csv','cuts.csv') for k,v in _table(folder/'out'/n).items()}
def report(folder): return _table(folder/'report.csv')
def history(folder): return {k: v for n in ('history.csv','result.csv')
    for k,v in _table(sorted((folder/'runs').glob(f'*/{n}'))[-1]).items()}
def tables(folder): return {k: v for n in ('chip_stats.csv','band_stats.csv') for k,v in _table(folder/'out'/n).items()}
def pictures(folder): return {(p.name, ''): imread(p) for p in sorted((folder/'out').rglob('*.png'))}
def dataset(folder): return rasters(folder) | {k: v for n in ('chip_catalog.csv','cloud_catalog.csv')
    for k,v in _table(folder/'out'/n).items()}

results = dict(rasters=rasters, scores=scores, report=report, history=history, tables=tables, pictures=pictures,
    dataset=dataset)

def _alike(a, b, tolerance):
    if a.shape!=b.shape: return False
    if a.ndim==1: tolerance /= 4 # a table holds means
    if a.dtype.kind in 'OUS' or b.dtype.kind in 'OUS': return list(map(str, a.ravel()))==list(map(str, b.ravel()))
    return bool(np.allclose(a, b, rtol=1e-5, atol=tolerance, equal_nan=True))

def _by_position(result):
    "Bands by number where names are gone"
    out,n = {},{}
    for (name,_),a in result.items():
        n[name] = n.get(name, 0)+1
        out[name,n[name]] = a
    return out

def difference(result, expected, tolerance=1.1e-4):
    "The first thing in which two results differ; empty = none"
    if set(result)!=set(expected):
        result,expected = _by_position(result),_by_position(expected)
        odd = sorted(map(str, set(result)^set(expected)))
        if odd: return f'{odd[0]} is in one of them alone'
    for k,a in result.items():
        if not _alike(a, expected[k], tolerance): return f"{k[0]} {k[1]} {_how(a, expected[k])}"
    return ''

def _how(a, b):
    if a.shape!=b.shape: return f'has shape {a.shape}, not {b.shape}'
    if a.dtype.kind in 'OUS' or b.dtype.kind in 'OUS': return 'has other text'
    off = ~np.isclose(a, b, equal_nan=True)
    return f'is other in {off.sum()} of {off.size}, such as {a[off][0]:.5g} for {b[off][0]:.5g}'

def _hidden(p): return any(part.startswith('.') for part in p.parts)

def broken(folder, writes, leave=()):
    "Name a file that was written and cannot be read; empty = none"
    for w in writes:
        for p in [*(folder/w).rglob('*'), folder/w]:
            if _hidden(p.relative_to(folder)) or not p.is_file() or str(p.relative_to(folder)) in leave: continue
            try:
                if p.suffix=='.tif': _raster(p)
                if p.suffix=='.csv' and b'\0' in p.read_bytes(): raise ValueError('NUL')
                if p.suffix=='.csv': pd.read_csv(p)
            except Exception as e: return f'{p.relative_to(folder)} cannot be read ({type(e).__name__})'
    return ''

# A case

class Bench:
    "Inputs as they are used, in a folder that is the same for all"
    def __init__(self,
        root, # folder of all files
        seed=0, # of what is random in a damage
        quick=False, # try undamaged inputs only where a result is to be compared, and not those that are `like` another
        call=None # in place of every program
    ):
        self.root,self.seed,self.quick,self.call = Path(root),seed,quick,call
        self.here = self.root/'work/here'
        self.network,self.made,self.results = child.Network(),{},{}

    def clear(self):
        "Empty the folder of the case"
        for p in (self.root/'work').rglob('*') if (self.root/'work').exists() else ():
            if p.is_file() and not p.is_symlink(): p.chmod(0o600)
        shutil.rmtree(self.root/'work', ignore_errors=True)
        self.here.mkdir(parents=True)

    def put(self, name):
        "Lay out an undamaged input, made on first use"
        self.clear()
        if name not in self.made:
            self.made[name] = self._make(name)
            if not self.quick: self.base(name)
        if self.made[name]: raise RuntimeError(self.made[name])
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(self.root/'inputs'/name, self.here, symlinks=True)

    def _make(self, name):
        "Make an input; returns why it cannot be made"
        try: inputs[name].make(self.here)
        except Exception as e: return f'{name} cannot be made: {_last(str(e))}'
        shutil.copytree(self.here, self.root/'inputs'/name, symlinks=True)

    def base(self, name):
        "The result of an undamaged input, found on first use"
        i = inputs[name]
        if i.like and self.quick: return self.base(i.like)
        if name not in self.results:
            self.put(name)
            self.results[name] = self.result(i.command, i.kind, f'undamaged {name}')
        return self.results[name]

    def result(self, command, kind, what):
        "The result of a program that must succeed"
        e = self.run(command)
        if e.status or e.hang: raise RuntimeError(f"{what}: exit status {e.status} {e.hang} {_last(e.err)}")
        return results[kind](self.here)

    def run(self, command): return child.run(command, self.here, self.network, self.call)

    def work(self, case):
        "A `Work` on what lies in the folder"
        rng = np.random.default_rng([self.seed, zlib.crc32(case.id.encode())])
        return Work(self.here, inputs[case.input].command, rng, self.network.port)

    def expected(self, case):
        "The right result of a case"
        if not case.twin: return self.base(case.input)
        self.put(case.input)
        w = self.work(case)
        case.twin(w)
        return self.result(w.command, inputs[case.input].kind, f'twin of {case.id}')

    def judge(self, case):
        "Run a case and give its verdict"
        try: return self._judge(case)
        except Exception as e:
            return Verdict('untried', f'{type(e).__name__}: {_last(str(e))}', child.Ended(None, '', ''), [])

    def _judge(self, case):
        self.put(case.input)
        w = self.work(case)
        case.damage(w)
        before = snapshot(self.root/'work')
        e = self.run(w.command)
        after = snapshot(self.root/'work')
        found = self._harmed(case, e, before, after) or _failed(e)
        found = found or (_refused(case, w, e) if e.status else self._passed(case, w, e))
        return Verdict(*found, e, w.command)

    def _harmed(self, case, e, before, after):
        "The verdict on a program that did harm; None where it did none"
        writes = inputs[case.input].writes
        if bad := harm(before, after, writes): return 'harm',bad
        if e.asked: return 'harm','the network was asked'
        damaged = {n.removeprefix('here/') for n,what in before.items() if e.status and after.get(n)==what}
        if bad := broken(self.here, writes, damaged): return 'harm',bad

    def _passed(self, case, w, e):
        "The verdict on a program that says that all went well"
        i = inputs[case.input]
        if case.mention and not re.search(case.mention, e.out+e.err): return 'silent',f'nothing said of {case.mention}'
        if case.refuse: return 'silent',f'not refused: {_last(e.out)}'
        if case.free: return 'other',_last(e.out)
        if i.blind and case.right: return 'same',_last(e.out)
        if i.blind: return ('other' if _says(e, w.words) else 'silent'),_last(e.out)
        try: result = results[i.kind](self.here)
        except Exception as x: return 'silent',f'no result: {type(x).__name__}: {x}'
        expected = self.expected(case)
        if case.apart: result,expected = case.apart(result),case.apart(expected)
        if off := difference(result, expected, case.tolerance): return 'silent',off
        return 'other' if case.twin or case.apart else 'same',_last(e.out)

def _failed(e):
    "The verdict on a program that hangs or crashes; None where it does neither"
    if e.hang: return 'hang',e.hang
    if 'Traceback (most recent' in e.out+e.err: return 'traceback',_last(e.err)
    if e.status not in (0, 1, 2): return 'traceback',f'exit status {e.status}'

def _refused(case, w, e):
    "The verdict on a program that refuses its input"
    lines = e.err.strip().splitlines()
    if e.status==1 and len(lines)!=1: return 'unclear',f'{len(lines)} lines: {_last(e.err)}'
    words = ', '.join(sorted(w.words))[:80]
    if words and not _says(e, w.words): return 'unclear',f'names none of {words}: {_last(e.err)}'
    return ('misread' if case.right else 'refused'),_last(e.err)

def _says(e, words):
    "Say whether the output has one of the words"
    said = (e.out+e.err).lower()
    return any(re.search(rf'(?<!\w){re.escape(o.lower())}', said) for o in words)

def _last(text): return (text.strip().splitlines() or [''])[-1][:200]
