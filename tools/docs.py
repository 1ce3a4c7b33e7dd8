"The documentation site in _docs: by Quarto where it is installed, else by smalldocs; then checked"
import inspect, re, subprocess, sys
from pathlib import Path
from shutil import move, rmtree, which
import fastcore.docments, yaml
from fastcore.script import call_parse
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from check_site import faults, notebooks, page

root = Path(__file__).resolve().parent.parent
sections = 'Data Fillers Metrics Training Results Scenes Speed'.split()
pages = dict(Data='00 01 02', Fillers='03', Metrics='04', Training='05 06', Results='06a 07 08 09 10 11', Scenes='12')
numbers = {n: s for s,ns in pages.items() for n in ns.split()} # of the pages at the top
folders = dict(reading='Data', datasets='Data', fillers='Fillers', networks='Fillers', train='Training', results='Results', scenes='Scenes',
               experiments='Speed')
tutorials = dict(two_protocols='Metrics', resume='Training', published='Results', strangers_run='Results',
                 many_scenes='Scenes', own_scenes='Scenes', other_files='Scenes')

def section(
    path:Path # of a notebook, from nbs
): # its section; None = above all sections
    "Find the section of a notebook by its folder, or by its number where it stands at the top"
    folder = path.parts[0] if len(path.parts) > 1 else None
    if folder=='tutorials': return tutorials[path.stem]
    if path.as_posix()=='experiments/places.ipynb': return 'Results'
    if path.as_posix()=='experiments/norm_statistics.ipynb': return 'Training'
    if folder: return folders[folder]
    number = re.match(r'(\d+)[a-z]?(?=_)', path.name)
    if not number: return None
    return numbers.get(number[0]) or numbers.get(number[1])

def sidebar(
    root:Path # folder of the checkout; nbs/sidebar.yml is written there
):
    "List the notebooks by section, pages at the top first"
    nbs = root/'nbs'
    paths = sorted((p.relative_to(nbs) for p in notebooks(nbs)), key=lambda p: (len(p.parts), p.stem!='index', p))
    listed = {s: [p.as_posix() for p in paths if section(p)==s] for s in (None, *sections)}
    parts = [dict(section=s, contents=listed[s]) for s in sections if listed[s]]
    out = dict(website=dict(sidebar=dict(contents=listed[None]+parts)))
    (nbs/'sidebar.yml').write_text(yaml.dump(out, sort_keys=False), encoding='utf8')

def rename(proc):
    "Give the pages the names that nbdev's links use: `00_core.ipynb` becomes `core.ipynb`, and needs no `output-file`"
    for p in notebooks(proc):
        text = re.sub(r'output-file: \S+?\\n', '', p.read_text(encoding='utf8'))
        p.write_text(re.sub(r'(\]\((?:\.\./)*(?:[a-z]+/)?)\d+[a-z]?_(?=\w+\.ipynb)', r'\1', text), encoding='utf8')
        p.rename(page(p))
    p = proc/'sidebar.yml'
    p.write_text(re.sub(r'(?<=[ /])\d+[a-z]?_(?=\w+\.ipynb)', '', p.read_text()))

def as_written(f, eval_str=False, **kwargs):
    "The signature of `f`; an annotation that only type checkers can look up stays the text it is"
    try: return inspect.signature(f, eval_str=eval_str, **kwargs)
    except NameError: return inspect.signature(f, **kwargs)

@call_parse
def main(
    only_sidebar:bool=False # write nbs/sidebar.yml and stop
):
    "Make the documentation site and check it"
    sidebar(root)
    if only_sidebar: return
    refresh_quarto_yml()
    fastcore.docments.signature = as_written
    proc = proc_nbs(force=True, n_workers=0) # in this process, where `as_written` is
    rename(proc)
    quarto = which('quarto')
    cmd = [quarto, 'render', '--no-cache'] if quarto else [Path(sys.executable).parent/'smalldocs', 'render', '--quiet']
    subprocess.run(cmd, cwd=proc, check=True)
    rmtree(root/'_docs', ignore_errors=True)
    move(proc/'_docs', root)
    rmtree(proc)
    if out := faults(root/'_docs', root/'nbs'): print(*out, sep='\n'); sys.exit(1)
    print(f"{root/'_docs'/'index.html'} ({'Quarto' if quarto else 'smalldocs'})")
