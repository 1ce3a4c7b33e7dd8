"""Finish a rendered site, by Quarto or smalldocs: maths as MathML, pictures in files of their own, tables that fit the
page, links between pages, and nothing from another host"""
import re, sys
from base64 import b64decode
from pathlib import Path
from posixpath import relpath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from bs4 import BeautifulSoup
from fastcore.script import call_parse
from latex2mathml.converter import convert
from check_site import read_pages

suffixes = {'png': 'png', 'jpeg': 'jpg', 'gif': 'gif', 'webp': 'webp', 'svg+xml': 'svg'}
number = re.compile(r'''[-−–+±]?[\d.,]+(?:e[-+]?\d+)?\s?[%×°]?   # a number with its unit
                        (?:\ ?(?:±|\(|\[)\ ?.*               # and its interval
                         | \ ?(?:to|of|–)\ ?[-−\d.,]+\s?[%×°]?)?
                        | [\d-]{10}                             # a date
                        | nan | NaN | inf |''', re.S | re.X)
imports = re.compile(r"""@import\s*(?:url\(\s*["']?https?://[^)]*\)|["']https?://[^"']*["'])[^;]*;""") # from elsewhere
longest_number = 45 # letters of a cell that is kept on one line

def foreign(
    url:str, # of a script, a style sheet or a picture
    home:str='' # address of the site
)->bool:
    "Check whether an address is on another host"
    return bool(urlsplit(url).netloc) and not (home and url.startswith(home))

def drop_foreign(soup, home):
    "Leave out scripts and style sheets of other hosts, and what only serves them"
    for t in soup.find_all('script', src=True):
        if foreign(t['src'], home): t.decompose()
    for t in soup.find_all('script', src=False):
        if re.search(r"define\('jquery'|MathJax", t.text): t.decompose()
    for t in soup.find_all('link', rel=['stylesheet', 'preconnect', 'dns-prefetch'], href=True):
        if foreign(t['href'], home): t.decompose()

def maths(soup):
    r"Turn TeX, `\(…\)` and `\[…\]`, into MathML"
    for t in soup.select('span.math'):
        m = re.fullmatch(r'\s*\\([(\[])(.*)\\[)\]]\s*', t.text, re.S)
        if not m: continue
        display = 'block' if m[1] == '[' else 'inline'
        t.clear()
        t.append(BeautifulSoup(convert(m[2].strip(), display=display), 'html.parser'))

def pictures(soup, path):
    "Write the pictures of a page into files beside it"
    folder = path.with_name(f'{path.stem}_files')
    for t in soup.find_all('img', src=re.compile('^data:image/')):
        m = re.fullmatch(r'data:image/([\w+]+);base64,(.*)', t['src'], re.S)
        if not m or m[1] not in suffixes: continue
        folder.mkdir(exist_ok=True)
        file = folder/f'{len(list(folder.glob("picture-*")))+1}.{suffixes[m[1]]}'
        file = file.with_name(f'picture-{file.name}')
        file.write_bytes(b64decode(m[2]))
        t['src'] = f'{folder.name}/{file.name}'
        t['loading'] = 'lazy'

def is_number(cell):
    "Check whether a cell of a table has a number, perhaps with its interval"
    text = cell.get_text(' ', strip=True)
    return len(text) <= longest_number and bool(number.fullmatch(text))

def mark_numbers(table):
    "Mark cells with numbers, and the heads of columns that have nothing else"
    rows = [r.find_all(['td','th'], recursive=False) for r in table.find_all('tr')]
    body = [r for r in rows if r and any(c.name=='td' for c in r)]
    for c in (c for r in body for c in r):
        if is_number(c): c['class'] = [*c.get('class', []), 'number']
    for r in (r for r in rows if r not in body):
        if any(len(r) != len(b) for b in body): continue
        for i,head in enumerate(r):
            if body and all('number' in b[i].get('class', []) for b in body): head['class'] = ['number']

def tables(soup):
    "Put each table into a box of its own, which scrolls where the table is wider than the page"
    for t in soup.find_all('table'):
        for r in t.find_all('tr', style=True): del r['style']
        mark_numbers(t)
        if t.find_parent('pre') or 'table-box' in t.parent.get('class', []): continue
        t.wrap(soup.new_tag('div', attrs={'class': 'table-box', 'tabindex': '0'}))

def links(soup, path, site, home, ids):
    "Make the links to symbols relative; a symbol without a place of its own is plain code"
    for a in soup.find_all('a', href=True):
        if not a['href'].startswith(home) or not a.find('code'): continue
        page,_,anchor = a['href'].removeprefix(home).partition('#')
        if anchor not in ids.get(site/page, ()): a.unwrap()
        else: a['href'] = f"{relpath(page, path.parent.relative_to(site).as_posix())}#{anchor}"

def empty_outputs(soup):
    "Leave out the boxes of outputs that show nothing"
    for t in soup.select('div.cell-output'):
        is_shown = t.get_text(strip=True) or t.find(['img', 'svg', 'canvas', 'video', 'iframe', 'script'])
        if not is_shown: t.decompose()

def finish(
    site:Path, # folder of the rendered site
    home:str # its public address, with a slash at the end
)->dict: # path of each page -> its BeautifulSoup
    "Finish every page and style sheet"
    site = Path(site).resolve()
    pages = read_pages(site)
    ids = {p: {t['id'] for t in s.find_all(id=True)} for p,s in pages.items()}
    for path,soup in pages.items():
        drop_foreign(soup, home)
        maths(soup)
        pictures(soup, path)
        tables(soup)
        links(soup, path, site, home, ids)
        empty_outputs(soup)
        if path.name == '404.html': soup.head.insert(0, soup.new_tag('base', href=home)) # it is shown at any address
        path.write_text(str(soup), encoding='utf8')
    for css in site.rglob('*.css'):
        text = css.read_text(encoding='utf8')
        css.write_text(imports.sub('', text), encoding='utf8')
    return pages

# a page as both renderers write it
made = """<html><head><link href="https://example.org/a.css" rel="stylesheet"><link href="styles.css" rel="stylesheet">
<script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"></script>
<script src="site_libs/quarto.js"></script><script>define('jquery', [],function() {return window.jQuery;})</script></head>
<body><h3 id="x">x</h3><p><span class="math inline">\\(\\frac{a}{b}\\)</span>
<a href="HOMEfolder/page.html#x"><code>x</code></a>
<a href="HOMEpage.html#gone"><code>y</code></a></p><img src="data:image/png;base64,iVBORw0KGgo=">
<div class="cell-output"><pre></pre></div>
<div class="cell-output"><table><thead><tr style="text-align: right;"><th>name</th><th>MAE</th></tr></thead>
<tbody><tr><td>linear</td><td>0.0235 (0.0220 to 0.0251)</td></tr></tbody></table></div></body></html>"""
expected = {'script': 1, 'link': 1, 'math mfrac': 1, 'a': 1, 'a[href="page.html#x"] > code': 1, 'div.cell-output': 1,
            'div.table-box > table': 1, 'td.number': 1, 'th.number': 1, 'tr[style]': 0,
            'img[src="page_files/picture-1.png"]': 1}

def unexpected():
    "Finish a page made for it; what is not as expected"
    home = 'https://example.org/site/'
    with TemporaryDirectory() as d:
        page = Path(d)/'folder/page.html'
        page.parent.mkdir()
        page.write_text(made.replace('HOME', home), encoding='utf8')
        (Path(d)/'styles.css').write_text('@import url(https://example.org/css2?family=A:wght@3;4&x=y);:root{--a: 1}')
        finish(d, home)
        soup = BeautifulSoup(page.read_text(encoding='utf8'), 'html.parser')
        out = [f'{k}: {n}, not {v}' for k,v in expected.items() if (n := len(soup.select(k))) != v]
        if (css := (Path(d)/'styles.css').read_text()) != ':root{--a: 1}': out.append(f'styles.css: {css}')
        if not (page.parent/'page_files/picture-1.png').is_file(): out.append('the picture has no file')
    return out

@call_parse
def main(
    self_test:bool=False # finish a page made for it, and print what is not as expected
):
    "Test how pages are finished"
    out = unexpected() if self_test else []
    print(*out, sep='\n', end='\n' if out else '')
    sys.exit(bool(out))
