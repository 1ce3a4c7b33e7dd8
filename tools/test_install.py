"Test what an installation brings, and that all pages name the same versions of Python: `python tools/test_install.py`"
import re
from configparser import ConfigParser
from pathlib import Path

from execnb.nbio import read_nb
from fastcore.test import *

root = Path(__file__).resolve().parent.parent
parser = ConfigParser(delimiters=['='])
parser.read(root/'settings.ini', encoding='utf8')
settings = parser['DEFAULT']

def text_of(path):
    "Read a file; of a notebook, the text of its cells"
    path = root/path
    if path.suffix != '.ipynb': return path.read_text(encoding='utf8')
    return '\n'.join(cell.source for cell in read_nb(path).cells)

def test_requirements():
    "An installation without extras brings no JupyterLab, no nbdev and no Dask"
    names = {re.split('[<>=!~]', requirement)[0] for requirement in settings['requirements'].split()}
    assert 'torch' in names and 'rasterio' in names, names
    test_eq(names & {'jupyterlab', 'notebook', 'nbdev', 'execnb', 'dask', 'distributed'}, set())

def test_python():
    "Any Python from the oldest on may install the package, and every place names the same tested ones"
    oldest,tested = settings['min_python'],settings['tested_python'].split()
    test_eq(tested[0], oldest)
    asked = re.search(r'python_requires=(.*?),? *$', text_of('setup.py'), re.M)[1]
    assert '<' not in asked and '>=' in asked, asked
    words = ', '.join(tested[:-1])+f' and {tested[-1]}'
    assert f'needs Python {oldest} or newer; it is tested with {words}' in text_of('nbs/install.ipynb')
    for path in ('nbs/index.ipynb', 'README.md', 'Makefile'): assert f'Python {oldest} or newer' in text_of(path), path
    matrix = re.search(r'python: \[(.*)\]', text_of('.github/workflows/test.yml'))[1]
    test_eq(re.findall(r'[\d.]+', matrix), tested)
    assert f'FROM python:{oldest}-' in text_of('Dockerfile')
    for version in tested: assert f'python{version} ' in text_of('Makefile'), version

if __name__ == '__main__':
    test_requirements()
    test_python()
