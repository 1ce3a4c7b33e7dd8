"""Start Python scripts in processes forked from one that has imported the heavy libraries already.

A script then starts in some milliseconds instead of seconds. It has a session, a folder, arguments and output of its
own, and ends like a process of its own. No other script sees its imports and changes. The process that is forked
imports libraries only, and nothing of the package. Other commands can be started in the same way. The CPU seconds of
scripts and commands are counted."""
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock

libraries = ('torch', 'torch.utils.data', 'accelerate', 'pandas', 'matplotlib.pyplot',
             'matplotlib_inline.backend_inline', 'rasterio', 'seaborn', 'xarray', 'zarr', 'h5netcdf', 'torchmetrics',
             'nbdev.test', 'execnb.shell')

class Forked:
    "A process that runs; its methods are those of `subprocess.Popen`"
    def __init__(
        self,
        replies:socket.socket # gives two lines: the number of the process; its exit status and CPU seconds
    ):
        self._replies,self._received = replies,b''
        self.pid = int(self._line())
        self.work = None # CPU seconds, known after the end

    def _line(self, timeout=None):
        "Read the next line"
        self._replies.settimeout(timeout)
        while b'\n' not in self._received:
            more = self._replies.recv(64)
            if not more: raise RuntimeError('the process that scripts are forked from has ended')
            self._received += more
        line,_,self._received = self._received.partition(b'\n')
        return line

    def wait(
        self,
        timeout:float=None # seconds; None = no limit
    )->int: # exit status; -n = killed by signal n
        "Wait for the end of the process"
        try: status,work = self._line(timeout).split()
        except TimeoutError: raise subprocess.TimeoutExpired(f'process {self.pid}', timeout) from None
        self.work = float(work)
        return int(status)

class ForkServer:
    "A process that has imported the heavy libraries, and forks itself for each script"
    def __init__(self):
        self._control,theirs = socket.socketpair()
        self._one_at_a_time = Lock()
        command = [sys.executable, __file__, str(theirs.fileno())]
        alone = os.environ | dict(OMP_NUM_THREADS='1') # no thread must run where a process forks
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=alone, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, start_new_session=True)
        theirs.close()

    def start(
        self,
        args:list, # path of the script, or of another program, and its arguments
        cwd:Path, # folder in which it runs
        stdout, # open file for its output, errors included
        is_script:bool=True # True for a Python script, which need not import the libraries again
    )->Forked:
        "Start a script or another program"
        ours,theirs = socket.socketpair()
        request = json.dumps(dict(args=[str(a) for a in args], cwd=str(cwd), is_script=is_script)).encode()
        with theirs, self._one_at_a_time:
            socket.send_fds(self._control, [request], [theirs.fileno(), stdout.fileno()])
            theirs.close() # or the end of the script would not be noticed
            return Forked(ours)

    def close(self):
        "End the process that scripts are forked from"
        self._control.close()
        self._process.wait()

def prepare(args, cwd, is_script, replies, out):
    "Turn this process into that of a script, or run another program in it"
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd,file in enumerate((nothing, out, out)): os.dup2(file, fd)
    os.close(nothing)
    os.close(out)
    os.chdir(cwd)
    sys.argv[:] = args
    sys.path[0] = str(Path(args[0]).resolve().parent)
    os.write(replies, f'{os.getpid()}\n'.encode())
    os.close(replies)
    if not is_script: os.execvp(args[0], args)

def fork_and_wait(replies, out, **request):
    "Fork a script, and reply with its exit status; in the process of the script, return the path of its file"
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        prepare(**request, replies=replies, out=out)
        return request['args'][0]
    os.close(out)
    _,status,used = os.wait4(pid, 0)
    reply = f'{os.waitstatus_to_exitcode(status)} {used.ru_utime+used.ru_stime:.2f}\n'
    with suppress(BrokenPipeError): os.write(replies, reply.encode()) # unless nobody waits any longer
    os._exit(0)

def serve(
    control:socket.socket # on which the requests come
)->str: # path of a script; None = there are no more requests
    "Fork this process for each request; return in the process of each script, and at the end"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN) # processes that wait for scripts are not themselves waited for
    while True:
        request,files,*_ = socket.recv_fds(control, 1<<20, 2)
        if not request: return None
        if not os.fork():
            control.close()
            return fork_and_wait(*files, **json.loads(request))
        for fd in files: os.close(fd)

def main(control):
    "Import the libraries, then serve requests; in the process of a script, run it"
    for name in libraries: importlib.import_module(name)
    gc.collect()
    gc.freeze() # this memory stays shared
    script = serve(socket.socket(fileno=control))
    if script: runpy.run_path(script, run_name='__main__')

if __name__ == '__main__': main(int(sys.argv[1]))
