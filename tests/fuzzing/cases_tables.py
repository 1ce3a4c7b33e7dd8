"Catalogs, lists of places, and what a filling or a comparison keeps"
import numpy as np, pandas as pd
from .damage import *
from .cases_rasters import every
from .judge import Case

def table_cases(): return [*chip_catalog(), *cloud_catalog(), *leak_cases(), *list_cases(), *kept_cases()]

def renumbered(new):
    "A chip under another id, in the catalog and on disk"
    def damage(w):
        (w.folder/'ds/chips_filtered/chip_017_000_merged.tif').rename(w.folder/f'ds/chips_filtered/{new}_merged.tif')
        on('ds/chip_catalog.csv', cell('chip_id', new))(w)
    return damage

def same_id(new):
    "The chip of another id under its old one"
    def f(result): return {k: np.where(a.astype(str)==new, 'chip_017_000', a.astype(str)) if k[1]=='chip_id' else a
        for k,a in result.items()}
    return f

unused = 'usage misspelt','usage in capitals','usage with NUL','usage empty' # such rows are left out, and said to be
catalog_wrong = {
    'no chip_id': drop('chip_id'),
    'no usage': drop('usage'),
    'no first date': drop('first_image_date'),
    'no third date': drop('third_image_date'),
    'usage twice': twice('usage'),
    'chip_id twice': twice('chip_id'),
    'a second date twice': twice('second_image_date'),
    'text for a number': cell('bad_pct_max', 'high'),
    'NaN for a number': cell('bad_pct_max', 'nan'),
    'inf for a number': cell('bad_pct_max', 'inf'),
    'empty number': cell('na_count', ''),
    'no such day': cell('first_image_date', '2022-02-30'),
    'day first': cell('first_image_date', '18/04/2022', 0),
    'empty date': cell('second_image_date', ''),
    'a date twice in a chip': cell('second_image_date', '2022-04-18'),
    'year 99999': cell('third_image_date', '99999-01-01'),
    'empty id': cell('chip_id', ''),
    'a file that is not there': cell('chip_id', 'chip_999'),
    'a path as id': cell('chip_id', '../../etc/passwd'),
    'usage misspelt': cell('usage', 'vaildate'),
    'usage in capitals': cell('usage', 'VALIDATE'),
    'usage with a space': cell('usage', ' validate'),
    'usage with NUL': cell('usage', 'val\0idate'),
    'usage empty': cell('usage', ''),
    'no validation chip': cell('usage', 'train', 0),
    'coordinates of text': cell('chip_x', 'west'),
    'NaN coordinates': cell('chip_x', 'nan', 0),
    'semicolons': recode(lambda b: b.replace(b',', b';')),
    'tabs': recode(lambda b: b.replace(b',', b'\t'))}

# a value that does no harm may be passed over where nobody needs it
harmless = 'a date twice in a chip','day first'
harmless_in_check = 'coordinates of text','NaN coordinates','NaN for a number'

def chip_catalog():
    out = []
    for reader,input in (('chip catalog, check','check'), ('chip catalog, compare','compare')):
        out += every(reader, input, 'ds/chip_catalog.csv', bytes_kinds | table_kinds)
        out += every(reader, input, 'ds/chip_catalog.csv', readable_kinds, right=True)
        for k,f in catalog_wrong.items():
            left_out = k in unused and input=='compare'
            free = left_out or k in harmless or (k in harmless_in_check and input=='check')
            out.append(Case(reader, k, input, on('ds/chip_catalog.csv', f), free=free,
                mention='usage' if left_out else '', right=k=='usage with a space'))
        out += [Case(reader, f'id {n}', input, renumbered(n), right=True, apart=same_id(n))
            for n in ('NA','007','NaN','1e5')]
    return out

clouds_wrong = {
    'no name': drop('fmask_name'),
    'no share': drop('cloud_pct'),
    'no usage': drop('usage'),
    'share twice': twice('cloud_pct'),
    'text for the share': cell('cloud_pct', 'high', 4),
    'NaN for the share': cell('cloud_pct', 'nan', 4),
    'percent': cell('cloud_pct', lambda v: str(100*float(v)), 0),
    'negative': cell('cloud_pct', '-0.5', 4),
    'inf': cell('cloud_pct', 'inf', 4),
    'empty name': cell('fmask_name', '', 4),
    'no such file': cell('fmask_name', 'cloud_9.tif', 4),
    'usage misspelt': cell('usage', 'vaildate', 0),
    'semicolons': recode(lambda b: b.replace(b',', b';'))}

def cloud_catalog():
    out = []
    for reader,input in (('cloud catalog, check','check'), ('cloud catalog, compare','compare')):
        out += every(reader, input, 'ds/cloud_catalog.csv', few_kinds | table_kinds)
        out += every(reader, input, 'ds/cloud_catalog.csv', readable_kinds, right=True)
        out += [Case(reader, k, input, on('ds/cloud_catalog.csv', f)) for k,f in clouds_wrong.items()]
    return out

def leak_cases():
    wrong = {k: catalog_wrong[k] for k in ('no chip_id','coordinates of text','NaN coordinates','no such day',
        'semicolons','chip_id twice')}
    return every('catalog, leaks', 'leaks', 'ds/chip_catalog.csv',
        few_kinds | table_kinds | wrong) + [Case('catalog, leaks', 'coordinates inf', 'leaks',
        on('ds/chip_catalog.csv', cell('chip_x', 'inf')))]

# Lists of places

def doubled(name):
    "A column twice in the head of a list"
    return lines(lambda rows: [rows[0]+[name]] + [r+[''] for r in rows[1:]])

list_wrong = {
    'no name': drop('name'),
    'no dates': drop('dates'),
    'no scenes': drop('scenes'),
    'scenes twice': doubled('scenes'),
    'a column misspelt': recode(lambda b: b.replace(b'masks', b'mask', 1)),
    'a column unknown': recode(lambda b: b.replace(b'masks', b'nodata', 1)),
    'a name twice': cell('name', 'north', 0),
    'a name that differs in capitals': cell('name', 'NORTH', 2),
    'no name in a row': cell('name', ''),
    'a path as name': cell('name', '../north'),
    'an absolute name': cell('name', '/tmp/north'),
    'a hidden name': cell('name', '.north'),
    'the name of a file': cell('name', 'status.csv'),
    'a name of 300 letters': cell('name', 'n'*300),
    'a scene missing': cell('scenes', 's1.tif;s9.tif;s3.tif'),
    'a scene twice': cell('scenes', 's1.tif;s1.tif;s3.tif'),
    'a date too few': cell('dates', '2024-05-01;2024-05-11'),
    'no such day': cell('dates', '2024-05-01;2024-05-32;2024-05-21'),
    'a date twice': cell('dates', '2024-05-01;2024-05-01;2024-05-21'),
    'a mask too few': cell('masks', 'm1.tif;m2.tif'),
    'a folder as scene': cell('scenes', '.;s2.tif;s3.tif'),
    'a pattern': cell('scenes', 's?.tif'),
    'a pattern that matches nothing': cell('scenes', 'x*.tif'),
    'a pattern that matches all': cell('scenes', '*.tif'),
    'empty row': cell('scenes', '')}

def again(old, new):
    "A name of a place in another way, in the result too"
    return lambda result: {(k[0].replace(new+'/', old+'/'), k[1]): v for k,v in result.items()}

def _halves(name):
    "Two scenes of a day may be halves of it, where that is said"
    return dict(free=True, mention='completed') if name=='a date twice' else {}

def list_cases():
    name = 'list of places'
    out = every(name, 'list', 'places.csv', bytes_kinds | table_kinds)
    out += every(name, 'list', 'places.csv', readable_kinds, right=True)
    out += [Case(name, k, 'list', on('places.csv', f), right=k=='a pattern', **_halves(k))
        for k,f in list_wrong.items()]
    out += [Case(name, k, 'list', on('places.csv', recode(lambda b,s=s: b.replace(b';', b' ').replace(b',', s))),
        right=True) for k,s in (('semicolons',b';'), ('tabs',b'\t'))]
    out += [Case(name, f'name {n}', 'list', on('places.csv', cell('name', n)), right=True, apart=again('north', n))
        for n in ('007','NA','nan','Zürich')]
    out += [Case(name, f'a scene of one place {k}', 'list', on('s2.tif', bytes_kinds[k]))
        for k in ('empty','cut in half','named pipe')]
    again_input = 'list again'
    out += [Case('filled list', f'options {k}', again_input, on('out/filling.yml', f)) for k,f in few_kinds.items()]
    out += [Case('filled list', f'options {k}', again_input, on('out/filling.yml', put(t)))
        for k,t in (('are a list',b'- 1\n'), ('are a number',b'7\n'),
        ('run Python',b'!!python/object/apply:os.system ["touch marker"]\n'),
        ('of another filler',b'filler: band_mean\n'))]
    out += [Case('filled list', f'result {k}', again_input, on('out/north/s2.tif', bytes_kinds[k]))
        for k in ('empty','cut in half','web page','folder','named pipe')]
    return out + [Case('filled list', f'status {k}', again_input, on('out/status.csv', bytes_kinds[k]))
        for k in ('empty','noise','folder')]

# What is kept to be gone on with

state_wrong = {
    'no what': without('what'),
    'no done': without('done'),
    'no counts': without('counts'),
    'no strips': without('strips'),
    'a list': jsonic(lambda o: [o]),
    'a number': jsonic(lambda o: 7),
    'null': jsonic(lambda o: None),
    'done of text': with_('done', 'one'),
    'done -3': with_('done', -3),
    'done 10⁹': with_('done', 10**9),
    'counts a list': with_('counts', [1]),
    'what a text': with_('what', 'all'),
    'strips of text': with_('strips', 'x'),
    'strips 10⁹': with_('strips', 10**9),
    'deeply nested': put(b'['*100000)}

def changed_raw(p, w):
    "Rows that were filled are gone from the raster in the making"
    os.truncate(p, 100)

def another_estimate(p, w):
    "The expected error is that of somebody else's fill"
    t = pd.read_csv(p)
    t.assign(run='0'*16).to_csv(p, index=False)

def uncertain_cases():
    "The held-out pixels and the expected error of a fill that is resumed"
    out = every('begun intervals', 'begun intervals', 'out/.gapfill_*/held_out.npz', bytes_kinds)
    out += every('expected error', 'filled again', 'out/expected_error.csv', bytes_kinds)
    return out + [
        Case('expected error', 'of another fill', 'filled again', on('out/expected_error.csv', another_estimate))]

def kept_cases():
    name,input = 'begun filling','begun filling'
    out = every(name, input, 'out/.gapfill_*/state.json', bytes_kinds)
    out += every(name, input, 'out/.gapfill_*/state.json', state_wrong)
    out += [
        Case(name, 'raster in the making cut', input, on('out/.gapfill_*/1.raw', changed_raw)),
        Case(name, 'raster in the making gone', input, on('out/.gapfill_*/1.raw', missing)),
        Case(name, 'another filler', input, lambda w: w.option('filler', 'band_mean')),
        Case(name, 'another input', input, both(on('s1.tif', values(lambda a: a+1)), lambda w: w.words.add('inputs')))]
    out += uncertain_cases()
    name,input = 'begun comparison','begun comparison'
    out += every(name, input, 'out/.gapfill_compare/options.json', few_kinds | {
        'a list': jsonic(lambda o: [o]),
        'null': jsonic(lambda o: None),
        'no keys': jsonic(lambda o: {}),
        'deeply nested': put(b'['*100000)}, 'options ')
    out += every(name, input, 'out/.gapfill_compare/000000.npz', few_kinds | {
        'other keys': npz(lambda o: dict(a=1)),
        'other shapes': npz(lambda o: {k: v[:1] if v.ndim else v for k,v in o.items()}),
        'NaN': npz(lambda o: {k: v*float('nan') if v.dtype.kind=='f' else v for k,v in o.items()}),
        'pickled': pickled})
    name = 'packed files'
    for pattern,what in (('cache/chips-*.bin','chips'), ('cache/chips-*.json','chips list'),
        ('cache/masks-*.json','masks list'), ('cache/digests.json','digests')):
        kinds = {k: few_kinds[k] for k in ('empty','cut in half','web page','folder','named pipe')}
        if what!='chips': kinds |= {
            'a list': put(b'[1]'),
            'null': put(b'null'),
            'no keys': put(b'{}'),
            'deeply nested': put(b'['*100000)}
        out += every(name, 'packed', pattern, kinds, f'{what} ')
    return out

def npz(f):
    "Change the arrays of an .npz file"
    def damage(p, w):
        with np.load(p) as o: new = f(dict(o))
        np.savez(p, **new)
    return damage

def pickled(p, w):
    "An array of objects that runs a command when it is read"
    with np.load(p) as o: keys = list(o)
    np.savez(p, **{k: np.array([Touch(f'touch {w.folder/"marker"}')], object) for k in keys})
