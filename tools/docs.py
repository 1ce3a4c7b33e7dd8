"The documentation site in _docs: by Quarto where it is installed, else by smalldocs; then finished and checked"
import inspect, json, os, re, subprocess, sys
from pathlib import Path
from shutil import move, rmtree, which
import yaml
from fastcore.script import anno_parser, call_parse
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from check_site import address, faults, notebooks, page
from finish_site import finish
from menu import write_sidebar
import signatures

root = Path(__file__).resolve().parent.parent
tests = re.compile(r'\b(?:expect_fail|test_\w+)\(|^\s*assert\b', re.M)
linked = re.compile(r'\[(`[^`]+`)\]\([^)]*\)')
shown = re.compile(r'^#\|\s*(?:code-fold|echo|include|hide)', re.M)

def rename(proc):
    "Give the pages the names that nbdev's links use: `00_core.ipynb` becomes `core.ipynb`, and needs no `output-file`"
    for p in notebooks(proc):
        text = re.sub(r'output-file: \S+?\\n', '', p.read_text(encoding='utf8'))
        p.write_text(re.sub(r'(\]\((?:\.\./)*(?:[a-z]+/)?)\d+[a-z]?_(?=\w+\.ipynb)', r'\1', text), encoding='utf8')
        p.rename(page(p))
    p = proc/'sidebar.yml'
    p.write_text(re.sub(r'(?<=[ /])\d+[a-z]?_(?=\w+\.ipynb)', '', p.read_text()))

def commands(
    path:Path # a notebook
)->list: # names of the commands that it defines
    "Find the commands of a page"
    cells = json.loads(path.read_text(encoding='utf8'))['cells']
    text = '\n'.join(''.join(c['source']) for c in cells if ''.join(c['source']).startswith('#| export cli'))
    return re.findall(r'^def (gapfill_\w+)\(', text, re.M)

def help_cell(
    name:str # of a command
)->dict: # a cell
    "Write what a command prints for `--help`"
    import gapfill_baseline.cli as cli
    text = anno_parser(inspect.unwrap(getattr(cli, name)), prog=name).format_help()
    source = f'<details>\n<summary><code>{name} --help</code></summary>\n\n```text\n{text}```\n\n</details>'
    return dict(cell_type='markdown', id=name.replace('_', '-'), metadata={}, source=source)

def plain(
    text:str # Markdown of `show_doc`
)->str:
    "Take nbdev's links out of signatures, where they are shown as text; write the names of options as code"
    parts = re.split(r'(^```.*?^```)', text, flags=re.M|re.S)
    for i,part in enumerate(parts): parts[i] = linked.sub(r'\1', part) if i%2 else options_as_code(part)
    return unnested(''.join(parts))

def options_as_code(
    text:str # Markdown outside blocks of code
)->str:
    "Write the names of options as code, where they are not part of code already"
    parts = re.split(r'(`[^`\n]+`)', text)
    parts[::2] = [re.sub(r'(?<![\w-])(--[a-z]\w*)', r'`\1`', part) for part in parts[::2]]
    return ''.join(parts)

def unnested(
    text:str # Markdown
)->str:
    "Take nbdev's link out of a link that the page has itself"
    return re.sub(r'\[\[(`[^`]+`)\]\([^)]*\)\](?=\()', r'[\1]', text)

def plain_signatures(
    cell:dict # of a page
):
    "Mend what `show_doc` wrote into the outputs of a cell"
    for o in cell.get('outputs', []):
        if text := ''.join(o.get('data', {}).get('text/markdown', '')): o['data']['text/markdown'] = plain(text)

def fold(
    cell:dict, # of a page
    names:set # that the package exports
):
    "Fold a cell that only tests: it has a test and shows nothing"
    source = ''.join(cell['source'])
    if cell['cell_type'] != 'code' or cell['outputs'] or shown.search(source) or not tests.search(source): return
    tested = [n for n in dict.fromkeys(re.findall(r'\w+', source)) if n in names][:3]
    title = f"Test: {', '.join(tested)}" if tested else 'Test'
    cell['source'] = f'#| code-fold: true\n#| code-summary: "{title}"\n{source}'

def add_to(
    path:Path, # a page as nbdev left it
    programs:list, # commands that it defines
    names:set # that the package exports
):
    "Add the help of its commands to a page, and fold its tests"
    nb = json.loads(path.read_text(encoding='utf8'))
    for c in nb['cells']:
        fold(c, names)
        plain_signatures(c)
        if c['cell_type']=='markdown': c['source'] = unnested(''.join(c['source']))
    at = next(i for i,c in enumerate(nb['cells']) if c['cell_type']=='markdown')+1
    nb['cells'][at:at] = map(help_cell, programs)
    path.write_text(json.dumps(nb), encoding='utf8')

def add_changelog(proc):
    "Make a page of CHANGELOG.md"
    text = (root/'CHANGELOG.md').read_text(encoding='utf8')
    (proc/'changelog.qmd').write_text(re.sub('^# (.*)', r'---\ntitle: \1\n---', text, count=1), encoding='utf8')

def prepare():
    "Process the notebooks by nbdev; returns the folder to render"
    os.environ['COLUMNS'] = '100' # of the help
    signatures.use()
    proc = proc_nbs(force=True, n_workers=0) # in this process, where `signatures` is in use
    names = signatures.public_names()
    for p in notebooks(root/'nbs'): add_to(proc/p.relative_to(root/'nbs'), commands(p), names)
    rename(proc)
    add_changelog(proc)
    return proc

@call_parse
def main(
    only_sidebar:bool=False # write nbs/sidebar.yml and stop
):
    "Make the documentation site and check it"
    write_sidebar(root)
    if only_sidebar: return
    refresh_quarto_yml()
    proc = prepare()
    quarto = which('quarto')
    cmd = [quarto, 'render', '--no-cache'] if quarto else [Path(sys.executable).parent/'smalldocs', 'render', '--quiet']
    subprocess.run(cmd, cwd=proc, check=True)
    pages = finish(proc/'_docs', address(root/'nbs'))
    out = faults(proc/'_docs', root/'nbs', pages)
    rmtree(root/'_docs', ignore_errors=True)
    move(proc/'_docs', root)
    rmtree(proc)
    if out: sys.exit('\n'.join(out))
    print(f"{root/'_docs'/'index.html'} ({'Quarto' if quarto else 'smalldocs'})")
