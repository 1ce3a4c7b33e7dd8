"Models from elsewhere: packages of torch.export, and files of weights"
import zipfile

import numpy as np

from .cases_rasters import every
from .cases_runs import both_pt
from .damage import bytes_kinds, evil, on, pickle_of, text
from .judge import Case

def model_cases(): return [*package_cases(), *presto_cases()]

# Packages

def parts(f):
    "Change the parts of a zip archive, bytes by name; `f` returns what is written"
    def damage(p, w):
        with zipfile.ZipFile(p) as z: old = {name: z.read(name) for name in z.namelist()}
        with zipfile.ZipFile(p, 'w') as z:
            for name,content in f(old).items(): z.writestr(name, content)
    return damage

def part(end, f):
    "Change the parts whose name ends so"
    def change(old):
        assert any(name.endswith(end) for name in old), f'no part ends in {end}'
        return {name: f(content) if name.endswith(end) else content for name,content in old.items()}
    return parts(change)

def without(end):
    "Leave the parts out whose name ends so"
    return parts(lambda old: {name: content for name,content in old.items() if not name.endswith(end)})

def text_of(old, new): return lambda content: content.replace(old, new)

runs = b"__import__('os').system('touch marker')"
package_wrong = {
    'no declaration': without('declaration.json'),
    'no program': without('models/model.json'),
    'program of text': part('models/model.json', lambda _: b'hello'),
    'program a list': part('models/model.json', lambda _: b'[1]'),
    'program nested': part('models/model.json', lambda _: b'['*100000),
    'a size that runs': part('models/model.json', text_of(b'"expr_str": "', b'"expr_str": "'+runs+b'+')),
    'declaration of text': part('declaration.json', lambda _: b'hello'),
    'declaration a list': part('declaration.json', lambda _: b'[1]'),
    'declaration without bands': part('declaration.json', text_of(b'"bands"', b'"b"')),
    'unknown bands': part('declaration.json', text_of(b'B8A', b'B99')),
    'another unit': part('declaration.json', text_of(b'reflectance', b'nonsense')),
    'an empty archive': parts(lambda old: {})}

def package_cases():
    "Damage to a package"
    out = every('package, evaluate', 'evaluate package', 'net.pt2', bytes_kinds)
    return out+[Case('package, evaluate', k, 'evaluate package', on('net.pt2', f), refuse=True)
                for k,f in package_wrong.items()]

# Weights

def state(f):
    "Change the tensors of a file of torch.save; `f` changes or returns them"
    def damage(p, w):
        import torch
        t = torch.load(p, weights_only=True)
        torch.save(f(t) or t, p)
    return damage

def number_at(value):
    "A number among the weights"
    def f(t): t['encoder.norm.weight'][0] = value
    return state(f)

def lost(t): t.pop('encoder.norm.weight')
def more(t): t['stranger'] = t['encoder.norm.weight']
def cut(t): t['encoder.norm.weight'] = t['encoder.norm.weight'][:1]
def whole_numbers(t): return {k: v.int() for k,v in t.items()}
def numbers(t): return {k: 1 for k in t}

presto_wrong = {
    'NaN': number_at(np.nan),
    'inf': number_at(np.inf),
    'an array lost': state(lost),
    'an array more': state(more),
    'other shape': state(cut),
    'whole numbers': state(whole_numbers),
    'numbers for tensors': state(numbers),
    'no arrays': state(lambda t: dict(a=t['encoder.norm.weight'])),
    'that runs a command': evil,
    'with numbers as keys': pickle_of(lambda w: {1: 2}),
    'of a list': pickle_of(lambda w: [1]),
    'a half': both_pt,
    'of text': lambda p,w: p.write_bytes(text)}

def presto_cases():
    "Damage to the weights of Presto"
    out = every('weights, evaluate', 'evaluate weights', 'presto.pt', bytes_kinds)
    return out+[Case('weights, evaluate', k, 'evaluate weights', on('presto.pt', f), refuse=k!='whole numbers')
                for k,f in presto_wrong.items()]
