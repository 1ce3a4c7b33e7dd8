"""Open every page of the built site in headless Chromium; a line for each page with a console error or a missing image,
and for each page that scrolls sideways on a phone"""
import sys
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from threading import Thread
from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
names = 'chromium', 'chromium-browser', 'google-chrome'
this_site_alone = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'
flags = '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', this_site_alone
undrawn = """async () => {
  await new Promise(done => setTimeout(done, 50)) // after all shorter timers of the page
  const all = [...document.images]
  all.forEach(i => i.loading = 'eager')
  await Promise.all(all.map(i => i.decode().catch(() => 0)))
  return all.filter(i => !i.naturalWidth).map(i => i.src) }"""

phone = dict(width=390, height=844)
wider = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        if self.path != '/favicon.ico': return super().do_GET() # browsers ask for it unasked
        self.send_response(204)
        self.end_headers()

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
    def hear(m):
        elsewhere = m.text.startswith('Failed to load resource') and not ours(m.location['url'])
        if m.type=='error' and not elsewhere: out.append(m.text)
    tab.on('console', hear)
    tab.goto(home+name, wait_until='load')
    out += [f'no image {src[:80]}' for src in tab.evaluate(undrawn) if ours(src)]
    tab.set_viewport_size(phone)
    if (excess := tab.evaluate(wider)) > 0:
        out.append(f"scrolls sideways on a phone, by {excess} of {phone['width']} pixels")
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

bad = {'image': '<img src="gone.png">', 'undecodable': '<img src="data:image/png;base64,AAAA">',
       'script': '<script src="gone.js"></script>', 'late': '<script>setTimeout(() => nothing(), 10)</script>',
       'logged': '<script>console.error("x")</script>', 'wide': '<div style="width:391px; margin:0">x</div>',
       'wide_table': '<table><tr><td style="min-width:500px">x</td></tr></table>'}
good = {'index': '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="><img src="https://example.org/a.png">',
        'boxed': '<div style="overflow-x:auto"><table><tr><td style="min-width:500px">x</td></tr></table></div>'}

def unnoticed():
    "Pages made for it that are noticed wrongly or not at all; None = nothing to browse with"
    with TemporaryDirectory() as d:
        for name,text in (bad | good).items(): (Path(d)/f'{name}.html').write_text(f'<!doctype html><title>x</title>{text}')
        if (out := browse(d)) is None: return None
    return sorted({o.split('.html')[0] for o in out} ^ set(bad))

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
