"Test card.py in small, on the CPU: `python experiments/speed/test_card.py`"
import io
import json
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import torch
from fastcore.test import *

import card
from card import *

torch.set_num_threads(1)
small = sizes_of('cpu', True)._replace(pages=())
about = dict(device='some GPU', date='2026-01-01', commit='a', machine={}, versions={}, settings=dict(size=1))

def test_goals():
    names = [g.row for g in goals()]
    test_eq(len(set(names)), len(names))
    assert sum(limit for _,limit in parts.values()) < 12*60

def test_parts():
    "All parts together measure every row, apart from those that only a GPU has"
    found = {r['row']: r for f,_ in parts.values() for r in f(small)}
    only_gpu = {'GPU busy in a training epoch', *(f'memory of {n}' for n in ('unet','ridgeunet'))}
    only_gpu |= {f'memory of a Prithvi of {n}' for n in ('300M','600M')}
    test_eq(set(found), {g.row for g in goals()}-only_gpu)
    values = {name: r['value'] for name,r in found.items()}
    any_number = 'MAE of bf16 minus that of fp32','pages with cells for a GPU'
    assert all(v > 0 for name,v in values.items() if name not in any_number)
    mae = {k: values[f'MAE after a short training, {k}'] for k in ('fp32','bf16')}
    test_close(values['MAE of bf16 minus that of fp32'], mae['bf16']-mae['fp32'], 1e-4)

def test_cells():
    "A page that fails is named, the others count"
    with patch.object(card, '_page_fault', lambda page, *_: 'AssertionError: 1' if page=='b.ipynb' else ''):
        r, = rows_of_cells(small._replace(pages=('a.ipynb','b.ipynb','c.ipynb')))
    test_eq((r['value'],r['reached'],r['failed']), (2,'below','b.ipynb: AssertionError: 1'))

def test_run_part():
    "A part that fails gives its error, and one that takes too long is stopped"
    options = ['--device','cpu','--quick']
    test_eq(run_part('step', options, .01)['error'], 'stopped after 0 s')
    assert 'none' in run_part('none', options, 60)['error']

def rows_of(value): return [card_row('code generation', value, small)]

def test_measure_parts():
    "Each part is stored as it ends; what is missing is measured again"
    results = dict(step=dict(seconds=1, rows=rows_of(2.)), fill=dict(seconds=1, error='ValueError: no'))
    with tempfile.TemporaryDirectory() as tmp, redirect_stdout(io.StringIO()) as printed:
        out = Path(tmp)/'card.json'
        stored = []
        def run(name, *_):
            stored.append(list(read_card(out)['some GPU']['parts']) if out.exists() else [])
            return results[name]
        with patch.object(card, 'run_part', run): measure_parts(['step','fill'], [], about, out, 100)
        test_eq(stored, [[],['step']])
        test_eq(finished_parts(read_card(out), about), json.loads(json.dumps(results)))
        test_eq(finished_parts(read_card(out), about | dict(commit='b')), {})
        with patch.object(card, 'run_part', run): measure_parts(['cells'], [], about | dict(device='other'), out, 5)
        d = read_card(out)
        test_eq(d['other']['parts']['cells'], dict(seconds=0, error='no time left'))
        test_eq(list(d['some GPU']['parts']), ['step','fill'])
    assert 'fill, 1 s: ValueError: no' in printed.getvalue()

def test_missing():
    "A second call measures failed parts only, unless parts are named"
    asked = []
    def measured(names, options, about, out, seconds):
        asked.append(names)
        for n in names:
            found = dict(error='no') if n=='fill' else dict(rows=rows_of(1.))
            write_part(out, about, n, dict(seconds=1) | found)
    with (tempfile.TemporaryDirectory() as tmp, patch.object(card, 'measure_parts', measured),
          redirect_stdout(io.StringIO()) as printed):
        for names in (None, None, ['step']): measure_card(f'{tmp}/card.json', 'cpu', parts=names, quick=True)
    test_eq(asked, [list(parts),['fill'],['step']])
    assert 'failed: fill (no)' in printed.getvalue()

def test_options():
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(tmp)/'card.json'
        with expect_fail(ValueError, 'device is cpu, which takes hours'): measure_card(out, 'cpu')
        with expect_fail(ValueError, 'device is gpu; choose from'): measure_card(out, 'gpu')
        with expect_fail(ValueError, 'parts names x; choose from step'):
            measure_card(out, 'cpu', parts=['x'], quick=True)
        if not torch.cuda.is_available():
            with expect_fail(ValueError, 'device is cuda, but PyTorch sees no GPU here'): measure_card(out)
        measure_card(out, empty=True)
        d, = read_card(out).values()
        test_eq([r['value'] for r in d['parts']['all']['rows']], [None]*len(goals()))
        out.write_text('[1]')
        with expect_fail(ValueError, 'card.json holds no results of card.py'): read_card(out)

for f in [f for k,f in list(globals().items()) if k.startswith('test_') and getattr(f, '__module__', '')=='__main__']:
    f()
    print(f.__name__, flush=True)
