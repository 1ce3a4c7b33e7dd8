"Open every page of the built site in headless Chromium; a line for each page with a console error or a missing image"
import sys, tempfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from threading import Thread
from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
names = 'chromium', 'chromium-browser', 'google-chrome'
flags = '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' # this site alone is opened
undrawn = """async () => { const all = [...document.images]
  all.forEach(i => i.loading = 'eager'); await Promise.all(all.map(i => i.decode().catch(() => 0)))
  return all.filter(i => !i.naturalWidth).map(i => i.src) }"""

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        if self.path != '/favicon.ico': return super().do_GET() # browsers ask for it unasked
        self.send_response(204); self.end_headers()

@contextmanager
def served(site):
    "Address of a folder on this machine"
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try: yield f'http://127.0.0.1:{server.server_port}/'
        finally: server.shutdown()

def look(
    browser, # of playwright
    home:str, # address of the site
    name:str # of the page
)->list: # what is wrong with it
    "Open one page and listen"
    tab,out = browser.new_page(),[]
    ours = lambda url: url.startswith((home, 'data:', 'blob:')) or not url
    tab.on('pageerror', lambda e: out.append(f'uncaught {e}'))
    tab.on('console', lambda m: m.type=='error' and (ours(m.location['url']) or not m.text.startswith('Failed to load resource')) and out.append(m.text))
    tab.goto(home+name, wait_until='load')
    tab.wait_for_timeout(50)
    out += [f'no image {src[:80]}' for src in tab.evaluate(undrawn) if ours(src)]
    tab.close()
    return [f'{name}: {o}' for o in out]

def browse(
    site:Path # folder of the built site
)->list: # `page: what`; None = nothing to browse with
    "What Chromium complains about"
    try: from playwright.sync_api import sync_playwright
    except ImportError: return None
    if not (exe := next(filter(None, map(which, names)), None)): return None
    pages = sorted(str(p.relative_to(site)) for p in Path(site).rglob('*.html'))
    if not pages: return [f'{site}: there is no page']
    with served(site) as home, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=exe, args=flags)
        out = [o for name in pages for o in look(browser, home, name)]
        browser.close()
        return out

bad = {'image': '<img src="gone.png">', 'undecodable': '<img src="data:image/png;base64,AAAA">', 'thrown': '<script>nothing()</script>', 'late': '<script>setTimeout(() => nothing(), 10)</script>',
       'logged': '<script>console.error("x")</script>', 'script': '<script src="gone.js"></script>'}
good = {'index': '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">', 'elsewhere': '<img src="https://example.org/a.png"><script src="https://example.org/a.js"></script>'}

def unnoticed():
    "Pages made for it that should be complained about and are not, or the other way round; None = nothing to browse with"
    with tempfile.TemporaryDirectory() as d:
        for name,text in (bad | good).items(): (Path(d)/f'{name}.html').write_text(f'<!doctype html><title>x</title>{text}')
        if (out := browse(d)) is None: return None
    said = {o.split('.html')[0] for o in out}
    return [f'{n}.html: {"not noticed" if n in bad else "wrongly blamed"}' for n in sorted(said ^ set(bad))]

@call_parse
def main(
    site:Path=root/'_docs', # folder of the built site
    self_test:bool=False # open pages made to be complained about instead
):
    "Open the documentation site in Chromium"
    out = unnoticed() if self_test else browse(site)
    if out is None: return print('skipped: no Chromium')
    print(*out, sep='\n', end='\n' if out else '')
    sys.exit(bool(out))
