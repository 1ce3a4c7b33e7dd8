"The documentation site in _docs: by Quarto where it is installed, else by smalldocs; then checked"
import inspect, re, subprocess, sys
from pathlib import Path
from shutil import move, rmtree, which
import fastcore.docments, yaml
from fastcore.script import call_parse
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from check_site import faults, page

root = Path(__file__).resolve().parent.parent
sections = {'Data': '00 01 02', 'Fillers': '02a 02c 03', 'Metrics': '04', 'Training': '05 06', 'Results': '06a 06c 07 08 09 10 11', 'Scenes': '11c 11d 11e 11f 11g 11h 12', 'Speed': '13'}
titled = dict(published='Results') # pages without a number

def section(
    name:str # of a notebook
): # its section; None = above all sections
    "By its whole number where that is listed, such as 06a, else by its digits, 06"
    number = re.match(r'(\d+)[a-z]?(?=_)', name)
    if not number: return titled.get(Path(name).stem)
    return next((s for n in number.group(0,1) for s,nums in sections.items() if n in nums.split()), None)

def sidebar(
    root:Path # folder of the checkout; nbs/sidebar.yml is written there
):
    "List the notebooks by the section that their number puts them in"
    names = sorted(p.name for p in (root/'nbs').glob('[!._]*.ipynb'))
    parts = [dict(section=s, contents=found) for s in sections if (found := [n for n in names if section(n)==s])]
    rest = [n for n in names if not section(n)]
    out = dict(website=dict(sidebar=dict(contents=rest+parts)))
    (root/'nbs/sidebar.yml').write_text(yaml.dump(out, sort_keys=False), encoding='utf8')

def rename(proc):
    "Give the pages the names that nbdev's links use: `00_core.ipynb` becomes `core.ipynb`, and needs no `output-file`"
    for p in list(proc.glob('*.ipynb')):
        text = re.sub(r'output-file: \S+?\\n', '', p.read_text(encoding='utf8'))
        p.write_text(re.sub(r'(?<=\]\()\d+[a-z]?_(?=\w+\.ipynb)', '', text), encoding='utf8')
        p.rename(p.with_name(page(p.name)))
    p = proc/'sidebar.yml'
    p.write_text(re.sub(r'(?<= )\d+[a-z]?_(?=\w+\.ipynb)', '', p.read_text()))

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
