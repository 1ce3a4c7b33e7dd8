"Options out of range, of another type, and paths that are no paths"
import os
from .damage import *
from .judge import Case

def option(input, name, *values, **kwargs):
    "A case that gives an option other values"
    command = kwargs.pop('command', 'fill')
    said = ' '.join(map(str, values))
    said = said if len(said) < 40 else f'{said[:12]} … of {len(said)} letters'
    return Case('options', f"{command} --{name} {said}", input, lambda w: w.option(name, *values),
        **dict(refuse=True) | kwargs)

# Values of each option that must be refused; several in a tuple
fill_options = dict(
    window=[0,-1,7.5,'x'],
    overlap=[-1,1000],
    batch_size=[0,-1],
    dilate=[-1,'x'],
    nodata=['x'],
    device=['cpu:x','tpu','cuda:99',''],
    dates_out=['2024-06-01','x'],
    filler=['nonsense','','s1.tif','/','.'],
    time_steps=[-3,'x'],
    interval=[0,.9,100,'nan','x'],
    max_error=[0,-1,'nan','inf','x'],
    max_days=[-1,10**6,1.5,'x'],
    mask_values=[-1,300,'x'],
    bands=[('a','a','b','c','d','e')],
    scenes=[('s1.tif','nowhere.tif','s3.tif'),('.','s2.tif','s3.tif'),()],
    masks=[('nowhere.tif','m2.tif','m3.tif')],
    dates=[()],
    archive=['.','s1.tif','nowhere.csv'],
    workers=[0,-1],
    memory_limit=['much'],
    nonsense=[1],
    granules=['.'],
    cube=['s1.tif'])
train_options = dict(
    epochs=[0,-1,'x'],
    batch_size=[0,-2],
    lr=['nan',-1,'inf'],
    width=[10**8,0,-4],
    crop=[0,1000,(1,2,3)],
    resize=[20000,-1],
    cloud_range=[(0.9,0.1),('nan',1)],
    mask_position=[4,'x',''],
    seed=[-1,2**70],
    device=['cpu:x','tpu'],
    num_workers=[-1],
    model=['nowhere.py','nonsense','ds'],
    minutes=[-1,'nan'],
    training_length=[0,-5,10**9],
    precision=['fp8'],
    split=['x'],
    select_on=['x'],
    start=['x'],
    nearly_hidden=[-1,2,'nan'],
    norm_statistics=['batch'],
    weight_average=[-1,1,'nan'],
    lr_schedule=['x'],
    monitor=['x'],
    recipe=['x'],
    job_id=['../x','a/b','j'*300,'.'],
    n_bands=[0,7],
    time_steps=[0,4],
    dataroot=['nowhere','ds/chip_catalog.csv'],
    checkpoint_dir=['nowhere','ds'],
    weights=['nowhere.pt'],
    cache_dir=['ds/chip_catalog.csv'],
    out_dir=['ds/chip_catalog.csv'],
    data_on_device=['perhaps'],
    visualization=['film'])
compare_options = dict(
    fillers=['nonsense',''],
    mean=['nonsense,linear','linear',',',''],
    batch_size=[0],
    protocol=['x'],
    split=['x'],
    seeds=['x'],
    mask_position=[4],
    device=['tpu'],
    dataroot=['nowhere','ds/chip_catalog.csv'],
    time_steps=[2,-1],
    n_bands=[5],
    out_dir=['ds/chip_catalog.csv'],
    cache_dir=['ds/cloud_catalog.csv'],
    runs=['ds','nowhere'],
    dataset=['nowhere.py','nonsense'])
check_options = dict(
    time_steps=[0,2],
    n_bands=[7,-1],
    dataset=['nowhere.py','x'],
    out=['ds','nowhere/report.csv'])
stats_options = dict(
    checkpoint_dir=['nowhere','ds','runs/u/config.yml'],
    batch_size=[0,-1],
    mask_position=[9],
    device=['cpu:x'],
    protocol=['x'],
    dataroot=['nowhere'],
    n_bands=[5],
    out_dir=['ds/chip_catalog.csv'])
cut_options = dict(
    size=[0,-8,1000],
    stride=[0,-1],
    min_clear=[2,'nan'],
    min_cloud=[-1],
    time_steps=[0,13],
    min_days=[-1],
    split=['x'],
    layout=['x'],
    blocks=[0],
    fraction=[0,2],
    name=['../../x','a/b','n'*300,''])

def to_fifo(w):
    "The output folder is a named pipe"
    os.mkfifo(w.folder/'pipe')
    w.option('out_dir', 'pipe')

def below_file(w): w.option('out_dir', 's1.tif/out')

def among_inputs(w):
    "The output folder holds the inputs"
    w.option('out_dir', '.')

def overwrite_inputs(w):
    w.option('out_dir', '.')
    w.command.append('--overwrite')

def over_folder_of_inputs(w):
    "The output folder is that of the scenes, with a file of the user"
    (w.folder/'thesis.txt').write_text('mine')
    overwrite_inputs(w)

def over_catalog(w): w.option('out', 'ds/chip_catalog.csv')
def over_chip(w): w.option('out', 'ds/chips_filtered/chip_017_000_merged.tif')

def partial_of_the_user(w):
    "A folder `partial` of the user lies where results go"
    mine = w.folder/'mine/partial'
    mine.mkdir(parents=True)
    (mine/'my_notes.txt').write_text('mine')
    w.option('out_dir', 'mine')

def quality_name(w):
    "Two scenes whose results would have one name"
    (w.folder/'s2.tif').rename(w.folder/'s1.qa.tif')
    w.option('scenes', 's1.tif', 's1.qa.tif', 's3.tif')

def same_name(w):
    "Two scenes of one name in two folders"
    (w.folder/'b').mkdir()
    (w.folder/'s2.tif').rename(w.folder/'b/s1.tif')
    w.option('scenes', 's1.tif', 'b/s1.tif', 's3.tif')

def absolute_name(w): w.option('name', w.folder.parent/'x')

def numbered(result): return {(str(k), ''): a for k,a in enumerate(result.values())}

def option_cases():
    out = []
    for command,input,options in (('fill','scenes',fill_options), ('train','train',train_options),
        ('compare','compare',compare_options), ('check','check',check_options), ('stats','stats',stats_options),
        ('chips','cut',cut_options)):
        for name,wrong in options.items():
            out += [option(input, name, *(v if isinstance(v, tuple) else (v,)), command=command) for v in wrong]
    free = dict(refuse=False)
    out += [
        option('scenes', 'time_steps', 99, **free),
        option('scenes', 'batch_size', 10**9, **free),
        option('scenes', 'window', 10**9, **free),
        option('scenes', 'time_steps', 0, **free),
        option('scenes', 'nodata', 'nan', **free),
        option('scenes', 'nodata', 10**9, **free),
        option('scenes', 'nodata', .5, **free),
        option('scenes', 'dilate', 10**9, refuse=False, free=True)]
    new = [('mask_kind','x'), ('mask_threshold','x'), ('mask_threshold','inf'), ('mask_threshold',-1),
        ('dates_file','nowhere.csv'), ('dates_file','.'), ('dates_file','s1.tif'), ('scale','x'), ('scale',-1e-4),
        ('offset','nan'), ('stack','x')]
    out += [option('scenes', *o, needs=(o[0],)) for o in new]
    name = 'options'
    return out + [
        Case(name, 'fill into a named pipe', 'scenes', to_fifo, refuse=True),
        Case(name, 'fill below a file', 'scenes', below_file, refuse=True),
        Case(name, 'fill among the inputs', 'scenes', among_inputs, refuse=True),
        Case(name, 'fill over the inputs', 'scenes', overwrite_inputs, refuse=True),
        Case(name, 'chips over the scenes', 'cut', over_folder_of_inputs, refuse=True),
        Case(name, 'check over the catalog', 'check', over_catalog, refuse=True),
        Case(name, 'check over a chip', 'check', over_chip, refuse=True),
        Case(name, 'compare where the user has a folder partial', 'compare', partial_of_the_user, free=True),
        Case(name, 'fill where two results have a name', 'scenes', quality_name, refuse=True),
        Case(name, 'fill scenes of one name', 'scenes', same_name, apart=numbered),
        Case(name, 'chips of an absolute name', 'cut', absolute_name, refuse=True)]
