"Test places.py on simulated places, without any real file: `python experiments/places/test_places.py`"
import io
import tempfile
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from fastcore.test import *

import places
from gapfill_baseline.core import HLS, Filler, Pred
from gapfill_baseline.models import get_filler
from gapfill_baseline.sample import clouds, simulate
from hiding import *
from places import *
from real_places import *
from real_places import _tortilla

SIDE = 40
dark = np.float32([.1]*6)[:,None,None] # reflectance of a cloud that brightness does not show

def simulated_place(
    k:int, # number of the place
    site:str=None, # None = its own
    share=(.3,0,.6,.15,1,0) # of each date that is cloud
):
    "Simulate a place whose clouds hold a shadow in its upper quarter; three pixels were not measured on the first date"
    days = [date(2022,3,1)+timedelta(20*t+k) for t in range(len(share))]
    x = simulate(SIDE, days, seed=(7,k))*np.float32(HLS.scale)
    gap = np.stack([clouds(SIDE, s, (k,t)) for t,s in enumerate(share)])
    shadow = gap & (np.arange(SIDE) < SIDE//4)[:,None]
    measured = np.ones_like(gap)
    measured[0,0,:3] = False
    x = np.where(gap[:,None], dark, x)
    return make_place(f'p{k}', 'simulated', site or f's{k}', x, measured, gap, days, shadow)

real = [simulated_place(k) for k in range(4)]
p = real[0]
masks = np.stack([clouds(64, s, (9,k)) for k,s in enumerate((.05,.1,.3,.5,.7,.9,1))])
tasks = make_tasks(p, masks)

# Making a place: a pixel as bright as snow is neither clear nor shadow, and a date without any measurement is left out
x = np.full((4,6,SIDE,SIDE), np.float32(.1))
x[1,0,:10] = .6
nothing = np.zeros((4,SIDE,SIDE), bool)
measured = ~nothing
measured[3] = False
made = make_place('a', 'b', 'c', x, measured, nothing, [date(2022,1,k+1) for k in range(4)], nothing | True)
test_eq(made.clear_share.tolist(), [1,.75,1])
test_eq(made.shadow[1,:10].any(), False)
test_eq(made.days.tolist(), [0,1,2])
test_eq(is_eligible(made), True)
wide = np.zeros((1,300,230), bool)
test_eq(make_place('a', 'b', 'c', np.float32(wide[:,None]), ~wide, wide, made.dates[:1]).clear.shape, (1,224,224))
test_eq(is_eligible(made._replace(clear=made.clear[...,:31])), False)
test_eq(select(made, 'four').bands, ('blue','green','red','nir'))
test_eq(has_bands(select(made, 'four'), 'six'), False)
with expect_fail(ValueError, 'no tortilla'):
    f = io.BytesIO(b'TIFF'*10)
    f.name = 'x'
    _tortilla(f)

# Tasks hide clear pixels only, under the clouds of another date, and from a small to the whole share; they never change
for t in tasks:
    assert (t.hidden <= p.clear[t.t]).all() and t.hidden.any()
    assert t.donor not in (-1, t.t)
    test_eq(t.hidden, p.clear[t.t] & p.measured[t.donor] & ~p.clear[t.donor])
test_eq({t.t for t in tasks}, {0,1,2,3,5})
assert min(t.hidden.mean() for t in tasks) < .2 and max(t.share for t in tasks)==1
test_eq([t.hidden.sum() for t in tasks], [t.hidden.sum() for t in make_tasks(simulated_place(0), masks)])
test_eq(len({(t.t,t.donor) for t in tasks}), len(tasks))
clear = simulated_place(5, share=(0,)*6)
test_eq({t.donor for t in make_tasks(clear, masks)}, {-1})
test_eq(target_dates(clear, 3), [0,2,5])
long = {f: np.tile(getattr(clear, f), (7,1,1)) for f in ('clear','measured','shadow')}
long = clear._replace(dates=clear.dates*7, reflectance=np.tile(clear.reflectance, (7,1,1,1)), **long)
test_eq(len({t.t for t in make_tasks(long, masks)}), TASKS_LONG)

# Wrong masks: a grown one hides more, an eroded one less, missed clouds are whole parts, shadows are left in
for t in tasks:
    right = right_gap(p, t)
    gap = {case: wrong_gap(p, t, case) for case in cases[2:]}
    test_eq(gap['grown'] | right, gap['grown'])
    for case in ('eroded','missed','shadows'):
        assert (gap[case] <= right).all() and (gap[case] >= ~p.measured).all()
    assert gap['grown'].sum() > right.sum() > gap['eroded'].sum()
    missed = right & ~gap['missed']
    assert missed.sum() <= MISSED*right.sum()
    for m,r in zip(missed, right): assert not (grow(m, 1) & r & ~m).any() # no part is cut
    test_eq(right & ~gap['shadows'] & p.measured, right & ~gap['shadows'])
    assert not gap['shadows'][1:,:SIDE//4].any()
assert any((right_gap(p, t) & ~wrong_gap(p, t, 'missed')).any() for t in tasks)
test_eq(shown_in(p._replace(shadow=None), tasks[0], 'shadows'), None)
square = np.zeros((9,9), bool)
square[2:8,2:8] = True
test_eq(erode(square, 2).sum(), 4)
test_eq(erode(np.ones((9,9), bool), 2).all(), True) # the edge of the image is no rim

# Pixels that a wrong mask shows hold the cloud of the donor, or a painted one, never the true reflectance
for t in tasks:
    shown = shown_in(p, t, 'eroded')
    test_close(shown.reflectance[t.t][:,t.hidden], np.broadcast_to(dark[:,0], (6, t.hidden.sum())))
    test_close(shown.reflectance[0,:,0,0], np.where(t.hidden[0,0] & (t.t==0), dark[:,0,0], PAINT))
task = max(make_tasks(clear, masks), key=lambda t: t.share)
test_close(shown_in(clear, task, 'eroded').reflectance[task.t][:,20,20], PAINT)
test_eq(opacity(square)[1:5,4].tolist(), [0,.25,.5,.75]) # a painted cloud is thin at its rim

# The last date: no later date is shown, everything else is the same
for t in tasks:
    shown = shown_in(p, t, 'last')
    if t.t < 2: test_eq(shown, None)
    else:
        test_eq(len(shown.gap), t.t+1)
        test_eq(shown.gap, shown_in(p, t, 'right').gap[:t.t+1])

# A filler that knows the reference has an error of 0; the sample itself has zeros in place of the reference
class Perfect(Filler):
    "The truth of a place"
    def __init__(self, place): self.truth = torch.from_numpy(place.reflectance)[None]
    def predict(self, s): return Pred(self.truth[:,:s.gap.shape[1]])

class Peeking(Filler):
    "The reference of the sample, and where there is none the mean of what is valid"
    def predict(self, s):
        assert not s.valid.any() and not s.target.any()
        return Pred(s.target)

by_case = place_sums(Perfect(p), p, tasks).groupby('case')[['absolute','n']].sum()
test_eq(by_case.absolute[['right','last']].tolist(), [0,0])
sums = place_sums(Peeking(), p, tasks)
right = sums[sums.case=='right']
truth = sum(p.reflectance[t.t][:,t.hidden].sum(dtype=np.float64) for t in tasks)
test_close(right.absolute.sum(), truth, 1e-3)
test_eq(right.n.sum(), 6*sum(t.hidden.sum() for t in tasks))

# Other reflectance under the hidden pixels changes no prediction
linear = get_filler('linear')
for t in tasks:
    other = p.reflectance.copy()
    other[t.t][:,t.hidden] = 9
    for case in cases:
        a,b = (shown_in(q, t, case) for q in (p, p._replace(reflectance=other)))
        if a is not None: test_eq(fill_date(linear, a, p, t.t), fill_date(linear, b, p, t.t))

# A filler of three dates sees three
class Three(Filler):
    "The day of the date, for a filler of three dates"
    time_steps = 3
    def predict(self, s): return Pred(s.doy[...,None,None,None].expand_as(s.observed))

test_eq(fill_date(Three(), shown_in(p, tasks[0], 'right'), p, tasks[0].t)[:,tasks[0].hidden].max(), p.doy[tasks[0].t])

# Sums of errors by days to the nearest clear date
days = np.array([[1,5,6,80,81,NO_CLEAR_DATE]])
test_eq(group_days(days).tolist(), [[0,0,1,4,5,6]])
test_eq([days_labels()[k] for k in group_days(days)[0]], ['1–5','1–5','6–10','41–80','over 80','never clear'])
test_eq(len(days_labels()), len(day_bins)+2)
whole_date = max(tasks, key=lambda t: t.share)
away = days_to_clear(right_gap(p, whole_date), p.days)[whole_date.t][whole_date.hidden]
assert (group_days(away) >= days_labels().index('11–20')).all() # dates are 20 days apart

# Leave-one-site-out: noise at the own site changes nothing, noise elsewhere does; one site may have two places
def noisy(place):
    "Give a place random reflectance"
    return place._replace(reflectance=np.random.default_rng(0).random(place.reflectance.shape, np.float32))

def weights(*ps):
    "Learn the prior for site s0"
    return prior_from_others('s0', ps).two.weights

clearer = [simulated_place(k, share=(.05,0,.02,0,.05,0)) for k in range(3)]
twin = simulated_place(7, 's0', (0,)*6)
test_eq(weights(*clearer, twin), weights(noisy(clearer[0]), *clearer[1:], noisy(twin)))
assert (weights(*clearer)-weights(*clearer[:2], noisy(clearer[2]))).abs().max() > 1e-3
with patch.object(places, 'prior_from_others', lambda site, ps: site):
    test_eq(build('bayes, other places', p, real, {}).prior, 's0')
test_eq([len(v) for v in clear_dates(p, .9)], [2,2,2])
test_eq(clear_dates(p, .8)[0].shape[-1], p.clear[p.clear_share >= .8].all(0).sum())

# A model from elsewhere is a row for the bands that it takes, and sees no more dates than it declares
with tempfile.TemporaryDirectory() as tmp:
    model_file = Path(tmp)/'latest.py'
    model_file.write_text('''
declaration = dict(bands=['blue','green','red','nir','swir_1','swir_2'], dates=[1,3])
def fill(observed, gap, days, doy, year, lat, lon, bands): return observed.sum(1, keepdim=True).expand_as(observed)
''')
    others = places._named_models([f'mine:{model_file}::none'])
    test_eq([places.takes(others['mine'], band_sets[k]) for k in ('six','four')], [True,False])
    mine = build('mine', p, real, others)
    test_eq(dates_for(mine, ~p.clear, p, 1).tolist(), [0,1,2])
    for n in (len(p.clear), 4, 2): # the first dates alone; fewer than it takes are shown as well
        shown = Shown(p.reflectance[:n], ~p.clear[:n], p.clear[1])
        assert np.isfinite(fill_date(mine, shown, p, 1)).all()

    # Of a network of single pixels, only the hidden ones are asked for, and the image is the same
    pixels = {}
    for name,fact in dict(all='', hidden=', pixelwise=True').items():
        file = Path(tmp)/f'{name}.py'
        file.write_text(f'''
asked = []
declaration = dict(bands=['blue','green','red','nir','swir_1','swir_2']{fact})
def fill(observed, gap, days, doy, year, lat, lon, bands):
    asked.append(gap[0,0].numel())
    return observed.sum(1, keepdim=True).expand_as(observed)/(~gap).sum(1)[:,None,None].clamp(min=1)
''')
        filler = build_model(places.Model(str(file), '', 'none'), p)
        shown = Shown(p.reflectance, ~p.clear, p.clear[1])
        pixels[name] = fill_date(filler, shown, p, 2),filler.net.model.fill.__globals__['asked']
    test_close(pixels['hidden'][0], pixels['all'][0], 1e-6)
    test_eq([asked for _,asked in pixels.values()], [[SIDE*SIDE], [(~p.clear[2]).sum()]])

# A filler without training is shown whole images: where a pixel is never clear, `linear` takes the mean of the others
never = ~p.clear
never[:,:5] = True
shown = Shown(p.reflectance, never, p.clear[1])
whole_image = get_filler('linear')(as_batch(shown.reflectance, shown.gap, p, np.arange(len(never)))).mean[0,1].numpy()
test_eq(fill_date(get_filler('linear'), shown, p, 1), whole_image)
with expect_fail(ValueError, "models has 'a:b'; write NAME:MODEL:WEIGHTS:ADAPT"): places._named_models(['a:b'])

# Tables: all places weigh the same, one site is drawn together, the last date stands apart, the worst place is named
def made_sums(place, mae, case='right', right=None, n=100, filler='f'):
    "Make the sums of a place"
    facts = dict(bands='six', filler=filler, place=place, case=case, task=0, date='2022-01-01', share=.5, exposed=0.)
    return facts | dict(band='red', days=0, n=n, absolute=mae*n, right=(mae if right is None else right)*n)

rows = [made_sums('a', .1), made_sums('b', .2, n=900), made_sums('c', .6), made_sums('a', .3, 'last', .1),
        made_sums('b', .25, 'grown', .2)]
facts = pd.DataFrame(dict(place=['a','b','c'], site=['x','x','y'], source=['u','v','v'],
                          clouds=['its own','real_masks_224','its own']))
better = [r | dict(filler='linear', absolute=r['absolute']-.05*r['n']) for r in rows[:3]] # by .05 everywhere
tables = tables_of(pd.DataFrame(rows+better), facts)
one = tables['summary'].iloc[1]
test_close([one.difference, one.difference_low, one.difference_high], [.05]*3)
test_close([one.mae, one.mae_of_sources, one.worst_mae], [.3,.25,.6])
test_eq(one.worst_place, 'c')
test_close([one['last'], one.last_with_later, one.grown], [.3,.1,.05])
test_eq(tables['by_case'][['case','clouds']].values.tolist(), [['last','all'],['grown','all'],['last','its own']])
test_close([one.low, one.high], [.15,.6]) # of two sites a sample holds one alone in half of all cases
test_eq(tables['by_days'].days.tolist(), ['1–5']*2)
test_close(tables['by_place'].mae.tolist()[:3], [.1,.2,.6])

# The program: stored sums are kept, a new filler is added, the tables have the columns of the stored ones
stored = Path(__file__).resolve().parents[2]/'nbs/stored/places'
with tempfile.TemporaryDirectory() as tmp:
    out,work = Path(tmp)/'out',Path(tmp)/'work'
    simulated = dict(read_places=lambda folder: (real[:2], {'q': 'why'}), read_masks=lambda folder: masks,
                     source_table=lambda folder: pd.DataFrame(dict(source=['simulated'])))
    with patch.multiple(places, **simulated):
        compare_places('x', out, work, ['linear'])
        file = work/'six'/'p0'/'linear.csv'
        pd.read_csv(file).assign(absolute=1e9).to_csv(file, index=False)
        table = compare_places('x', out, work, ['linear','mean'])
        network = compare_places('x', out, work, ['linear'], [f'unet:{stored.parent}/unet_0.1.0'])
        test_eq(network[['bands','filler']].values.tolist(), [['six','unet'],['six','linear'],['four','linear']])
        once,twice = Path(tmp)/'once',Path(tmp)/'twice'
        compare_places('x', once, work, ['linear','mean','regression'])
        compare_places('x', twice, work, ['linear','mean'])
        for name in ('by_case','sources'): (twice/f'{name}.csv').unlink()
        compare_places('x', twice, work, ['linear','regression'], keep=True)
        test_eq({p.stem for p in twice.iterdir()}, {p.stem for p in once.iterdir()}-{'by_case','sources'})
        for name in set(tables)-{'by_case'}: # the same rows, in another order
            keys = [*by_filler, *{'by_place': ['place'], 'by_band': ['band'], 'by_days': ['days']}.get(name, [])]
            both = [pd.read_csv(folder/f'{name}.csv').sort_values(keys, ignore_index=True) for folder in (once, twice)]
            pd.testing.assert_frame_equal(*both, rtol=1e-4)
        with expect_fail(ValueError, 'no stored row was filled again'):
            compare_places('x', twice, work, ['closest'], keep=True)
        pd.read_csv(file).assign(absolute=2e9).to_csv(file, index=False)
        with expect_fail(ValueError, 'keep: linear has an error of'):
            compare_places('x', twice, work, ['linear'], keep=True)
        with expect_fail(ValueError, 'lineer'): compare_places('x', out, work, ['lineer'])
        with expect_fail(ValueError, 'NAME:FOLDER'): compare_places('x', out, work, ['linear'], ['a'])
    six = table[table.bands=='six']
    test_eq(list(six.filler), ['mean','linear'])
    assert six.mae.iloc[1] > 1e3 > 1 > six.mae.iloc[0] # the file was kept
    for name in tables:
        test_eq(list(pd.read_csv(out/f'{name}.csv')), list(pd.read_csv(stored/f'{name}.csv', nrows=1)))
    test_eq('q' in set(pd.read_csv(out/'left_out.csv').name), True)
