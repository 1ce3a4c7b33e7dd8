"Run a program in a process forked from this one, which has imported everything already"
import contextvars, gc, importlib, os, pkgutil, resource, select, signal, socket, sys, tempfile, time, traceback
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')
os.environ['GDAL_HTTP_TIMEOUT'] = os.environ['GDAL_HTTP_CONNECTTIMEOUT'] = '3'
cpu_limit = 20 # seconds of work; the slowest undamaged case takes 3
idle_limit = 4 # seconds in which every thread sleeps and none works
memory_limit = 3<<30 # bytes above what the parent has

class Ended(NamedTuple):
    "How a program ended"
    status:int # exit status, negative = of a signal
    out:str # what it printed
    err:str # what it printed to stderr
    hang:str='' # why it was stopped
    asked:bool=False # it asked the network
    seconds:float=0. # of work

def warm():
    "Import the package and what it may import later, so that a child need not"
    import torch
    torch.set_num_threads(1)
    import gapfill_baseline
    for m in pkgutil.walk_packages(gapfill_baseline.__path__, 'gapfill_baseline.'): importlib.import_module(m.name)
    for name in ('xarray','h5netcdf','zarr','netCDF4'):
        try: importlib.import_module(name)
        except ImportError: pass
    gc.collect()
    gc.freeze() # what is here stays shared with the children

class Network:
    "A port of this machine that notices whether anybody asks for something"
    def __init__(self):
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
    def asked(self):
        "Hang up on whoever has called; returns whether somebody had"
        there = False
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.accept()[0].close()
            there = True
        return there

def console(program):
    "Do what the installed script of `program` does"
    text = f"import sys\nfrom gapfill_baseline.cli import {program}\nsys.exit({program}())"
    name = f'/{program}'
    code = compile(text, name, 'exec')
    contextvars.Context().run(exec, code,
        dict(__name__='__main__', __file__=name)) # a command that runs this one is not seen

def _status(call):
    "Call `call` as Python calls a script; returns its exit status"
    try: call()
    except SystemExit as e:
        if isinstance(e.code, str): print(e.code, file=sys.stderr)
        return e.code if isinstance(e.code, int) else int(e.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

def _limit():
    "Limit the memory and the work of this process"
    used = int(Path('/proc/self/statm').read_text().split()[0])*resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used+memory_limit,)*2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit, cpu_limit+5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

def _be(command, folder, files, call):
    "Be the child: leave the parent's files alone, run, end"
    os.setsid()
    for fd,f in enumerate((os.open(os.devnull, os.O_RDONLY), *files)): os.dup2(f, fd)
    sys.stdin,sys.stdout,sys.stderr = (os.fdopen(fd, mode, closefd=False) for fd,mode in ((0,'r'),(1,'w'),(2,'w')))
    os.chdir(folder)
    sys.path[:] = [p for p in sys.path if p not in ('', str(folder))]
    _limit()
    sys.argv = [str(a) for a in command]
    status = _status(call or (lambda: console(sys.argv[0])))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 255)

def _threads(pid):
    "State of each thread of a process, and the work of all, in ticks"
    states,ticks = [],0
    for p in Path(f'/proc/{pid}/task').iterdir():
        try: fields = (p/'stat').read_text().rsplit(')', 1)[1].split()
        except OSError: continue
        states.append(fields[0])
        ticks += int(fields[11])+int(fields[12])
    return states,ticks

class _Watch:
    "Says why a process should be stopped"
    def __init__(self, pid):
        self.pid,self.ticks,self.since,self.start = pid,-1,time.time(),time.time()
    def __call__(self):
        if not Path('/proc/self/task').exists(): return 'no end' if time.time()-self.start > 120 else ''
        states,ticks = _threads(self.pid)
        if ticks!=self.ticks or any(s not in 'SZ' for s in states): self.ticks,self.since = ticks,time.time()
        return f'asleep for {idle_limit} s' if time.time()-self.since > idle_limit else ''

def _wait(pid, network):
    "Wait for a process, or stop it; returns status, why it was stopped, whether it asked the network, seconds"
    watch,asked,pause = _Watch(pid),False,.002
    while True:
        done,status,used = os.wait4(pid, os.WNOHANG)
        asked |= bool(network and network.asked())
        if done: break
        if why := watch():
            os.killpg(pid, signal.SIGKILL)
            used = os.wait4(pid, 0)[2]
            return -signal.SIGKILL,why,asked,used.ru_utime+used.ru_stime
        time.sleep(pause)
        pause = min(pause*1.2, .05)
    code = os.waitstatus_to_exitcode(status)
    long = f'more than {cpu_limit} s of work' if code in (-signal.SIGXCPU, -signal.SIGKILL) else ''
    return code,long,asked,used.ru_utime+used.ru_stime

def run(
    command, # name of the program and its arguments
    folder, # where it runs
    network=None, # `Network` that it may ask
    call=None # function to run in place of the program
)->Ended:
    "Run a program to its end, or stop it where it hangs"
    sys.stdout.flush()
    sys.stderr.flush()
    files = [tempfile.TemporaryFile() for _ in range(2)]
    pid = os.fork()
    if not pid:
        try: _be(command, folder, [f.fileno() for f in files], call)
        finally: os._exit(99)
    end = _wait(pid, network)
    try: os.killpg(pid, signal.SIGKILL) # what it started and left
    except (ProcessLookupError, PermissionError): pass
    text = []
    for f in files:
        f.seek(0)
        text.append(f.read(1<<22).decode(errors='replace'))
        f.close()
    return Ended(end[0], *text, *end[1:])
