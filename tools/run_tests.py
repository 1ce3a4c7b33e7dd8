"Everything that must pass, a line each; the last line counts what passed, failed, was skipped, and old tables"
import csv, json, os, signal, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor, as_completed
from filecmp import cmp
from pathlib import Path
from shutil import copy2
from fastcore.script import call_parse
from check_site import notebooks
from stored_tables import old_tables

root = Path(__file__).resolve().parent.parent
bin = Path(sys.executable).parent
hang = 3600 # seconds after which something hangs; far more than a busy machine takes
workers = min(4, os.cpu_count()) # pages run on one thread each
running = set()

class Failed(Exception): "Its text says what failed"
class Skipped(Exception): "Its text says what is not here"

def sh(*args, cwd=root):
    "Run a command in a process group of its own, so that what it started ends with it; returns what it printed, and `Failed` shows it"
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen([str(a) for a in args], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        running.add(p)
        try: why = f'exit status {status}' if (status := p.wait(hang)) else ''
        except subprocess.TimeoutExpired: why = f'stopped after {hang} s: it hangs'
        kill(p)
        running.discard(p)
        out.seek(0)
        text = out.read().decode(errors='replace').rstrip()
    if why: raise Failed(f"{text}\n{why}")
    return text

def kill(p):
    try: os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError: pass

def differing(a, b, glob):
    "Names that match `glob` and are not the same file in both folders"
    names = {p.relative_to(d) for d in (a,b) for p in d.glob(glob)}
    return sorted(str(n) for n in names if not ((a/n).exists() and (b/n).exists() and cmp(a/n, b/n, shallow=False)))

def same(a, b, glob, way_out):
    if diff := differing(a, b, glob): raise Failed(f"{', '.join(diff)}: {way_out}")

def check_export(tmp):
    for p in (tmp/'gapfill_baseline').rglob('*.py'): p.unlink()
    sh(bin/'nbdev_export', cwd=tmp)
    same(root, tmp, 'gapfill_baseline/**/*.py', 'not what the notebooks export. Run make clean; delete a module that no notebook makes.')

def check_imports(tmp):
    sh(sys.executable, tmp/'tools/import_graph.py', '--package', tmp/'gapfill_baseline')

def check_clean(tmp):
    sh(bin/'nbdev_clean', cwd=tmp)
    same(root, tmp, 'nbs/**/[!._]*.ipynb', 'not clean. Run nbdev_clean.')

def check_page(page, flags):
    "Run a notebook and compare its stored outputs; returns what it does not compare here"
    return sh(sys.executable, root/'tools/run_page.py', page, '--flags', flags)

def check_script(script, *flags): sh(sys.executable, script, *flags)

def check_outputs(tmp):
    sh(sys.executable, tmp/'tools/output_faults.py')

def check_pages(tmp):
    sh(sys.executable, tmp/'tools/docs.py', cwd=tmp)
    same(root, tmp, 'nbs/sidebar.yml', 'does not list the notebooks. Run make clean.')
    for tool in ('check_site.py', 'finish_site.py'): sh(sys.executable, tmp/'tools'/tool, '--self_test')

def check_browser(tmp):
    "Pages made to be complained about, then the site that `check_pages` has built"
    for args in (['--self_test'], ['--site', tmp/'_docs']):
        if (text := sh(sys.executable, tmp/'tools/browse_site.py', *args)).startswith('skipped: '): raise Skipped(text)

def check_readme(tmp):
    sh(sys.executable, tmp/'tools/readme.py', cwd=tmp)
    for glob in ('README.md', 'nbs/images/index_*'): same(root, tmp, glob, 'not made from nbs/index.ipynb. Run make readme.')

def check_training(tmp):
    "A small run by papermill gives the history of the same run by command, and refuses a name that is no option"
    data,runs = tmp/'smoke_data',tmp/'runs'
    sh(bin/'gapfill_sample', data, '--n_train', 8, '--n_validate', 4, '--n_masks', 8, '--size', 32)
    params = dict(dataroot=data, out_dir=runs, epochs=2, batch_size=4, model_cap=4, device='cpu')
    notebook = bin/'papermill', root/'nbs/06_training.ipynb', tmp/'smoke.ipynb', '-k', 'python3', '--cwd', root/'nbs', '--no-progress-bar'
    sh(*notebook, *(a for k,v in dict(params, job_id='notebook').items() for a in ('-p', k, v)))
    sh(bin/'gapfill_train', *(a for k,v in dict(params, job_id='command').items() for a in (f'--{k}', v)))
    a,b = (history(runs/job) for job in ('notebook', 'command'))
    if a != b or len(a) != 2: raise Failed(f"papermill and gapfill_train give different histories:\n{a}\n{b}")
    try: sh(*notebook, '-p', 'epoch', 3)
    except Failed as e:
        if 'epoch is not a parameter of gapfill_train' not in str(e): raise
    else: raise Failed("papermill ran with the parameter 'epoch', which does not exist.")

def history(run):
    "Rows of a run's history, without the clock"
    with (run/'history.csv').open(newline='') as f: return [{k: v for k,v in r.items() if k not in ('seconds','chips_per_second')} for r in csv.DictReader(f)]

def timed(name, f, *args):
    "Print a line; returns whether it passed, None where it was skipped"
    start = time.time()
    say,text,done = 'ok','',True
    try: text = f(*args) or ''
    except Skipped as e: say,text,done = 'skip',str(e),None
    except Exception as e: say,text,done = 'FAIL',str(e) if isinstance(e, Failed) else f'{type(e).__name__}: {e}',False
    print(f"{say:5}{name:30}{time.time()-start:6.1f} s", flush=True)
    if text: print(text, flush=True)
    return done

def copy_tree(tmp):
    "What git knows or would add, as it lies here now"
    names = subprocess.run(['git', 'ls-files', '-coz', '--exclude-standard'], cwd=root, capture_output=True, text=True, check=True).stdout
    for p in (Path(o) for o in names.split('\0') if o and (root/o).is_file()):
        (tmp/p).parent.mkdir(parents=True, exist_ok=True)
        copy2(root/p, tmp/p)

def scripts():
    "Scripts that test the experiments and these tools, which are no part of the package"
    return [p for glob in ('experiments/*/test_*.py', 'tools/test_*.py') for p in sorted(root.glob(glob))]

def warn_of_old_tables():
    "Print a line for each stored table that is older than its code; returns their number"
    old,unknown = old_tables(root)
    for line in old: print(f'warn {line}')
    for line in unknown: print(f'     {line}')
    return len(old)

def broken_files(flags):
    "Break a tenth of what the readers read, or with slow cells all of it"
    sh(sys.executable, root/'tests/test_fuzz.py')
    sh(sys.executable, root/'tests/fuzz.py', '--share', 1 if 'slow' in flags.split() else .1)

def n_real(nb):
    "Cells of a notebook that want real data"
    cells = json.loads(nb.read_text(encoding='utf8'))['cells']
    return sum(c['cell_type']=='code' and 'GAPFILL_REAL_DATA' in ''.join(c['source']) for c in cells)

def environment():
    "This Python's programs come first, the cores are shared out; returns whether there is real data"
    os.environ['PATH'] = f"{bin}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, os.cpu_count()//workers)))
    real = os.environ.get('GAPFILL_REAL_DATA')
    if real and not (root/real).is_dir(): sys.exit(f"GAPFILL_REAL_DATA is {real}; there is no such folder. Name one, or unset it.")
    if real: os.environ['GAPFILL_REAL_DATA'] = str((root/real).resolve())
    return bool(real)

def together(checks):
    "Run `checks` side by side; whatever ends this program also ends what they started"
    pool = ThreadPoolExecutor(workers)
    try: return [f.result() for f in as_completed([pool.submit(timed, *c) for c in checks])]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for p in list(running): kill(p)

@call_parse
def main(
    flags:str='' # run cells with these flags too, such as slow
):
    "Test the notebooks and experiments, and that all that is made from the notebooks is up to date"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    real = environment()
    nbs = notebooks(root/'nbs')
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d)
        copy_tree(tmp)
        first = (('modules match notebooks', check_export), ('notebooks are clean', check_clean),
                 ('imports run one way', check_imports), ('stored outputs can be shown', check_outputs))
        done = [timed(*c, tmp) for c in first]
        checks = [(p.relative_to(root/'nbs').with_suffix('').as_posix(), check_page, p, flags) for p in reversed(nbs)]
        checks += [(p.relative_to(root).with_suffix('').as_posix(), check_script, p, *flags.split()) for p in scripts()]
        checks += [('tests/fuzz', broken_files, flags), ('documentation', check_pages, tmp)]
        if (root/'nbs/index.ipynb').exists(): checks.append(('readme', check_readme, tmp))
        if (root/'nbs/06_training.ipynb').exists(): checks.insert(0, ('training by papermill', check_training, tmp))
        done += together(checks)
        done.append(timed('pages in Chromium', check_browser, tmp))
    n_old = warn_of_old_tables()
    cells = 0 if real else sum(map(n_real, nbs))
    if cells: print(f'GAPFILL_REAL_DATA is not set; cells skipped: {cells}')
    counts = {'passed': done.count(True), 'failed': done.count(False), 'skipped': cells+done.count(None), 'old tables': n_old}
    print(', '.join(f'{n} {what}' for what,n in counts.items() if n or what in ('passed','failed')))
    sys.exit(False in done)
