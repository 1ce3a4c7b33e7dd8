"""A web host on this computer, for the tests of what is downloaded: nothing that needs the internet can be tested
without it.

It answers as the real hosts are documented to: it gives files with ranges (RFC 9110, section 14), lists them as S3
does, asks for a token, answers a STAC search, and breaks off where it is told to. Notebooks reach this file through the
folder of the checkout, `runpy.run_path(str(Path(gapfill_baseline.__file__).parents[1]/'tools/web_host.py'))`."""
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import rasterio
from rasterio.warp import transform_bounds

from gapfill_baseline.scenes.hls import parse_name

class StandIn(BaseHTTPRequestHandler):
    "Answer a request from the state of the server, see `serve`"
    protocol_version = 'HTTP/1.1'
    def log_message(self, *a): pass
    def do_HEAD(self): self.do_GET()
    def do_POST(self): self.find(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
    def do_GET(self):
        state,u = self.server.state,urlsplit(self.path)
        q = {k: v[0] for k,v in parse_qs(u.query).items()}
        state.seen.append((u.path, dict(self.headers)))
        time.sleep(state.wait)
        if 'list-type' in q: return self.listing(u.path.strip('/'), q)
        if u.path=='/stac': return self.catalog()
        if state.token and self.headers.get('Authorization')!=f'Bearer {state.token}': return self.turn_away()
        if state.moved: return self.send(b'', 302, Location=f'{state.moved}{u.path}?X-Signature=deadbeef')
        self.file(u.path)

    def send(self, body, code=200, cut=None, **headers):
        "Answer, or break off after `cut` bytes"
        self.send_response(code)
        for k,v in headers.items(): self.send_header(k.replace('_','-'), v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command!='HEAD': self.wfile.write(body[:cut])
        if cut is not None: self.close_connection = True

    def send_json(self, what, kind='application/json'): self.send(json.dumps(what).encode(), Content_Type=kind)

    def turn_away(self):
        "Ask for a login: with a status, or with a page for browsers"
        if self.server.state.page: return self.send(b'<html>log in</html>', Content_Type='text/html')
        self.send(b'', 403 if 'Authorization' in self.headers else 401)

    def file(self, path):
        "Give a file, or the rest of it"
        state,wanted = self.server.state,self.headers.get('Range')
        body = state.files.get(path)
        if body is None: return self.send(b'', 404)
        if isinstance(body, Path): body = body.read_bytes()
        cut = lambda: state.cut.pop(path, None)
        if not (wanted and state.ranges): return self.send(body, cut=cut())
        at = int(re.match(r'bytes=(\d+)-', wanted)[1])
        if at >= len(body): return self.send(b'', 416, Content_Range=f'bytes */{len(body)}')
        self.send(body[at:], 206, cut(), Content_Range=f'bytes {at}-{len(body)-1}/{len(body)}')

    def listing(self, account, q):
        "Give a page of an S3 listing, four files long"
        if account=='busy': return self.send(b'<html><p>come back later')
        files,n = self.server.state.files,int(q.get('continuation-token', 0))
        keys = sorted(k.removeprefix(f'/{account}/') for k in files if k.startswith(f"/{account}/{q['prefix']}"))
        rows = ''.join(self.listed(k, files[f'/{account}/{k}']) for k in keys[n:n+4])
        more = n+4 < len(keys)
        token = f'<NextContinuationToken>{n+4}</NextContinuationToken>'
        tail = f'<IsTruncated>{str(more).lower()}</IsTruncated>' + token*more
        head = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        self.send(f'{head}{rows}{tail}</ListBucketResult>'.encode(), Content_Type='application/xml')

    def listed(self, key, file):
        "The entry of a file in a listing"
        size = file.stat().st_size if isinstance(file, Path) else len(file)
        return f'<Contents><Key>{key}</Key><Size>{size}</Size><ETag>"{self.server.state.version}"</ETag></Contents>'

    def catalog(self):
        "Give the landing page of a STAC catalog"
        url,kind = f'{self.server.url}/stac','application/geo+json'
        link = lambda rel, path, **kw: dict(rel=rel, href=url+path, type=kind, **kw)
        links = [link('self', ''), link('root', ''), link('search', '/search', method='POST')]
        conforms = ['https://api.stacspec.org/v1.0.0/core','https://api.stacspec.org/v1.0.0/item-search']
        about = dict(type='Catalog', id='stand-in', stac_version='1.0.0', description='a stand-in')
        self.send_json(about | dict(links=links, conformsTo=conforms))

    def find(self, q):
        "Give a page of the items that a search finds, three items long"
        there = [i for i in self.server.state.stac if is_wanted(i, q)]
        at = int(q.get('token', 0))
        follow = dict(rel='next', href=f'{self.server.url}/stac/search', method='POST', body=q | dict(token=str(at+3)))
        links = [follow]*(at+3 < len(there))
        self.send_json(dict(type='FeatureCollection', features=there[at:at+3], links=links), 'application/geo+json')

def is_wanted(item, q):
    "Is an item of the collections, the dates and the box of a search?"
    first,last = q['datetime'].split('/')
    west,south,east,north = q['bbox']
    w,s,e,n = item['bbox'] or (-180,-90,180,90)
    on_time = item['collection'] in q['collections'] and first <= item['properties']['datetime'] <= last
    return on_time and west <= e and w <= east and south <= n and s <= north

class _Server(ThreadingHTTPServer):
    "Forget clients that go away"
    daemon_threads = True
    def handle_error(self, *a): pass

def serve(
    files:dict=None, # path in an address, such as /a/b.tif -> bytes, or a `Path`
    handler=StandIn, # answers the requests
    **state # replaces what `default` below says
): # a server with `url`, `state` and in it `seen`, the requests
    "Start a host on a free port of this computer"
    s = _Server(('127.0.0.1', 0), handler)
    s.url = f'http://127.0.0.1:{s.server_port}'
    default = dict(
        files=files or {},
        seen=[],
        token=None, # asked for
        page=False, # ask for a login with a page
        stac=[], # items
        cut={}, # path -> bytes after which it breaks off, once
        ranges=True, # are they understood?
        moved=None, # another host to send to
        wait=0, # seconds before an answer
        version='1') # of all files
    s.state = SimpleNamespace(**default | state)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s

def _item(folder, url):
    "The STAC item of a granule's folder"
    files = sorted(folder.glob('*.tif'))
    g,_ = parse_name(files[0])
    with rasterio.open(folder/f'{folder.name}.Fmask.tif') as src:
        f = src.read(1)
        w,s,e,n = box = transform_bounds(src.crs, 'EPSG:4326', *src.bounds)
    share = 100*((f>>1 & 1) & (f!=255)).sum()/max((f!=255).sum(), 1)
    return dict(type='Feature', stac_version='1.0.0', id=folder.name, collection=f'HLS{g.product}_2.0',
                bbox=list(box), links=[], stac_extensions=[],
                geometry=dict(type='Polygon', coordinates=[[[w,s],[e,s],[e,n],[w,n],[w,s]]]),
                properties={'datetime': f'{g.date}T17:39:09Z', 'eo:cloud_cover': round(float(share))},
                assets={p.name.split('.')[-2]: dict(href=f'{url}/lp/{folder.name}/{p.name}') for p in files})

def hls_stand_in(
    folders:list, # of granules, as `make_granules` writes them
    token:str=None, # asked for; None = open to all
    **state # see `serve`
): # a server; its catalog is at `url`/stac
    "Start a host that lists and gives simulated granules as the real catalog and host do"
    s = serve({f'/lp/{d.name}/{p.name}': p for d in map(Path, folders) for p in d.glob('*.tif')}, token=token, **state)
    s.state.stac = [_item(Path(d), s.url) for d in sorted(folders)]
    return s
