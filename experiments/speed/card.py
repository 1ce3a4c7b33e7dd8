"""Measure one GPU in at most twelve minutes: `python experiments/speed/card.py --out nbs/stored/card.json`.

Each part runs in a process of its own, with a limit of time, and its rows are stored as soon as it ends. A part that
fails or takes too long is stored with its reason, and the others go on. A second call measures what is missing, as long
as commit, versions and sizes are the same; `--parts` names some. Results of other devices in the file stay.

`--device cpu --quick` runs every part with tiny sizes on the CPU, to see that it works. `--empty` stores the rows
without numbers, for a page without a GPU."""
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from fastcore.script import Param

from gapfill_baseline import sample
from gapfill_baseline.cli import gapfill_compare, gapfill_train
from gapfill_baseline.learner import make_accelerator
from gapfill_baseline.networks.prithvi import Prithvi, reference_input
from gapfill_baseline.networks.prithvi_versions import prithvi_versions
from gapfill_baseline.program import one_line, program, whole
from gapfill_baseline.train.batches import ResidentDataset

import fill_speed
import speed
from bench import Goal, circumstances, median_range, row, threads
from profile_training import Training
from speed import Inside, Setting, bench_scene, bench_split, made_once, matrix_rate, published_run, step_counts

root = Path(__file__).resolve().parents[2]
published_chips = 6231 # of the largest published training
published_epoch = round(published_chips*219/(1600+1621)) # s; the published log has 219 s for an epoch of fewer chips

class Sizes(NamedTuple):
    "Sizes of what is measured"
    bench:Setting # of the training step and of the tile
    train:int # chips of a short training
    side:int # of such a chip, pixels
    epochs:int # of a short training
    seeds:int # of each precision
    batch:int # chips that a transformer fills at once
    runs:int # passes of a transformer
    tiny:bool # transformers of a single block
    pages:tuple # notebooks with cells for a GPU

def sizes_of(
    device:str, # cpu or cuda
    quickly:bool # tiny sizes
)->Sizes:
    "Choose the sizes"
    if quickly: return Sizes(speed.quick._replace(device=device), 24, 32, 1, 1, 1, 1, True, ('00d_glibc.ipynb',))
    pages = '04_metrics.ipynb','train/02_batches.ipynb','train/07_fit.ipynb'
    return Sizes(Setting(device=device), 256, 128, 12, 3, 16, 10, False, pages)

# Rows

_goals = [
    Goal('training step, share of the matrix rate', '%', 25, 40,
         ours='operations over time; model_cap 64, 16 chips, bf16, compiled', plain='products of matrices in bf16'),
    Goal('GPU busy in a training epoch', '%', 90, None, ours='time in which any kernel runs; the same step', plain=''),
    Goal('an epoch of 6,231 chips', 's', published_epoch, None, False,
         ours='training alone, from the chips per second of the same step',
         plain=f'{published_epoch} s, from the published log'),
    Goal('code generation', 's', ours='first step, compiled', plain=''),
    *(Goal(f'MAE after a short training, {kind}', 'reflectance', ours='CGAN, three seeds, simulated chips', plain='')
      for kind in ('fp32','bf16')),
    Goal('MAE of bf16 minus that of fp32', 'reflectance', ours='the same runs, on the same chips', plain=''),
    *(Goal(f'{what} of {name}', unit, ours=f'{how}, bf16', plain='')
      for name,how in (('unet','training'), ('ridgeunet','training'), ('a Prithvi of 300M','filling, made weights'),
                       ('a Prithvi of 600M','filling, made weights'))
      for what,unit in (('speed','chips/s'), ('memory','GB'))),
    Goal('filling a tile with the CGAN', 's', plain='',
         ours='gapfill_fill, 3 dates, model_cap 64, with the expected error'),
    Goal('pages with cells for a GPU', 'passed', 3, None, ours='nbdev_test --flags cuda', plain='')]

def goals()->list: # of `Goal`, in the order of the table
    "List every row"
    return list(_goals)

def card_row(
    name:str, # of a goal
    value, # measured: a number, or the result of `median_range`
    s:Sizes, # sizes
    **extra # more numbers
)->dict: # of `row`
    "Make a row"
    return row(next(g for g in _goals if g.row==name), value, s.bench.device, **extra)

# Parts

def rows_of_step(
    s:Sizes # sizes
)->list: # of `row`
    "Measure the training step of the CGAN, and an epoch of it"
    b = s.bench
    step = speed.OurStep(make_accelerator(b.device, 'bf16'), b.cap, compiled=speed.on_gpu(b))
    clock = Inside(b.device)
    n = 16 if b.device=='cuda' else b.batch
    raw = ResidentDataset(bench_split(b), b.device)[0, range(n)]
    start = clock.now()
    step.train(raw)
    rows = [card_row('code generation', clock.now()-start, s)]
    return [*rows, _row_of_rate(step, raw, n, s), *_rows_of_epoch(step, clock, s)]

def _row_of_rate(step, raw, n, s):
    "Measure the operations of a step on `n` chips, as a share of the matrix rate"
    b = s.bench
    work = step_counts(b.cap, n, b.size)['train_gflop']*n*1e9
    rate = matrix_rate(b.device, 'bf16')
    shares = [100*work/t/rate for t in speed.step_seconds(step, raw, b)]
    return card_row('training step, share of the matrix rate', median_range(shares), s, tflops_matrix=rate/1e12)

def _rows_of_epoch(step, clock, s):
    "Measure epochs: seconds for the published number of chips, and the share of the time in which the GPU is busy"
    epoch,chips = speed.training_epochs(step, s.bench)
    epoch()
    took = []
    for _ in range(s.bench.pairs):
        start = clock.now()
        epoch()
        took.append((clock.now()-start)*published_chips/chips)
    rows = [card_row('an epoch of 6,231 chips', median_range(took), s)]
    if s.bench.device=='cpu': return rows
    busy = [100*worked/total for worked,total in (speed.profiled(epoch) for _ in range(3))]
    return [*rows, card_row('GPU busy in a training epoch', median_range(busy), s)]

def _simulated(s):
    "Find the chips of the short trainings, made on first use"
    counts = dict(n_train=s.train, n_validate=s.train//4, n_masks=s.train)
    make = lambda dest: sample.make_sample(dest, **counts, size=s.side)
    return made_once('card', (s.train, s.side), make)

def _trained(s, folder, precision, seed):
    "Train the CGAN for a short time, and return the folder of the run"
    options = dict(model_cap=s.bench.small, epochs=s.epochs, device=s.bench.device, visualization='none',
                   lr_schedule='cosine')
    with redirect_stdout(io.StringIO()):
        return gapfill_train(str(_simulated(s)), f'{folder}/runs', precision=precision, seed=seed,
                             job_id=f'{precision}_{seed}', cache_dir=f'{folder}/cache', **options)

def _interval_of(r, *names):
    "Take a value and its interval from a row of a table"
    return {k: float(r[name]) for k,name in zip(('value','low','high'), names)}

def _compared(s, kinds):
    "Train in each precision, and compare the runs: the summary by filler, and the differences of pairs"
    with tempfile.TemporaryDirectory() as tmp:
        runs = [str(_trained(s, tmp, k, seed)) for seed in range(s.seeds) for k in kinds]
        with redirect_stdout(io.StringIO()):
            out = gapfill_compare(runs=runs, out_dir=f'{tmp}/compared', cache_dir=f'{tmp}/cache', device=s.bench.device,
                                  protocol='strict')
        return pd.read_csv(out/'summary.csv').set_index('filler'),pd.read_csv(out/'differences.csv')

def rows_of_precision(
    s:Sizes # sizes
)->list: # of `row`
    "Measure the error of held-out chips after short trainings in both precisions, with intervals over places and seeds"
    kinds = 'fp32','bf16'
    summary,pairs = _compared(s, kinds)
    names = {k: f'cgan (precision {k})' for k in kinds}
    maes = {k: _interval_of(summary.loc[name], 'mae', 'mae_low', 'mae_high') for k,name in names.items()}
    pair = pairs[(pairs.metric=='mae') & (pairs.a==names['bf16']) & (pairs.b==names['fp32'])].iloc[0]
    rows = [card_row(f'MAE after a short training, {k}', mae, s, seeds=s.seeds) for k,mae in maes.items()]
    return [*rows, card_row('MAE of bf16 minus that of fp32', _interval_of(pair, 'difference', 'low', 'high'), s)]

def _peak_gb(device):
    "Give the largest memory of the GPU since the last call, GB, and reset it; None on a CPU"
    if device=='cpu': return None
    peak = torch.cuda.max_memory_allocated()/1e9
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return peak

def _speed_and_memory(name, chips_per_second, s):
    "Make the rows of the speed of a network and, on a GPU, of its memory"
    rows = [card_row(f'speed of {name}', median_range(chips_per_second), s)]
    gb = _peak_gb(s.bench.device)
    return rows if gb is None else [*rows, card_row(f'memory of {name}', gb, s)]

def rows_of_networks(
    s:Sizes # sizes
)->list: # of `row`
    "Measure training of the two convolutional networks"
    rows,clock = [],Inside(s.bench.device)
    for name in ('unet','ridgeunet'):
        training = Training(_simulated(s), name, 16, device=s.bench.device, precision='bf16')
        training.epoch()
        _peak_gb(s.bench.device)
        speeds = []
        for _ in range(3):
            start = clock.now()
            n = training.epoch()[0]
            speeds.append(n/(clock.now()-start))
        rows += _speed_and_memory(name, speeds, s)
    return rows

_one_block = dict(width=32, depth=1, heads=2, decoder_width=32, decoder_depth=1, decoder_heads=2, side=112)

def _transformer(name, s):
    "Make a transformer with random weights, and a batch of its reference input with a third of the patches hidden"
    v = prithvi_versions[name]
    if s.tiny: v = v._replace(**_one_block)
    torch.manual_seed(0)
    with torch.device(s.bench.device): model = Prithvi(v, tile=v.side).eval()
    one = reference_input(v, hide=True)
    return model,one.map(lambda x: x.repeat(s.batch, *[1]*(x.ndim-1)).to(s.bench.device))

@torch.no_grad()
def rows_of_transformers(
    s:Sizes # sizes
)->list: # of `row`
    "Measure filling with two sizes of Prithvi"
    rows,clock = [],Inside(s.bench.device)
    for name,words in (('prithvi_v2_300','a Prithvi of 300M'), ('prithvi_v2_600','a Prithvi of 600M')):
        model,x = _transformer(name, s)
        speeds = []
        with torch.autocast(s.bench.device, torch.bfloat16):
            for _ in range(s.runs+1):
                start = clock.now()
                if not model(*x).isfinite().all(): raise ValueError(f"{name} predicts values that are not finite.")
                speeds.append(s.batch/(clock.now()-start))
        rows += _speed_and_memory(words, speeds[1:], s)
        del model
    return rows

def rows_of_fill(
    s:Sizes # sizes
)->list: # of `row`
    "Measure the filling of a tile with a network"
    folder = bench_scene(s.bench.tile, 3)
    with tempfile.TemporaryDirectory() as tmp:
        published_run(s.bench._replace(small=s.bench.cap), Path(tmp)/'run')
        start = time.perf_counter()
        r = fill_speed.fill(folder, f'{tmp}/out', f'{tmp}/run', device=s.bench.device)
        took = time.perf_counter()-start
    more = {k: r[k] for k in ('filled','share_in_filler')}
    return [card_row('filling a tile with the CGAN', took, s, **more)]

def _page_fault(page, flags, env):
    "Run a page with the cells of some flags: the last line of its output where it fails, else empty"
    test = Path(sys.executable).with_name('nbdev_test')
    cmd = [str(test), '--path', str(root/'nbs'/page), *(['--flags', flags] if flags else [])]
    r = subprocess.run(cmd, cwd=root, env=env, capture_output=True, text=True)
    return '' if not r.returncode else (r.stdout+r.stderr).strip().splitlines()[-1]

def rows_of_cells(
    s:Sizes # sizes
)->list: # of `row`
    "Run the pages with cells for a GPU, and count those that pass"
    env = os.environ | dict(PYTHONPATH=os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')]))
    failed = {page: _page_fault(page, 'cuda' if s.bench.device=='cuda' else '', env) for page in s.pages}
    reasons = '; '.join(f'{page}: {one_line(why)}' for page,why in failed.items() if why)
    return [card_row('pages with cells for a GPU', sum(not why for why in failed.values()), s, failed=reasons)]

parts = dict( # name -> function, most seconds that it takes; together less than twelve minutes
    step=(rows_of_step, 280), transformers=(rows_of_transformers, 70), networks=(rows_of_networks, 60),
    fill=(rows_of_fill, 80), precision=(rows_of_precision, 130), cells=(rows_of_cells, 90))

# Storing

def read_card(
    path # JSON
)->dict: # name of a device -> circumstances and parts; empty where there is no file
    "Read stored results"
    p = Path(path)
    if not p.exists(): return {}
    try: d = json.loads(p.read_text(encoding='utf8'))
    except ValueError: d = None
    if not isinstance(d, dict) or not all(isinstance(v, dict) and 'parts' in v for v in d.values()):
        raise ValueError(f"{p} holds no results of card.py. Pass another --out.")
    return d

def write_part(
    path, # JSON
    about:dict, # of `circumstances`
    name:str, # of a part
    result:dict # seconds and rows, or seconds and error
):
    "Store a part beside those of the same circumstances, and remove those of other circumstances"
    d = read_card(path)
    of_device = about | dict(parts=finished_parts(d, about) | {name: result})
    d.pop('', None) # of `write_empty`
    d[about['device']] = of_device
    with whole(path) as p: p.write_text(json.dumps(d, indent=1, ensure_ascii=False)+'\n', encoding='utf8')

def finished_parts(
    stored:dict, # of `read_card`
    about:dict # of `circumstances`
)->dict: # name -> result
    "List the parts that were measured in the same circumstances, whatever the date"
    old = stored.get(about['device'], {})
    same = old and all(old.get(k)==v for k,v in json.loads(json.dumps(about)).items() if k != 'date')
    return dict(old['parts']) if same else {}

def write_empty(
    path # JSON
):
    "Store the rows without numbers, where nothing is stored yet"
    if read_card(path): return
    d = {'': dict(parts=dict(all=dict(rows=[row(g, device='cuda') for g in _goals])))}
    with whole(path) as p: p.write_text(json.dumps(d, indent=1, ensure_ascii=False)+'\n', encoding='utf8')

# The program

def run_part(
    name:str, # of a part
    options:list, # of the program
    limit:float # seconds
)->dict: # seconds, and rows or the error
    "Measure a part in a process of its own"
    cmd = [sys.executable, __file__, '--part', name, *options]
    start = time.monotonic()
    try: r = subprocess.run(cmd, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired: return dict(seconds=round(limit), error=f'stopped after {limit:.0f} s')
    took = dict(seconds=round(time.monotonic()-start, 1))
    lines = r.stdout.splitlines()
    if not r.returncode and lines: return took | dict(rows=json.loads(lines[-1]))
    return took | dict(error=one_line((r.stderr.strip().splitlines() or lines or ['no output'])[-1]))

def measure_parts(names, options, about, out, seconds):
    "Measure parts one after the other until the time is over; store and print each"
    end = time.monotonic()+seconds
    for name in names:
        left = end-time.monotonic()
        limit = min(parts[name][1], left)
        result = run_part(name, options, limit) if left > 10 else dict(seconds=0, error='no time left')
        write_part(out, about, name, result)
        print(f"{name}, {result['seconds']:.0f} s: {result.get('error') or 'done'}", flush=True)
        for r in result.get('rows', []): print(speed.line(r), flush=True)

def _check_parts(names):
    "Refuse a part that does not exist"
    if unknown := [n for n in names or () if n not in parts]:
        raise ValueError(f"parts names {unknown[0]}; choose from {', '.join(parts)}.")

@program
def measure_card(
    out:str='card.json', # results, beside those of other devices
    device:str='cuda', # cuda, or cpu with --quick
    minutes:float=12., # at most
    parts:Param('what to measure: step transformers networks fill precision cells; what is missing unless given',
                str, nargs='+')=None,
    quick:bool=False, # tiny sizes, to see that it works; its numbers mean nothing
    empty:bool=False, # store the rows without numbers, and measure nothing
    part:str=None # measure it in this process and print its rows
)->Path: # of the results
    "Measure one GPU in at most twelve minutes"
    if device not in ('cpu','cuda'): raise ValueError(f"device is {device}; choose from cpu, cuda.")
    if device=='cpu' and not (quick or empty or part):
        raise ValueError("device is cpu, which takes hours; pass --quick too.")
    if empty: write_empty(out)
    elif part: print(json.dumps(_rows_of(part, sizes_of(device, quick))))
    else: _measure(out, device, minutes, parts, quick)
    return Path(out)

def _rows_of(part, s):
    "Measure a part in this process"
    with threads(s.bench.threads if s.bench.device=='cpu' else os.cpu_count()): return parts[part][0](s)

def _settings(s):
    "List all sizes by name, without the device and the folder of the published code"
    others = s._asdict() | dict(chips_per_transformer=s.batch)
    sizes = s.bench._asdict() | {k: v for k,v in others.items() if k not in ('bench','batch')}
    return {k: v for k,v in sizes.items() if k not in ('device','published')}

def _measure(out, device, minutes, names, quickly):
    "Measure the parts that are asked for, or else those that are missing"
    _check_parts(names)
    make_accelerator(device) # raises an error where there is no GPU
    s = sizes_of(device, quickly)
    about = circumstances(device, **_settings(s), quick=quickly)
    there = finished_parts(read_card(out), about)
    missing = [n for n in parts if n in (names or ()) or not names and 'rows' not in there.get(n, {})]
    options = ['--device', device, *(['--quick'] if quickly else [])]
    measure_parts(missing, options, about, out, 60*minutes)
    failed = [f"{n} ({r['error']})" for n,r in finished_parts(read_card(out), about).items() if 'error' in r]
    print(f"failed: {'; '.join(failed)}" if failed else 'all parts are measured', out, sep='\n')

if __name__=='__main__':
    import card # under its own name, as `speed` is
    card.measure_card()
