"Folders of runs: options, weights, histories, checkpoints, tables"
from .damage import *
from .cases_rasters import every
from .judge import Case

def run_cases(): return [*config_cases(), *weight_cases(), *history_cases(), *checkpoint_cases(), *graph_cases()]

run = 'runs/u'
nested = {k: k for k in range(3)}

config_wrong = {
    'no time_steps': option_of('time_steps', gone),
    'no n_bands': option_of('n_bands', gone),
    'no mask_position': option_of('mask_position', gone),
    'no model': option_of('model', gone),
    'no width': option_of('width', gone),
    'time_steps text': option_of('time_steps', 'three'),
    'time_steps 0': option_of('time_steps', 0),
    'time_steps 3.5': option_of('time_steps', 3.5),
    'time_steps list': option_of('time_steps', [3]),
    'n_bands 5': option_of('n_bands', 5),
    'n_bands null': option_of('n_bands', None),
    'mask_position a number': option_of('mask_position', 2),
    'mask_position nested': option_of('mask_position', [[2]]),
    'mask_position 9': option_of('mask_position', ['9']),
    'batch_size text': option_of('batch_size', '4'),
    'batch_size -4': option_of('batch_size', -4),
    'batch_size 10⁹': option_of('batch_size', 10**9),
    'model 5': option_of('model', 5),
    'model list': option_of('model', ['unet']),
    'model unknown': option_of('model', 'nonsense'),
    'model empty': option_of('model', ''),
    'model cgan': option_of('model', 'cgan'),
    'split list': option_of('split', [1]),
    'split unknown': option_of('split', 'nonsense'),
    'cache_dir 7': option_of('cache_dir', 7),
    'training text': option_of('training', 'x'),
    'model_cap 1e9': option_of('model_cap', 10**9),
    'n_sampling 99': option_of('n_sampling', 99),
    'width 10⁸': option_of('width', 10**8),
    'width text': option_of('width', 'wide'),
    'width -4': option_of('width', -4),
    'crop text': option_of('crop', 'x'),
    'crop 1000': option_of('crop', 1000),
    'resize 20000': option_of('resize', 20000),
    'resize list of text': option_of('resize', ['a', 'b']),
    'dataset a path': option_of('dataset', 'own.py'),
    'dataset 7': option_of('dataset', 7),
    'dataroot gone': option_of('dataroot', '/nowhere'),
    'dataroot 7': option_of('dataroot', 7),
    'seed text': option_of('seed', 'x'),
    'monitor 7': option_of('monitor', 7),
    'select_on list': option_of('select_on', ['a']),
    'checkpoint_dir itself': option_of('checkpoint_dir', 'runs/u'),
    'checkpoint_dir 7': option_of('checkpoint_dir', 7),
    'uncertainty text': option_of('uncertainty', 'perhaps'),
    'skip_bad text': option_of('skip_bad', 'perhaps'),
    'published layout': option_of('model', dict(model='unet')),
    'a list': put(b'- 1\n- 2\n'),
    'a text': put(b'hello\n'),
    'a number': put(b'7\n'),
    'nothing but a comment': put(b'# nothing\n'),
    'open brackets': put(b'a: '+b'['*5000),
    'tabs': put(b'a:\n\t- 1\n'),
    'Python tag': put(b'!!python/object/apply:os.system ["touch marker"]\n'),
    'aliases': aliases('seed'),
    'aliases of mask_position': aliases('mask_position'),
    'NUL bytes': recode(lambda b: b[:50]+b'\0'+b[50:]),
    'latin letters': recode(lambda b: b+b'note: \xe9\n')}

def own_file(p, w):
    "A Python file that came along is named as the network"
    (p.parent/'net.py').write_text(f"open({str(w.folder/'marker')!r}, 'w').write('x')\n")
    option_of('model', 'runs/u/net.py')(p, w)

def own_dataset(p, w):
    "A Python file that came along is named as the dataset"
    (p.parent/'data.py').write_text(f"open({str(w.folder/'marker')!r}, 'w').write('x')\n")
    option_of('dataset', 'runs/u/data.py')(p, w)

def published_file(p, w):
    "The same, as the published code writes it"
    own_file(p, w)
    c = yaml.safe_load(p.read_text())
    c['model'] = dict(model='runs/u/net.py', model_cap=4, n_sampling=2, n_scales=2)
    p.write_text(yaml.safe_dump(c | dict(dataset=dict(time_steps=3, n_bands=6, root=c['dataroot'], name='gapfill',
        mask_position=['2']), training={})))

def precious(w):
    "The cache of a stranger's run is a folder with files of the user"
    mine = w.folder/'mine'
    mine.mkdir()
    for n in ('.film.mp4.part','.chips.part','notes.txt'): (mine/n).write_text('mine')
    on('runs/u/config.yml', option_of('cache_dir', str(mine)))(w)
    w.option('cache_dir', None)

def config_cases():
    out = every('config, stats', 'stats', f'{run}/config.yml', bytes_kinds)
    for k,f in config_wrong.items():
        # what stats does not use may be anything
        out.append(Case('config, stats', k, 'stats', on(f'{run}/config.yml', f),
            free=k in ('mask_position 9','published layout','resize 20000')))
    out += [Case('config, stats', k, 'stats', on(f'{run}/config.yml', f))
        for k,f in (('a file as network',own_file), ('a file as dataset',own_dataset),
        ('a file in the published layout',published_file))]
    out.append(Case('config, stats', "cache_dir is the user's", 'stats', precious))
    some = ('no time_steps','n_bands 5','model 5','model list','model unknown','width 10⁸','a list','open brackets',
        'Python tag','aliases')
    for reader,input in (('config, fill','fill by run'), ('config, visualize','visualize'),
        ('config, compare','compare run')):
        out += [Case(reader, k, input, on(f'{run}/config.yml', config_wrong[k])) for k in some]
        out += [Case(reader, k, input, on(f'{run}/config.yml', bytes_kinds[k]))
            for k in ('empty','named pipe','folder')]
        out.append(Case(reader, 'a file as network', input, on(f'{run}/config.yml', own_file)))
    out.append(Case('config, compare', 'checkpoint_dir itself', 'compare run',
        on(f'{run}/config.yml', config_wrong['checkpoint_dir itself'])))
    return out + [Case('config, resume', k, 'resume', on(f'{run}/config.yml', (config_wrong | bytes_kinds)[k]))
        for k in ('aliases','open brackets','no time_steps','a list','empty','missing','seed text',
        'mask_position nested')]

# Weights

def old_weights(content):
    "Weights in a .pt file of the published name, in place of ours"
    def damage(w):
        p = w.touch(f'{run}/best.safetensors')
        p.unlink()
        q = w.touch(f'{run}/model_gnet_best.pt')
        content(q, w)
    return damage

def header(p, w):
    "A header that claims to be long"
    b = p.read_bytes()
    p.write_bytes(struct.pack('<Q', 1<<60)+b[8:])

def shapes(t):
    "One array transposed or cut"
    k = sorted(t)[0]
    t[k] = np.ascontiguousarray(t[k][:1])

def lost(t): t.pop(sorted(t)[0])
def more(t): t['stranger'] = np.zeros(3, 'f4')
def halves(t): return {k: v.astype('f2') if v.dtype.kind=='f' else v for k,v in t.items()}
def whole_numbers(t): return {k: v.astype('i4') for k,v in t.items()}

weights_wrong = {
    'NaN': number(np.nan),
    'inf': number(np.inf),
    'NaN in the last': number(np.nan, -1),
    'other shape': tensors(shapes),
    'an array lost': tensors(lost),
    'an array more': tensors(more),
    'whole numbers': tensors(whole_numbers),
    'a long header': header,
    'no arrays': tensors(lambda t: dict(a=np.zeros(1, 'f4'))),
    'no metadata': about(lambda m: None),
    'config a list': about(lambda m: dict(config='[1]')),
    'config no JSON': about(lambda m: dict(config='{')),
    'config a number': about(lambda m: dict(config='7')),
    'config nested': about(lambda m: dict(config='['*100000)),
    'arguments a text': config_of_weights(lambda c: c | dict(arguments='x')),
    'arguments a list': config_of_weights(lambda c: c | dict(arguments=[1])),
    'arguments unknown': config_of_weights(lambda c: c | dict(arguments=dict(nonsense=1))),
    'another model': config_of_weights(lambda c: c | dict(model='vit')),
    'width of text': config_of_weights(lambda c: c | dict(width='x')),
    'a file as model': config_of_weights(lambda c: c | dict(model='runs/u/net.py'))}

def weight_cases():
    out = []
    file = f'{run}/best.safetensors'
    for reader,input in (('weights, stats','stats'), ('weights, fill','fill by run')):
        out += every(reader, input, file, {k: f for k,f in bytes_kinds.items() if k!='zeros at the end'}) # has no sum
        out += every(reader, input, file, weights_wrong, free=False)
        out += [Case(reader, f'.pt {k}', input, old_weights(f))
            for k,f in (('that runs a command',evil), ('with numbers as keys',pickle_of(lambda w: {1: 2})),
            ('of a list',pickle_of(lambda w: [1])), ('cut',both_pt), ('of text',lambda p,w: p.write_bytes(text)))]
    out += [Case('weights, visualize', k, 'visualize', on(file, (weights_wrong | bytes_kinds)[k]))
        for k in ('NaN','empty','other shape','config a list','named pipe')]
    out += [Case('weights, compare', k, 'compare run', on(file, (weights_wrong | bytes_kinds)[k]))
        for k in ('NaN','empty','other shape','arguments a list','named pipe')]
    return out + [Case('weights, start', k, 'start', on(file, (weights_wrong | bytes_kinds)[k]))
        for k in ('NaN','empty','other shape','named pipe','cut in half')]

def both_pt(p, w):
    import torch
    torch.save(dict(a=torch.zeros(1000)), p)
    os.truncate(p, p.stat().st_size//2)

# Histories

history_wrong = {
    'no epoch': drop('epoch'),
    'text for a number': cell('valid_gap_mae', 'good'),
    'epoch 1.5': cell('epoch', '1.5'),
    'epoch empty': cell('epoch', ''),
    'epoch inf': cell('epoch', 'inf'),
    'epoch -1': cell('epoch', '-1'),
    'epoch 10³⁰': cell('epoch', '1e30'),
    'semicolons': recode(lambda b: b.replace(b',', b';')),
    'epoch twice as column': twice('epoch')}

def logs(content):
    "A log in place of a history"
    def damage(w):
        (w.folder/run/'history.csv').unlink()
        w.touch(f'{run}/log_training.txt').write_bytes(content)
    return damage

def history_cases():
    name,input = 'history','curves'
    out = every(name, input, f'{run}/history.csv',
        bytes_kinds | {k: f for k,f in table_kinds.items() if k!='a row twice'})
    # without a history the log is read
    out = [c._replace(twin=on(f'{run}/history.csv', missing)) if c.name in ('missing','loose link') else c for c in out]
    out += every(name, input, f'{run}/history.csv', readable_kinds, right=True)
    out += every(name, input, f'{run}/history.csv', history_wrong, free=False)
    out += [Case(name, f'log {k}', input, logs(b), refuse=True)
        for k,b in (('empty',b''), ('noise',bytes(range(256))*20),
        ('of 5000 digits',b'epoch '+b'9'*5000+b', valid_ssim:0.12345678\n'),
        ('without numbers',b'epoch   1, train_g_loss: good, valid_ssim: fine\n'))]
    return out + [Case(name, f'chips {k}', 'start', on(f'{run}/training_tifs.csv', f))
        for k,f in (('empty',empty), ('folder',folder), ('no chip_id',drop('chip_id')), ('noise',noise),
        ('missing',missing))]

# Checkpoints

state_wrong = {
    'epoch text': state(epoch='two'),
    'epoch 10⁹': state(epoch=10**9),
    'epoch -1': state(epoch=-1),
    'epoch NaN': state(epoch=float('nan')),
    'i text': state(i='x'),
    'i 10⁹': state(i=10**9),
    'i -5': state(i=-5),
    'no history': state(history=None),
    'history of numbers': state(history=[1]),
    'history of text': state(history='x'),
    'history without epoch': state(history=[dict(a=1)]),
    'seconds text': state(seconds='x'),
    'no parts': state(parts={}),
    'parts a list': state(parts=[1]),
    'meter text': state(meter='x'),
    'a list': pickle_of(lambda w: [1]),
    'a number': pickle_of(lambda w: 7),
    'runs a command': evil}

def checkpoint_cases():
    file = f'{run}/checkpoints/last/state.pt'
    return every('checkpoint', 'resume', file, few_kinds) + every('checkpoint', 'resume', file, state_wrong)

# Tables of a run

stats_wrong = {'no chip_id': drop('chip_id'), 'text for a number': cell('strict_mae', 'good'),
    'odd date': cell('first_image_date', 'date-odd')}

def graph_cases():
    name,input = 'tables of a run','per image'
    out = every(name, input, f'{run}/chip_stats.csv',
        few_kinds | {'only a header': table_kinds['only a header'],
        'NUL bytes': table_kinds['NUL bytes']} | stats_wrong, 'chips ')
    return out + every(name, input, f'{run}/band_stats.csv',
        {k: few_kinds[k] for k in ('empty','cut in half','web page',
        'folder')} | {'text for a number': cell('strict_mae', 'good', 2), 'no band': drop('band'),
        'only a header': table_kinds['only a header']}, 'bands ')
