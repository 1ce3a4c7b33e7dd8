"""Finish a rendered site, by Quarto or smalldocs: maths as MathML, pictures in files of their own, tables that fit the
page, links between pages, and nothing from another host"""
import re
from base64 import b64decode
from pathlib import Path
from posixpath import relpath
from urllib.parse import urlsplit
from bs4 import BeautifulSoup
from latex2mathml.converter import convert

suffixes = {'png': 'png', 'jpeg': 'jpg', 'gif': 'gif', 'webp': 'webp', 'svg+xml': 'svg'}
number = re.compile(r'[-−–+±]?[\d.,]+(?:e[-+]?\d+)?\s?[%×°]?(?: ?(?:±|\(|to|of|–) ?.*)?|[\d-]{10}|nan|NaN|inf|', re.S)
imports = re.compile(r"""@import\s*(?:url\(\s*["']?https?://[^)]*\)|["']https?://[^"']*["'])[^;]*;""") # of style sheets elsewhere
longest_number = 30 # letters of a cell that is kept on one line

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
        if not t.get_text(strip=True) and not t.find(['img', 'svg', 'canvas', 'video', 'iframe', 'script']): t.decompose()

def finish(
    site:Path, # folder of the rendered site
    home:str # its public address, with a slash at the end
):
    "Finish every page and style sheet"
    site = Path(site).resolve()
    pages = {p: BeautifulSoup(p.read_text(encoding='utf8'), 'html.parser') for p in sorted(site.rglob('*.html'))}
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
