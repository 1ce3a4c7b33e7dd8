"README.md from nbs/index.ipynb, with its figures in nbs/images"
import posixpath, re
from pathlib import Path
import nbformat
from fastcore.script import call_parse
from nbconvert import MarkdownExporter

def visible(cell):
    "Without its directives; None when the page does not show it"
    dirs = re.findall(r'^#\|\s*(.*?)\s*$', cell.source, re.M) if cell.cell_type=='code' else []
    if {'hide', 'include: false'} & set(dirs): return None
    cell.source = '' if 'echo: false' in dirs else re.sub(r'^#\|.*\n?', '', cell.source, flags=re.M) if dirs else cell.source
    if 'output: false' in dirs: cell.outputs = []
    return cell

def relink(m):
    "A link relative to nbs, seen from the folder above"
    return m[0] if re.match(r'[a-z]+:|[#/]', m[2]) else f"{m[1]}{posixpath.normpath('nbs/'+m[2])}"

def readme(
    root:Path # folder of the checkout; README.md and nbs/images/index_* are written there
):
    "Write README.md and its figures"
    nb = nbformat.read(root/'nbs/index.ipynb', 4)
    nb.cells = [c for c in map(visible, nb.cells) if c]
    nb.metadata.language_info = dict(name='python')
    text,res = MarkdownExporter().from_notebook_node(nb, resources=dict(output_files_dir='images', unique_key='index'))
    images = root/'nbs/images'
    for old in images.glob('index_*'): old.unlink()
    for name,data in res['outputs'].items():
        images.mkdir(exist_ok=True)
        (images/Path(name).name).write_bytes(data)
    text = re.sub(r'(\]\(|src=")([^)\s"]+)', relink, text)
    text = re.sub(r'```python\s*```|<style scoped>.*?</style>\n?', '', text, flags=re.S)
    (root/'README.md').write_text(re.sub(r'\n\s*\n\s*\n', '\n\n', text).strip()+'\n', encoding='utf8')

@call_parse
def main(): readme(Path(__file__).resolve().parent.parent)
