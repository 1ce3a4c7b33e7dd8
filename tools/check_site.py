"Is the built site whole? A line for each page, link, anchor or figure that is not there"
import base64, io, re, sys, tempfile
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from urllib.parse import unquote, urlsplit
import nbformat, yaml
from fastcore.script import call_parse
from PIL import Image
from readme import visible

root = Path(__file__).resolve().parent.parent

def page(path):
    "Path of a notebook without the number in front of its name"
    return path.with_name(re.sub(r'^\d+[a-z]?_', '', path.name))

def notebooks(nbs):
    "Every notebook below `nbs`, hidden folders excepted"
    return sorted(p for p in nbs.rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(nbs).parts))

def html(nb, nbs):
    "Path of a notebook's page within the site"
    return page(nb.relative_to(nbs)).with_suffix('.html')

class Page(HTMLParser):
    "Links, images and anchors of a page, and whether a cell of it failed"
    def __init__(self, text):
        super().__init__()
        self.links,self.images,self.ids = [],[],set(); self.failed = 'Traceback (most recent call last)' in text
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a[k] for k in ('id','name') if a.get(k)}
        if tag=='img': self.images.append(a.get('src') or '')
        self.links += [a[k] for k in ('href','src') if a.get(k)]

def is_image(data):
    "Can it be drawn?"
    if b'<svg' in data[:1000]: return True
    try:
        with Image.open(io.BytesIO(data)) as im: im.load(); return min(im.size) > 0
    except Exception: return False

@cache
def n_figures(nb):
    "Figures that the page of a notebook shows"
    cells = [c for c in map(visible, nbformat.read(nb, 4).cells) if c]
    outputs = sum('image/png' in o.get('data', {}) for c in cells if c.cell_type=='code' for o in c.outputs)
    return outputs + sum(len(re.findall(r'!\[[^\]]*\]\(', c.source)) for c in cells if c.cell_type=='markdown')

def target(site, at, link):
    "File and anchor that a link of the page `at` leads to; None = another site"
    u = urlsplit(link)
    if u.scheme or u.netloc: return None
    path = unquote(u.path); to = (site/path.lstrip('/') if path.startswith('/') else at.parent/path).resolve() if path else at
    return (to/'index.html' if to.is_dir() else to), unquote(u.fragment)

def faults(
    site:Path, # folder of the built site
    nbs:Path # folder of the notebooks it is made of
)->list: # `page: what`, nothing when the site is whole
    "What is missing"
    site = Path(site).resolve(); home = yaml.safe_load((Path(nbs)/'nbdev.yml').read_text())['website']['site-url'].rstrip('/')+'/'
    pages = {p: Page(p.read_text(encoding='utf8')) for p in sorted(site.rglob('*.html'))}
    out = []
    for nb in notebooks(Path(nbs)):
        name = html(nb, Path(nbs))
        p = site/name
        if p not in pages: out.append(f'{name}: there is no page of {nb.name}')
        elif len(pages[p].images) < (n := n_figures(nb)): out.append(f'{name}: {len(pages[p].images)} of {n} figures')
    for at,p in pages.items(): out += [f'{at.relative_to(site)}: {o}' for o in page_faults(site, at, p, pages, home)]
    return out

def page_faults(site, at, p, pages, home):
    "What one page lacks"
    if p.failed: yield 'shows the traceback of an error'
    for link in dict.fromkeys(o.removeprefix(home) for o in p.links):
        if not (t := target(site, at, link)): continue
        to,anchor = t
        if not to.is_file(): yield f'{link} leads nowhere'
        elif anchor and anchor != 'top' and to in pages and anchor not in pages[to].ids: yield f'{link} has no anchor {anchor}'
    for n,src in enumerate(p.images, 1):
        if src.startswith('data:'): data = base64.b64decode(src.partition(',')[2]) if ';base64' in src[:99] else unquote(src).encode()
        elif not (t := target(site, at, src)) or not t[0].is_file(): continue # of another site, or said above
        else: data = t[0].read_bytes()
        if not is_image(data): yield f'image {n} cannot be drawn'

def broken(site, nbs):
    "Break a copy of the site in every way that counts; yields what was broken, what must be said of it, and what is said"
    first = next(nb for nb in notebooks(nbs) if n_figures(nb) and nb.parent==nbs)
    p = html(first, nbs)
    page_of = lambda f: lambda d: (d/p).write_text(f((d/p).read_text(encoding='utf8')), encoding='utf8')
    add = lambda s: page_of(lambda t: t.replace('</body>', f'{s}</body>'))
    ways = {'a page is gone': (lambda d: (d/p).unlink(), f'there is no page of {first.name}'), 'a figure is gone': (page_of(lambda t: re.sub('<img[^>]*>', '', t)), f'{p}: 0 of'),
            'a figure is cut short': (add('<img src="data:image/png;base64,iVBORw0KGgo=">'), 'cannot be drawn'), 'an image is gone': (add('<img src="gone.png">'), f'{p}: gone.png leads nowhere'),
            'a cell failed': (add('<pre>Traceback (most recent call last)</pre>'), f'{p}: shows the traceback'), 'a link is dead': (add('<a href="gone.html">x</a>'), f'{p}: gone.html leads nowhere'), 'an anchor is gone': (add('<a href="index.html#gone">x</a>'), f'{p}: index.html#gone has no anchor')}
    for what,(way,say) in ways.items():
        with tempfile.TemporaryDirectory() as tmp:
            copytree(site, d := Path(tmp)/'site'); way(d)
            yield what, say, faults(d, nbs)

@call_parse
def main(
    site:Path=root/'_docs', # folder of the built site
    self_test:bool=False # see that a broken copy of it is noticed
):
    "Check the documentation site"
    if self_test: out = [f'not noticed that {what}' for what,say,said in broken(site, root/'nbs') if not any(say in o for o in said)]
    else: out = faults(site, root/'nbs')
    print(*out, sep='\n', end='\n' if out else '')
    sys.exit(bool(out))
