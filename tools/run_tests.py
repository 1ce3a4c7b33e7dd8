"Run all checks, and print a line for each; the last line counts passed, failed and skipped checks, and old tables"
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from filecmp import cmp
from functools import cache
from pathlib import Path
from threading import local
from typing import NamedTuple

from fastcore.script import call_parse

from check_site import notebooks
from forked import ForkServer
from run_page import end_of_page
from stored_tables import old_tables

root = Path(__file__).resolve().parent.parent
programs = Path(sys.executable).parent
seconds_file = root/'tools/check_seconds.json' # CPU seconds of each check, by which the next run is ordered
hang = 3600 # seconds after which a check counts as hanging; far more than a busy machine takes
workers = min(8, os.cpu_count()) # checks that run at once, each on one thread
room_in_memory = 8 << 30 # bytes that a folder in memory must have to hold the temporary files
running = set() # numbers of processes, each the first of its group
work = local() # `seconds`: CPU seconds of the programs that this thread has run

class Failed(Exception): "A check fails; the text is the reason"
class Skipped(Exception): "A check cannot run here; the text names the missing part"

class Check(NamedTuple):
    "One line of the output"
    name:str # as printed
    run:Callable # returns text to print below the line, and raises `Failed` or `Skipped`
    args:tuple=() # of `run`

# Processes

def kill(pid):
    "Kill a process and all processes of its group"
    try: os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError: pass

@cache
def fork_server():
    "Start the process that scripts are forked from, once"
    return ForkServer()

def own_process(args, cwd, stdout):
    "Start a command in a process group of its own"
    if sys.platform == 'linux': return fork_server().start(args, cwd, stdout, is_script=False)
    return subprocess.Popen([str(a) for a in args], cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout,
                            stderr=subprocess.STDOUT, start_new_session=True)

def forked_process(args, cwd, stdout):
    "Start a Python script, on Linux without importing the libraries again"
    if sys.platform == 'linux': return fork_server().start(args, cwd, stdout)
    return own_process([sys.executable, *args], cwd, stdout)

def output_of(
    start:Callable, # takes arguments, folder and output file; returns a process with `pid` and `wait`
    args:tuple, # path of a program, and its arguments
    cwd:Path=root, # folder in which it runs
    limit:float=hang # seconds
)->str: # its output
    "Run a program to its end, and end the processes that it started; `Failed` has its output"
    with tempfile.TemporaryFile() as out:
        p = start(args, cwd, out)
        running.add(p.pid)
        try: why = f'exit status {status}' if (status := p.wait(limit)) else ''
        except subprocess.TimeoutExpired: why = f'stopped after {limit} s: it hangs'
        kill(p.pid)
        running.discard(p.pid)
        work.seconds = getattr(work, 'seconds', 0)+(getattr(p, 'work', None) or 0)
        out.seek(0)
        text = out.read().decode(errors='replace').rstrip()
    if why: raise Failed(f'{text}\n{why}')
    return text

def command(*args, cwd=root):
    "Run a command and return its output"
    return output_of(own_process, args, cwd)

def script(*args):
    "Run a Python script and return its output"
    return output_of(forked_process, args)

# Checks

def differing(a, b, glob):
    "Find the names that match `glob` and are not the same file in both folders"
    names = {p.relative_to(d) for d in (a,b) for p in d.glob(glob)}
    return sorted(str(n) for n in names if not ((a/n).exists() and (b/n).exists() and cmp(a/n, b/n, shallow=False)))

def must_be_same(a, b, glob, way_out):
    "Fail where files differ between two folders"
    found = differing(a, b, glob)
    if found: raise Failed(f"{', '.join(found)}: {way_out}")

def check_export(tmp):
    "Export the notebooks again and compare the modules"
    for p in (tmp/'gapfill_baseline').rglob('*.py'): p.unlink()
    command(programs/'nbdev_export', cwd=tmp)
    must_be_same(root, tmp, 'gapfill_baseline/**/*.py',
                 'not what the notebooks export. Run make clean; delete a module that no notebook makes.')

def check_clean(tmp):
    "Clean the notebooks again and compare"
    command(programs/'nbdev_clean', cwd=tmp)
    must_be_same(root, tmp, 'nbs/**/[!._]*.ipynb', 'not clean. Run nbdev_clean.')

def check_imports(tmp):
    "Check that imports run one way"
    command(sys.executable, tmp/'tools/import_graph.py', '--package', tmp/'gapfill_baseline')

def check_outputs(tmp):
    "Check that stored outputs can be shown"
    command(sys.executable, tmp/'tools/output_faults.py')

def check_page(page, flags):
    "Run a notebook, compare its stored outputs, and return a line where some are not compared here"
    *notes,last = script(root/'tools/run_page.py', page, '--flags', flags).splitlines() or ['']
    if last != end_of_page: raise Failed('\n'.join([*notes, last, 'the page ended before its last cell']))
    return '\n'.join(notes)

def check_script(path, flags):
    "Run a script of tests"
    script(path, *flags.split())

def check_broken_files(flags):
    "Break a tenth of the files of the readers' tests, or with slow cells all of them"
    command(sys.executable, root/'tests/test_fuzz.py')
    command(sys.executable, root/'tests/fuzz.py', '--share', 1 if 'slow' in flags.split() else .1)

def check_site(tmp):
    "Build the documentation and check it"
    command(sys.executable, tmp/'tools/docs.py', cwd=tmp)
    must_be_same(root, tmp, 'nbs/sidebar.yml', 'does not list the notebooks. Run make clean.')
    for tool in ('check_site.py', 'finish_site.py'): command(sys.executable, tmp/'tools'/tool, '--self_test')

def check_browser(tmp):
    "Open pages with known faults, then the site that `check_site` has built"
    for args in (['--self_test'], ['--site', tmp/'_docs']):
        text = command(sys.executable, tmp/'tools/browse_site.py', *args)
        if text.startswith('skipped: '): raise Skipped(text)

def check_readme(tmp):
    "Make README.md again and compare"
    command(sys.executable, tmp/'tools/readme.py', cwd=tmp)
    for glob in ('README.md', 'nbs/images/index_*'):
        must_be_same(root, tmp, glob, 'not made from nbs/index.ipynb. Run make readme.')

def history(run):
    "Read the rows of a run's history, without columns of measured time"
    clock = 'seconds', 'chips_per_second'
    with (run/'history.csv').open(newline='') as f:
        return [{k: v for k,v in row.items() if k not in clock} for row in csv.DictReader(f)]

def papermill(out):
    "Write the command that runs the training notebook; its parameters follow"
    return (programs/'papermill', root/'nbs/06_training.ipynb', out, '-k', 'python3', '--cwd', root/'nbs',
            '--no-progress-bar')

def check_refusal(notebook):
    "Give papermill a parameter that is no option, which must be refused"
    try: command(*notebook, '-p', 'epoch', 3)
    except Failed as e:
        if 'epoch is not a parameter of gapfill_train' not in str(e): raise
    else: raise Failed("papermill ran with the parameter 'epoch', which does not exist.")

def check_training(tmp):
    "Compare a small run by papermill with the same run by command, and try an unknown parameter"
    data,runs,notebook = tmp/'smoke_data',tmp/'runs',papermill(tmp/'smoke.ipynb')
    command(programs/'gapfill_sample', data, '--n_train', 8, '--n_validate', 4, '--n_masks', 8, '--size', 32)
    params = dict(dataroot=data, out_dir=runs, epochs=2, batch_size=4, model_cap=4, device='cpu')
    command(*notebook, *(a for k,v in dict(params, job_id='notebook').items() for a in ('-p', k, v)))
    command(programs/'gapfill_train', *(a for k,v in dict(params, job_id='command').items() for a in (f'--{k}', v)))
    a,b = (history(runs/job) for job in ('notebook', 'command'))
    if a != b or len(a) != 2: raise Failed(f'papermill and gapfill_train give different histories:\n{a}\n{b}')
    check_refusal(notebook)

def scripts():
    "List the scripts that test the experiments and these tools, which are no part of the package"
    return [p for glob in ('experiments/*/test_*.py', 'tools/test_*.py') for p in sorted(root.glob(glob))]

def name_of(path, folder):
    "Name a page or a script as the output does"
    return path.relative_to(folder).with_suffix('').as_posix()

def first_checks(tmp):
    "List the checks that change the copy, which come one after another before all others"
    return [Check('modules match notebooks', check_export, (tmp,)),
            Check('notebooks are clean', check_clean, (tmp,)),
            Check('imports run one way', check_imports, (tmp,)),
            Check('stored outputs can be shown', check_outputs, (tmp,))]

def all_jobs(tmp, nbs, flags):
    "List the checks that may run side by side: each job is a list of checks that run one after another"
    checks = [Check(name_of(p, root/'nbs'), check_page, (p, flags)) for p in nbs]
    checks += [Check(name_of(p, root), check_script, (p, flags)) for p in scripts()]
    checks.append(Check('tests/fuzz', check_broken_files, (flags,)))
    checks.append(Check('training by papermill', check_training, (tmp,)))
    site = [Check('documentation', check_site, (tmp,)), Check('readme', check_readme, (tmp,)),
            Check('pages in Chromium', check_browser, (tmp,))]
    return [*([c] for c in checks), site]

# Running

class Result(NamedTuple):
    "The outcome of a check"
    name:str
    passed:bool # None = skipped
    seconds:float # CPU seconds; 0 = not counted

def timed(check):
    "Run a check and print its line"
    start = time.time()
    work.seconds = 0
    word,text,passed = 'ok','',True
    try: text = check.run(*check.args) or ''
    except Skipped as e: word,text,passed = 'skip',str(e),None
    except Failed as e: word,text,passed = 'FAIL',str(e),False
    except Exception as e: word,text,passed = 'FAIL',f'{type(e).__name__}: {e}',False
    print(f'{word:5}{check.name:34}{time.time()-start:6.1f} s{work.seconds:8.1f} s of work', flush=True)
    if text: print(text, flush=True)
    return Result(check.name, passed, work.seconds)

def in_turn(job):
    "Run the checks of a job one after another"
    return [timed(check) for check in job]

def longest_first(jobs, seconds):
    "Sort jobs by their stored CPU seconds, the longest first; a job without stored seconds counts as the longest"
    def took(job): return sum(seconds.get(check.name, hang) for check in job)
    return sorted(jobs, key=took, reverse=True)

def together(jobs):
    "Run jobs side by side; when this program ends, end their processes too"
    pool = ThreadPoolExecutor(workers)
    try: return [r for f in as_completed([pool.submit(in_turn, job) for job in jobs]) for r in f.result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for pid in list(running): kill(pid)

def copy_tree(tmp):
    "Copy the files that git tracks or would add, as they are now"
    listed = subprocess.run(['git', 'ls-files', '-coz', '--exclude-standard'], cwd=root, capture_output=True, text=True,
                            check=True).stdout
    for p in (Path(o) for o in listed.split('\0') if o and (root/o).is_file()):
        (tmp/p).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root/p, tmp/p)

def folder_in_memory():
    "Find a folder in memory with room for the temporary files of all checks; None = the usual folder"
    shm = Path('/dev/shm')
    if 'TMPDIR' in os.environ or not shm.is_dir() or shutil.disk_usage(shm).free < room_in_memory: return None
    return str(shm)

def environment():
    "Set the environment variables of all checks; return True if there is real data"
    os.environ['PATH'] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    real = os.environ.get('GAPFILL_REAL_DATA')
    if real and not (root/real).is_dir():
        sys.exit(f'GAPFILL_REAL_DATA is {real}; there is no such folder. Name one, or unset it.')
    if real: os.environ['GAPFILL_REAL_DATA'] = str((root/real).resolve())
    return bool(real)

def use_temporary(folder):
    "Let all checks make their temporary files in a folder"
    os.environ['TMPDIR'] = tempfile.tempdir = str(folder)

def n_real(nb):
    "Count the cells of a notebook that need real data"
    cells = json.loads(nb.read_text(encoding='utf8'))['cells']
    return sum(c['cell_type']=='code' and 'GAPFILL_REAL_DATA' in ''.join(c['source']) for c in cells)

def warn_of_old_tables():
    "Print a line for each stored table that is older than its code, and return their number"
    old,unknown = old_tables(root)
    for line in old: print(f'warn {line}')
    for line in unknown: print(f'     {line}')
    return len(old)

def report(results, cells_skipped, n_old):
    "Print the counts"
    passed = [r.passed for r in results]
    if cells_skipped: print(f'GAPFILL_REAL_DATA is not set; cells skipped: {cells_skipped}')
    counts = {'passed': passed.count(True), 'failed': passed.count(False), 'skipped': cells_skipped+passed.count(None),
              'old tables': n_old}
    print(', '.join(f'{n} {what}' for what,n in counts.items() if n or what in ('passed','failed')))

def stored_seconds():
    "Read the stored CPU seconds of each check"
    return json.loads(seconds_file.read_text(encoding='utf8')) if seconds_file.exists() else {}

def store_seconds_of(results):
    "Store the CPU seconds of each check"
    seconds = {r.name: round(r.seconds) for r in sorted(results, key=lambda r: -r.seconds)}
    seconds_file.write_text(json.dumps(seconds, indent=1)+'\n', encoding='utf8')

@call_parse
def main(
    flags:str='', # run cells with these flags too, such as slow
    store_seconds:bool=False # store the CPU seconds of each check, by which the next run is ordered
):
    "Test the notebooks, experiments and tools, and check that all files made from the notebooks are up to date"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    real = environment()
    nbs = notebooks(root/'nbs')
    with tempfile.TemporaryDirectory(dir=folder_in_memory(), ignore_cleanup_errors=True) as d:
        use_temporary(d)
        tmp = Path(d)/'checkout'
        copy_tree(tmp)
        results = in_turn(first_checks(tmp))
        results += together(longest_first(all_jobs(tmp, nbs, flags), stored_seconds()))
    n_old = warn_of_old_tables()
    report(results, 0 if real else sum(map(n_real, nbs)), n_old)
    if store_seconds: store_seconds_of(results)
    sys.exit(any(r.passed is False for r in results))
