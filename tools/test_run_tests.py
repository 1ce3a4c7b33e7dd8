"Test run_tests.py and forked.py on small pages, scripts and checks: `python tools/test_run_tests.py`"
import os
import signal
import sys
import tempfile
import time
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path

from execnb.nbio import new_nb, write_nb
from fastcore.test import *

import forked
from run_tests import *

def page(path, *sources):
    "Write a notebook and return its check"
    nb = new_nb(sources)
    nb.metadata = dict(kernelspec=dict(name='python3', display_name='python3', language='python'))
    write_nb(nb, path)
    return Check(path.stem, check_page, (path, ''))

def program(path, source):
    "Write a script and return its check"
    path.write_text(source)
    return Check(path.stem, check_script, (path, ''))

def failure(check):
    "Return why a check fails; empty = it passes"
    try: check.run(*check.args)
    except Failed as e: return str(e)
    return ''

def lines(run, *args):
    "Return the result of a function, and what it printed"
    with redirect_stdout(StringIO()) as out: result = run(*args)
    return result,out.getvalue()

def wait_for(is_done, most=600):
    "Wait until something has happened; fail where it never does, after far more seconds than a busy machine takes"
    end = time.monotonic()+most
    while not is_done():
        assert time.monotonic() < end, 'it did not happen'
        time.sleep(.01)

def ended(pid):
    "Check whether a process has ended, also where nobody has asked for its exit status yet"
    try: return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] == 'Z'
    except (FileNotFoundError, ProcessLookupError): return True

sleeper = '''import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen(['sleep', '10000'])
print('before it hangs', flush=True)
Path(sys.argv[0]).with_suffix('.part').write_text(str(child.pid))
Path(sys.argv[0]).with_suffix('.part').rename(Path(sys.argv[0]).with_suffix('.pid'))
time.sleep(10000)
'''

def start_sleeper(started, start, args, cwd, stdout):
    "Start a script that hangs, and return when it does"
    p = start(args, cwd, stdout)
    wait_for(started.exists)
    return p

def test_outcomes(tmp):
    "A page passes where it comes to its end; an error, a crash and an early end are failures that show the output"
    test_eq(failure(page(tmp/'fine.ipynb', 'x = 1', 'assert x')), '')
    text = failure(page(tmp/'wrong.ipynb', 'print("seen")', 'hidden = 1/0'))
    for part in ('ZeroDivisionError', 'hidden = 1/0', 'exit status 1'): assert part in text, (part, text)
    crash = failure(page(tmp/'crash.ipynb', 'import os, signal', 'os.kill(os.getpid(), signal.SIGSEGV)'))
    assert f'exit status {-signal.SIGSEGV}' in crash, crash
    for status in (0, 3):
        assert failure(page(tmp/'early.ipynb', 'import os', f'os._exit({status})', '1/0')), status
    text = failure(program(tmp/'script.py', 'import sys\nprint("seen")\nsys.exit("wrong")'))
    for part in ('seen', 'wrong', 'exit status 1'): assert part in text, (part, text)

def test_isolation(tmp):
    "A page sees nothing that another has imported or changed"
    (tmp/'only_once.py').write_text('x = 1\n')
    changes = ('import os, random, sys, matplotlib, torch, pandas', f'sys.path.append("{tmp}")', 'import only_once',
               'os.environ["GAPFILL_CHANGED"] = "1"', 'os.chdir("/")', 'torch.set_default_dtype(torch.float64)',
               'matplotlib.rcParams["lines.linewidth"] = 77', 'pandas.changed = True')
    test_eq(failure(page(tmp/'first.ipynb', *changes)), '')
    asked = ('import os, sys, matplotlib, torch, pandas', 'assert "only_once" not in sys.modules',
             f'assert "{tmp}" not in sys.path[1:]', 'assert "GAPFILL_CHANGED" not in os.environ',
             f'assert os.getcwd() == "{tmp.resolve()}"', 'assert torch.get_default_dtype() == torch.float32',
             'assert matplotlib.rcParams["lines.linewidth"] != 77', 'assert not hasattr(pandas, "changed")')
    test_eq(failure(page(tmp/'second.ipynb', *asked)), '')

def test_start(tmp):
    "A script starts as by a command: its own session, folder, name and arguments; one thread; the package not imported"
    source = f'''import os, sys, threading
    assert __name__ == '__main__' and __file__ == sys.argv[0], __file__
    assert sys.argv[1:] == ['slow', '2'] and sys.path[0] == '{tmp.resolve()}', sys.path
    assert os.getpid() == os.getpgrp() == os.getsid(0) and os.getcwd() == '{tmp.resolve()}'
    assert sys.stdin.read() == '' and 'torch' in sys.modules
    assert not [name for name in sys.modules if name.startswith('gapfill_baseline')]
    assert threading.active_count() == len(os.listdir('/proc/self/task')) == 1
    assert len(os.listdir('/proc/self/fd')) == 4, os.listdir('/proc/self/fd')'''
    path = tmp/'start.py'
    path.write_text(source.replace('\n    ', '\n'))
    test_eq(output_of(forked_process, (path, 'slow', 2), tmp), '')

def test_hang(tmp):
    "A script that hangs is killed with all that it started, and what it printed is shown"
    for start in (forked_process, own_process):
        path,started = tmp/'hang.py',tmp/'hang.pid'
        path.write_text(sleeper)
        args = (path,) if start is forked_process else (sys.executable, path)
        with expect_fail(Failed, 'before it hangs\nstopped after 0.1 s'):
            output_of(partial(start_sleeper, started, start), args, tmp, limit=.1)
        wait_for(partial(ended, int(started.read_text())))
        started.unlink()
    assert not running, running

def test_interrupt(tmp):
    "Whatever ends the checks also ends what they started"
    path,started = tmp/'long.py',tmp/'long.pid'
    path.write_text(sleeper)
    def interrupt():
        wait_for(started.exists)
        raise KeyboardInterrupt
    with expect_fail(KeyboardInterrupt):
        lines(together, [[Check('long', check_script, (path, ''))], [Check('interrupt', interrupt)]])
    wait_for(partial(ended, int(started.read_text())))
    wait_for(lambda: not running)

def test_lines():
    "Each check prints a line and its text, in any outcome; a job keeps its order, and the longest job comes first"
    def fails(): raise Failed('because')
    def skips(): raise Skipped('no browser')
    def breaks(): return 1/0
    job = [Check('a', lambda: 'a note'), Check('b', fails), Check('c', skips), Check('d', breaks), Check('e', print)]
    results,text = lines(together, [job])
    test_eq([(r.name, r.passed) for r in results], [('a',True), ('b',False), ('c',None), ('d',False), ('e',True)])
    for part in ('ok   a ', 'a note', 'FAIL b ', 'because', 'skip c ', 'no browser', 'ZeroDivisionError', 'ok   e '):
        assert part in text, (part, text)
    test_eq(lines(report, results, 0, 0)[1], '2 passed, 2 failed, 1 skipped\n')
    test_eq(lines(report, results[:1], 5, 2)[1].splitlines()[-1], '1 passed, 0 failed, 5 skipped, 2 old tables')
    jobs = [[Check('short', print)], [Check('long', print)], [Check('part', print), Check('whole', print)],
            [Check('new', print)]]
    order = longest_first(jobs, dict(short=1, long=50, part=30, whole=30))
    test_eq([job[0].name for job in order], ['new', 'part', 'long', 'short'])

def test_all_checks(tmp):
    "Every page and every script of tests is a check, and the browser comes after the site"
    jobs = all_jobs(tmp, notebooks(root/'nbs'), '')
    names = [check.name for job in jobs for check in job]
    test_eq(len(names), len(set(names)))
    pages = {name_of(p, root/'nbs') for p in (root/'nbs').rglob('[!.]*.ipynb') if '.ipynb_checkpoints' not in str(p)}
    missing = (pages | {'tools/test_run_tests', 'tests/fuzz'}) - set(names)
    test_eq(missing, set())
    assert names.index('documentation') < names.index('pages in Chromium')

def test_end_of_server(tmp):
    "A check fails where the process that scripts are forked from has ended; it does not wait for ever"
    server = forked.ForkServer()
    os.killpg(server._process.pid, signal.SIGKILL)
    server._process.wait()
    path = tmp/'start.py'
    path.write_text('')
    with expect_fail((RuntimeError, BrokenPipeError, ConnectionError)): output_of(server.start, (path,), tmp)

if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d)
        for test in (test_outcomes, test_isolation, test_start, test_hang, test_interrupt, test_all_checks):
            if sys.platform == 'linux' or test is not test_start: test(tmp)
        test_end_of_server(tmp)
    test_lines()
    if sys.platform == 'linux': fork_server().close()
