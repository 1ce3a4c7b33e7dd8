"The menu of the site: five groups; the last, API, has every page that no other group names"
from pathlib import Path
import yaml
from check_site import notebooks

# Text in the menu -> notebook, from nbs. A page may stand in two groups.
groups = dict(
    Start={
        'Home': 'index', 'Install': 'install', 'Fill your own scenes': 'tutorials/own_scenes',
        'Train and compare': 'tutorials/train_and_compare', 'Evaluate your model': 'tutorials/evaluate_your_model',
        'Many scenes': 'tutorials/many_scenes',
        'Files of other projects': 'tutorials/other_files', 'Cut chips': '12a_chips', 'Download': '01c_download',
        'Questions': 'faq'},
    Understand={
        'Glossary': 'glossary', 'Datasets': '01_data', 'Methods': '03_models',
        'Two protocols': 'tutorials/two_protocols',
        'Splits': 'datasets/02_splits', 'Resume and share a run': 'tutorials/resume',
        'Someone else\'s run': 'tutorials/strangers_run', 'From the published code': 'tutorials/published',
        'Status': 'status', 'Cite': 'cite'},
    Results={
        'Compare': '11_compare', 'Error against compute': 'experiments/trial',
        'Batch norm': 'experiments/norm_statistics', 'Calibration': '11b_calibration',
        'Training size': '11a_training_size', 'Real places': 'experiments/places',
        'Foundation models': 'experiments/foundation', 'Speed': 'experiments/speed',
        'Growth': 'experiments/growth', 'Two processes': 'experiments/scaling'},
    Commands={
        'All commands': 'commands', 'gapfill_sample': '01a_sample', 'gapfill_check': '01b_check',
        'gapfill_download': '01c_download', 'gapfill_train': '06_training',
        'gapfill_training_graphs': '06a_training_graphs', 'gapfill_stats': '08_stats',
        'gapfill_visualize': '07_visualize', 'explore': '07a_explore',
        'gapfill_per_image_graphs': '09_per_image_graphs', 'gapfill_band_correlations': '10_band_correlations',
        'gapfill_compare': '11_compare', 'gapfill_training_size': '11a_training_size',
        'gapfill_calibration': '11b_calibration', 'gapfill_evaluate': '13_evaluate', 'gapfill_fill': '12_fill',
        'gapfill_chips': '12a_chips'})
folders = dict(reading='Reading', datasets='Datasets', fillers='Fillers', networks='Networks', train='Training',
               results='Results', scenes='Scenes', evaluation='Evaluation')

def entries(
    group:dict, # text -> notebook
    there:set # notebooks that exist, from nbs, without suffix
)->list: # of the menu
    "Write the entries of a group; raise ValueError for a page that does not exist"
    gone = sorted(set(group.values())-there)
    if gone: raise ValueError(f"The menu names pages that do not exist: {gone}. Write them, or mend tools/menu.py.")
    return [dict(text=text, href=f'{path}.ipynb') for text,path in group.items() if path in there]

def api(
    there:list # notebooks that no group names, from nbs, without suffix
)->list: # of the menu
    "Sort pages into the folders of the package"
    parts = {}
    for path in there:
        part = folders[path.split('/')[0]] if '/' in path else 'Base'
        parts.setdefault(part, []).append(f'{path}.ipynb')
    order = ['Base', *folders.values()]
    return [dict(section=s, contents=parts[s]) for s in sorted(parts, key=order.index)]

def menu(
    nbs:Path # folder of the notebooks
)->list: # contents of Quarto's `sidebar`
    "List every notebook: those that a group names, then the others under API"
    there = [p.relative_to(nbs).with_suffix('').as_posix() for p in notebooks(nbs)]
    named = {path for g in groups.values() for path in g.values()}
    out = [dict(section=name, contents=entries(g, set(there))) for name,g in groups.items()]
    return out + [dict(section='API', contents=api([p for p in there if p not in named]))]

def write_sidebar(
    root:Path # folder of the checkout; nbs/sidebar.yml is written there
):
    "Write the menu as Quarto reads it"
    out = dict(website=dict(sidebar={'collapse-level': 1, 'contents': menu(root/'nbs')}))
    (root/'nbs/sidebar.yml').write_text(yaml.dump(out, sort_keys=False), encoding='utf8')
