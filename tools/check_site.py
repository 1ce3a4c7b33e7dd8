"Is the built site whole? A line for each page, link, anchor or figure that is not there"
import re, sys
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit
import nbformat, yaml
from bs4 import BeautifulSoup
from fastcore.script import call_parse
from readme import visible

root = Path(__file__).resolve().parent.parent
largest = 1_500_000 # bytes of a page, without its pictures

def page(path):
    "Path of a notebook without the number in front of its name"
    return path.with_name(re.sub(r'^\d+[a-z]?_', '', path.name))

def notebooks(nbs):
    "Every notebook below `nbs`, hidden folders excepted"
    return sorted(p for p in nbs.rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(nbs).parts))

@cache
def n_figures(nb):
    "Figures that the page of a notebook shows"
    cells = [c for c in map(visible, nbformat.read(nb, 4).cells) if c]
    outputs = sum('image/png' in o.get('data', {}) for c in cells if c.cell_type=='code' for o in c.outputs)
    return outputs + sum(len(re.findall(r'!\[[^\]]*\]\(', c.source)) for c in cells if c.cell_type=='markdown')

def address(nbs):
    "Public address of the site, with a slash at the end"
    return yaml.safe_load((nbs/'nbdev.yml').read_text())['website']['site-url'].rstrip('/')+'/'

def target(site, at, link, home):
    "File and anchor that a link of the page `at` leads to; no file = another site"
    if link.startswith(home): link = '/'+link.removeprefix(home)
    u = urlsplit(link)
    if u.scheme or u.netloc: return None, ''
    path = unquote(u.path)
    if path.startswith(base := urlsplit(home).path): path = '/'+path.removeprefix(base) # Quarto's page for lost readers
    to = (site/path.lstrip('/') if path.startswith('/') else at.parent/path).resolve() if path else at
    return (to/'index.html' if to.is_dir() else to), unquote(u.fragment)

def others(soup, home):
    "Hosts of other people from which a page loads scripts, style sheets or pictures"
    tags = [*soup.find_all(['script','img','iframe'], src=True), *soup.find_all('link', rel='stylesheet', href=True)]
    urls = [urlsplit(t.get('src') or t['href']) for t in tags if not (t.get('src') or t['href']).startswith(home)]
    return sorted({u.netloc for u in urls if u.netloc})

def loads(site, pages, home):
    "Lines for what is loaded from elsewhere, for pages that are too large, and for missing links to the source"
    out = [f'{p.relative_to(site)}: loads from {host}' for p,s in pages.items() for host in others(s, home)]
    for p in sorted(site.rglob('*.css')):
        if re.search(r'@import[^;]*//|url\(\s*["\']?(?:https?:)?//', p.read_text(encoding='utf8')):
            out.append(f'{p.relative_to(site)}: loads from another host')
    for p in pages:
        size = p.stat().st_size
        if size > largest: out.append(f'{p.relative_to(site)}: {size/1e6:.1f} MB, more than {largest/1e6}')
    if pages and not any(s.find('a', href=re.compile('/blob/.*[.]py#L')) for s in pages.values()):
        out.append('no page links to the source: does the package have its entry point nbdev? Run make install.')
    return out

def without_alt(
    s # of BeautifulSoup, a page
)->list: # a name for each picture without a text for readers who cannot see it
    "Find the pictures without alt text"
    return [t.get('src', '')[:40] for t in s.find_all('img') if not t.get('alt', '').strip()]

def read_pages(
    site:Path # folder of the built site
)->dict: # path of each page -> its BeautifulSoup
    "Read all pages of a site"
    return {p: BeautifulSoup(p.read_text(encoding='utf8'), 'html.parser') for p in sorted(site.rglob('*.html'))}

def faults(
    site:Path, # folder of the built site
    nbs:Path, # folder of the notebooks it is made of
    pages:dict=None # path of each page -> its BeautifulSoup; None = read them
)->list: # `page: what`, nothing when the site is whole
    "Find what is missing"
    site = Path(site).resolve()
    home = address(nbs)
    if pages is None: pages = read_pages(site)
    ids = {p: {t[k] for k in ('id','name') for t in s.find_all(attrs={k: True})} for p,s in pages.items()}
    out = loads(site, pages, home)
    for nb in notebooks(nbs):
        name = page(nb.relative_to(nbs)).with_suffix('.html')
        if site/name not in pages: out.append(f'{name}: there is no page of {nb.name}')
        else:
            n,wanted = len(pages[site/name].find_all('img')),n_figures(nb)
            if n < wanted: out.append(f'{name}: {n} of {wanted} figures')
    for at,s in pages.items():
        name = at.relative_to(site)
        out += [f'{name}: {picture} has no alt text' for picture in without_alt(s)]
        if 'Traceback (most recent call last)' in s.text: out.append(f'{name}: shows the traceback of an error')
        for link in dict.fromkeys(t[k] for k in ('href','src') for t in s.find_all(attrs={k: True})):
            to,anchor = target(site, at, link, home)
            if to and not to.is_file(): out.append(f'{name}: {link} leads nowhere')
            elif anchor not in ids.get(to, {anchor}) | {'', 'top'}: out.append(f'{name}: {link} has no anchor {anchor}')
    return out

def unnoticed(site, nbs):
    "Break a copy of the site in every way that counts, which has few pages; return what is not noticed"
    with_figures = [nb for nb in notebooks(nbs) if n_figures(nb) > 2 and nb.parent==nbs]
    gone,bare = (page(nb.relative_to(nbs)).with_suffix('.html') for nb in with_figures[:2])
    added = '<script src="https://example.org/x.js"></script><img src="gone.png" alt="x"><img src="data:,">'
    added += '<a href="gone.html">x</a><a href="index.html#gone">x</a>Traceback (most recent call last)'
    added += ' '*largest
    with TemporaryDirectory() as tmp:
        copy = Path(copytree(site, Path(tmp)/'site'))
        for path in copy.rglob('*.html'):
            if path.relative_to(copy) not in (bare, Path('index.html')): path.unlink()
        (copy/bare).write_text(re.sub('<img[^>]*>', '', (copy/bare).read_text(encoding='utf8'))+added, encoding='utf8')
        (copy/'styles.css').write_text('@import url(https://example.org/a;b.css);')
        said = faults(copy, nbs)
    wanted = [f'{gone}: there is no page of {with_figures[0].name}', 'styles.css: loads from another host',
              f'{bare}: loads from example.org', f'{bare}: 1.']
    for o in ('2 of ', 'data:, has no alt text', 'shows the traceback', 'gone.png leads nowhere',
              'gone.html leads nowhere', 'index.html#gone has no anchor'):
        wanted.append(f'{bare}: {o}')
    return [f'not noticed: {w}' for w in wanted if not any(o.startswith(w) for o in said)]

@call_parse
def main(
    site:Path=root/'_docs', # folder of the built site
    self_test:bool=False # see that a broken copy of it is noticed
):
    "Check the documentation site"
    out = unnoticed(site, root/'nbs') if self_test else faults(site, root/'nbs')
    print(*out, sep='\n', end='\n' if out else '')
    sys.exit(bool(out))
