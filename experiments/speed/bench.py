"""Measure so that a number can be believed: runs in pairs, memory in a process of its own, counted work, a goal beside
every number.

A computer that does other things as well takes longer for the same work at one moment than at the next. Three things
help. Two ways of doing something are run in turn, A B A B, so that a slow minute falls on both. The time taken is that
of the CPU spent by the process, not that of the clock on the wall. And where it is possible nothing is timed at all:
multiplications, bytes and calls can be counted, and a count is the same on every run."""
import gc
import importlib.util
import json
import os
import pickle
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from gapfill_baseline.program import whole
from gapfill_baseline.train.runs import git_commit

here = Path(__file__).resolve().parent

def need(
    module:str, # name of a module
    why:str='the plain reference measures with it' # what it is for
):
    "Complain where a module for developers is missing"
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"{module} is not installed; {why}. Install it with pip install 'gapfill_baseline[dev]'.")

# Pairs

def seconds(
    f:Callable, # called without arguments
    device='cpu' # where its work is done
)->tuple: # seconds, and what `f` returned
    "Time a call: all threads of this process, or the GPU by its own events, since the CPU does not wait for it"
    if torch.device(device).type != 'cuda':
        start = time.process_time()
        out = f()
        return time.process_time()-start, out
    first,last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    first.record()
    out = f()
    last.record()
    torch.cuda.synchronize(device)
    return first.elapsed_time(last)/1e3, out

@contextmanager
def threads(
    n:int=1 # how many
):
    "Run PyTorch on `n` threads, and float32 without TF32, which is another arithmetic and not a faster program"
    cudnn,matmul = torch.backends.cudnn,torch.backends.cuda.matmul
    n_before,cudnn_before,matmul_before = torch.get_num_threads(),cudnn.allow_tf32,matmul.allow_tf32
    torch.set_num_threads(n)
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    try: yield
    finally:
        torch.set_num_threads(n_before)
        cudnn.allow_tf32 = cudnn_before
        matmul.allow_tf32 = matmul_before

def _seconds_each(f, times, device):
    "Time one of `times` calls"
    def often():
        for _ in range(times): f()
    return seconds(often, device)[0]/times

def ab(
    ours:Callable, # called without arguments
    plain:Callable, # does the same work
    pairs:int=5, # of runs that are timed
    device='cpu', # where the work is done
    check:Callable=None, # (what ours returned, what plain returned) -> largest difference; raises where they differ
    least:float=.2 # seconds a run lasts at least; a shorter side is repeated in it
)->pd.DataFrame: # ours and plain [s], ratio = plain/ours; `attrs['error']` is what `check` gave
    "Run both in turn and time each run, after one run each to warm up; where `check` raises, nothing is timed"
    (ours_took,a),(plain_took,b) = (seconds(f, device) for f in (ours, plain))
    error = None if check is None else check(a, b)
    del a,b
    ours_times,plain_times = (min(1+int(least/max(t, 1e-6)), 1000) if least else 1 for t in (ours_took, plain_took))
    rows = []
    for _ in range(pairs):
        gc.collect()
        x = _seconds_each(ours, ours_times, device)
        y = _seconds_each(plain, plain_times, device)
        rows.append(dict(ours=x, plain=y, ratio=y/max(x, 1e-9)))
    df = pd.DataFrame(rows)
    df.attrs['error'] = error
    return df

def same(
    a, # number, array or tensor
    b, # the same from the other side
    tolerance:float, # largest difference allowed
    what:str # is compared, for the error
)->float: # largest difference
    "Compare results, and complain where they differ by more"
    a,b = (torch.as_tensor(x).detach().double().cpu() for x in (a, b))
    if a.shape != b.shape: raise ValueError(f"{what}: shapes {tuple(a.shape)} and {tuple(b.shape)}.")
    for_nan = 0. if torch.equal(a.isnan(), b.isnan()) else torch.inf
    d = (a-b).abs().nan_to_num(for_nan).max().item() if a.numel() else 0.
    if d <= tolerance: return d
    raise ValueError(f"{what}: ours and the plain reference differ by {d:.3g}; {tolerance:g} is allowed. "
                     "Nothing was timed.")

def median_range(
    values # of all pairs
)->dict: # value, low, high, pairs
    "Take the median, which one pair that something else fell upon does not move, the least and the most"
    v = pd.Series(values, dtype=float)
    return dict(value=v.median(), low=v.min(), high=v.max(), pairs=len(v))

# A process of its own. The peak of memory belongs to a process as a whole, and what ran before stays in it.

def memory(
    key:str # VmRSS now, VmHWM the peak since the program was started; `ru_maxrss` includes the process that started it
)->float: # MB
    "Read a line of /proc/self/status"
    return int(re.search(rf'{key}:\s+(\d+)', Path('/proc/self/status').read_text())[1])/1024

def _forget_peak():
    "Count the peak of memory from now on; where the system refuses, it includes what came before"
    try: Path('/proc/self/clear_refs').write_text('5')
    except OSError: pass

def _gpu_memory(f):
    "Run `f`; its seconds, its peak of memory and what was held before, MB, on the GPU"
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()/2**20
    took,_ = seconds(f, 'cuda')
    return took, torch.cuda.max_memory_allocated()/2**20, before

def _cpu_memory(f):
    "Run `f`; its seconds, its peak of memory and what was held before, MB, in this process"
    _forget_peak()
    before = memory('VmRSS')
    took,_ = seconds(f)
    return took, memory('VmHWM'), before

def _child():
    "Measure what the function on standard input makes, in the process that `alone` starts"
    make,args,n = pickle.load(sys.stdin.buffer)
    with threads(n):
        f = make(*args)
        gc.collect()
        took,peak,before = (_gpu_memory if torch.cuda.is_initialized() else _cpu_memory)(f)
    print('\n'+json.dumps(dict(seconds=took, peak_mb=peak-before, before_mb=before)))

def alone(
    make:Callable, # of a module; returns the function that is measured
    *args, # of `make`
    n_threads:int=1 # of PyTorch
)->dict: # seconds, peak_mb above before_mb; of the GPU where the function made ready uses it
    "Measure time and peak memory of a function in a process of its own, imports and data not included; Linux only"
    if not Path('/proc/self/status').exists():
        raise ValueError(f"Peak memory is read from /proc, which {platform.system()} has not.")
    path = os.pathsep.join([str(here), *filter(None, [os.environ.get('PYTHONPATH')])])
    env = os.environ | dict(OMP_NUM_THREADS=str(n_threads), PYTHONPATH=path)
    code = 'from bench import _child; _child()'
    work = pickle.dumps((make, args, n_threads))
    r = subprocess.run([sys.executable, '-P', '-c', code], input=work, capture_output=True, env=env)
    if r.returncode:
        said = r.stderr.decode(errors='replace')
        raise RuntimeError(f"{make.__name__} failed in a process of its own:\n{said}")
    return json.loads(r.stdout.decode().splitlines()[-1])

# Counts

def flops(
    f:Callable # called without arguments
)->int: # operations, two for a product and a sum
    "Count the operations of convolutions and matrix products; networks on the device `meta` need no values for it"
    with FlopCounterMode(display=False) as c: f()
    return c.get_total_flops()

class SavedBytes:
    "Count what is kept for the backward pass; a piece of memory counts once, weights and buffers never"
    def __init__(self,
        *nets # whose weights and buffers do not count
    ):
        self.seen = {}
        self.held = {t.untyped_storage()._cdata for n in nets for t in [*n.parameters(), *n.buffers()]}
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self.pack, lambda t: t)
    def pack(self, t):
        s = t.untyped_storage()
        self.seen[s._cdata] = s # held on to, so that no other gets its place
        return t
    @property
    def nbytes(self): return sum(s.nbytes() for k,s in self.seen.items() if k not in self.held)
    def __enter__(self):
        self.hooks.__enter__()
        return self
    def __exit__(self, *args): return self.hooks.__exit__(*args)

def counting_accelerator(
    backward:Callable=lambda loss: loss.backward(), # (loss)
    device='meta' # where networks and batches are
): # what a `Callback` asks of an `Accelerator`
    "Stand in for an accelerator where a step is only counted"
    return SimpleNamespace(device=torch.device(device), autocast=lambda: torch.autocast('cpu', enabled=False),
                           prepare=lambda *nets: nets, backward=backward, num_processes=1, process_index=0,
                           is_main_process=True, mixed_precision='no', reduce=lambda x,*_: x)

# Goals and rows

class Goal(NamedTuple):
    "Say what a number should be"
    row:str # its name
    unit:str # times, GFLOP, MB, s, %
    must:float=None # has to be reached
    aim:float=None # is aimed at
    more:bool=True # is more better?
    ours:str='' # what ours does
    plain:str='' # what it is compared with
    def passes(self, value, mark): return mark is not None and (value >= mark if self.more else value <= mark)
    def reached(self,
        value # measured
    )->str: # aim, must or below; '' where nothing was measured or asked for
        "Say how far the goal is reached"
        if value is None or value != value or self.must is None: return ''
        if self.passes(value, self.aim): return 'aim'
        return 'must' if self.passes(value, self.must) else 'below'

def row(
    goal:Goal, # of this row
    value=None, # measured: a number, or the result of `median_range`; None = not measured
    device:str='cpu', # where
    **extra # seconds of both sides, error, note
)->dict: # as it is stored
    "Make a row of results"
    v = value if isinstance(value, dict) else dict(value=value)
    marks = dict(must=goal.must, aim=goal.aim, more=goal.more, reached=goal.reached(v['value']))
    out = dict(row=goal.row, device=device, unit=goal.unit, **v, **marks, **extra, ours=goal.ours, plain=goal.plain)
    return {k: float(f'{x:.5g}') if isinstance(x, float) else x for k,x in out.items()}

# Stored results

def cpu_name()->str: # as the processor calls itself
    "Name the processor of this machine"
    info = Path('/proc/cpuinfo')
    if info.exists() and (m := re.search(r'model name\s*:\s*(.+)', info.read_text())): return m[1].strip()
    return platform.processor() or platform.machine()

def _version(package):
    "Version of a package; None where it is not installed"
    try: return version(package)
    except PackageNotFoundError: return None

def circumstances(
    device='cpu', # where it ran
    **settings # of the measurement
)->dict: # machine, versions, device, date, commit, settings
    "Describe what a measurement was made with; the name of the host and its folders are nobody's business"
    cuda = torch.device(device).type=='cuda'
    machine = dict(cpu=cpu_name(), instructions=torch.backends.cpu.get_cpu_capability(), cores=os.cpu_count())
    packages = 'gapfill_baseline torch numpy pandas rasterio matplotlib seaborn torchmetrics'.split()
    versions = dict(python=platform.python_version()) | {p: _version(p) for p in packages}
    return dict(machine=machine, device=torch.cuda.get_device_name(device) if cuda else 'cpu',
                date=date.today().isoformat(), commit=git_commit(), settings=settings, versions=versions)

def _is_results(d): return isinstance(d, dict) and all(isinstance(v, dict) and 'rows' in v for v in d.values())

def read_results(
    path # JSON
)->dict: # kind of device -> circumstances and rows; empty where there is no file
    "Read stored results"
    p = Path(path)
    if not p.exists(): return {}
    try: d = json.loads(p.read_text(encoding='utf8'))
    except ValueError: d = None
    if not _is_results(d): raise ValueError(f"{p} holds no results of speed.py. Pass another --out.")
    return d

def kind_of(
    about:dict # of `circumstances`
)->str: # cuda, or cpu and the instructions it has
    "Name the results that a measurement replaces"
    return f"cpu {about['machine']['instructions']}" if about['device']=='cpu' else 'cuda'

def _same_but(old, about, *names):
    "Test whether two measurements had the same circumstances, apart from some of them"
    return all(old.get(k)==v for k,v in json.loads(json.dumps(about)).items() if k not in names)

def _of_commit(rows, old):
    "Name the commit and the date of rows that another state of the code made"
    return [dict(commit=old['commit'], date=old['date']) | r for r in rows]

def write_results(
    path, # JSON
    rows:list, # of `row`
    about:dict, # of `circumstances`
    keep:bool=False # keep the rows of the same machine whatever the state of the code, with their commit and date
)->dict: # all that stands in the file now
    """Store the results of a device beside those of others.

    A measurement replaces those of its own kind of device; only rows of the same machine, commit, versions and settings
    stay beside it, so that the rows of a device never mix two states of the code, unless `keep` names them."""
    d = read_results(path)
    kind = kind_of(about)
    old = d.get(kind, {})
    new = {r['row'] for r in rows}
    others = [r for r in old.get('rows', []) if r['row'] not in new]
    if old and _same_but(old, about, 'date'): rows = others+rows
    elif old and keep and old['machine']==about['machine']: rows = _of_commit(others, old)+rows
    d[kind] = about | dict(rows=rows)
    with whole(path) as p: p.write_text(json.dumps(d, indent=1, ensure_ascii=False)+'\n', encoding='utf8')
    return d
