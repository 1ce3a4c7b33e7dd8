"Check that the imports between the modules of the package run one way"
import ast, sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
# Each level imports from itself and from the levels above it in this list. A folder counts as one.
levels = [
    'core program parallel glibc fillers reading',
    'data sample masks models metrics learner datasets',
    'networks train results scenes evaluation',
    'check download hls training_graphs visualize explore stats per_image_graphs band_correlations compare '
    'training_size calibration fill chips evaluate',
    'cli']
level_of = {room: i for i,rooms in enumerate(levels) for room in rooms.split()}

def modules(
    package:Path # folder of the package
)->dict: # dotted name -> file
    "Modules of the package, without its name in front"
    paths = (p for p in sorted(package.rglob('*.py')) if p.name not in ('__init__.py','_modidx.py'))
    return {'.'.join(p.relative_to(package).with_suffix('').parts): p for p in paths}

def imported(
    name:str, # of a module
    path:Path, # its file
    known # names of all modules
)->set: # of module names
    "Modules that a module imports, also inside its functions"
    out = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf8'))):
        if isinstance(node, ast.Import): targets = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom): targets = list(_targets(name, node))
        else: continue
        targets = [t.removeprefix('gapfill_baseline.') for t in targets]
        out |= {t for t in targets if t in known}
    return out

def _targets(name, node):
    "Full names that `from … import …` may mean: the module, or a module in a package"
    folder = name.split('.')[:-1]
    above = folder[:len(folder)-node.level+1] if node.level else []
    base = '.'.join([*above, *([node.module] if node.module else [])])
    yield base
    for a in node.names: yield f'{base}.{a.name}'.lstrip('.')

def room(name): return name.split('.')[0]

def faults(
    package:Path # folder of the package
)->list: # lines of text
    "Imports that run the wrong way, and circles"
    files = modules(package)
    graph = {m: imported(m, p, files) for m,p in files.items()}
    out = [f'{m}: tools/import_graph.py does not list {room(m)}' for m in graph if room(m) not in level_of]
    if out: return out
    for m,targets in graph.items():
        above = [t for t in sorted(targets) if level_of[room(t)] > level_of[room(m)]]
        out += [f'{m} imports {t}, which stands above it' for t in above]
    rooms = {}
    for m,targets in graph.items(): rooms.setdefault(room(m), set()).update({room(t) for t in targets}-{room(m)})
    for each in (graph, rooms):
        try: TopologicalSorter(each).prepare()
        except CycleError as e: out.append(f"imports in a circle: {' > '.join(e.args[1])}")
    return out

@call_parse
def main(
    package:Path=root/'gapfill_baseline' # folder of the package
):
    "Print every import that runs the wrong way; exit status 1 if there is one"
    out = faults(package)
    print(*out, sep='\n', end='\n' if out else '')
    sys.exit(bool(out))
