"""Compare all fillers on real places that none of them has seen.

`python experiments/places/places.py --folder FOLDER --out nbs/stored/places` reads the files that `sources.csv` lists,
hides clear pixels of each place (hiding.py), fills them by every filler and stores the tables that the page
`nbs/experiments/places.ipynb` shows. Sums of errors are kept in --work, one file per place and filler, so a call that
was stopped continues, and a new filler costs its own time only. A network that was trained elsewhere is a row too:
`--runs NAME:FOLDER_OF_THE_RUN`. So is a model from elsewhere, with the path of its weights and an adaptation of
`gapfill_evaluate`: `--models NAME:MODEL:WEIGHTS:ADAPT`. Rows of one name with `#` and a number at the end are seeds of a
row: their errors are averaged. `--keep` adds rows to stored tables; a row that is filled again shows that they are of
the same places."""
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from fastcore.script import Param

from gapfill_baseline.core import HLS, Sample
from gapfill_baseline.evaluate import adapted
from gapfill_baseline.evaluation.adapt import AtLevel, Calibrated
from gapfill_baseline.fillers.bayes import learn_prior
from gapfill_baseline.models import BayesFill, KernelFill, band_prior, fillers, get_filler
from gapfill_baseline.networks.base import NetFill, map_images
from gapfill_baseline.networks.declared import DeclaredNet, OtherBands, read_model
from gapfill_baseline.parallel import in_order, workers
from gapfill_baseline.program import program, whole
from gapfill_baseline.results.intervals import pooled_interval
from gapfill_baseline.scenes.windows import NO_CLEAR_DATE, days_to_clear, select_dates
from gapfill_baseline.train.kinds import load_filler, run_bands
from gapfill_baseline.train.runs import read_config
from hiding import cases, make_tasks, right_gap, shown_in
from real_places import Place, band_sets, has_bands, left_out, read_masks, read_places, select, source_table

without_sense = 'zero', 'band_mean' # predictions that ignore the place
learners = {'bayes, other places': BayesFill, 'kernel, other places': KernelFill} # learn a prior from the other sites
day_bins = 5, 10, 20, 40, 80 # largest number of days of each group but the last
mean = torch.tensor(HLS.mean)*HLS.scale # of each band, reflectance
deviation = torch.tensor([.03,.035,.05,.1,.08,.08]) # of each band, reflectance, as in experiments/prior/prior.py
RIDGE_DATES = 6 # that a ridge from features is shown; it uses the features of two
EVERY = 4 # the cases of wrong masks are tried in every fourth task

# Learning from the other sites

def clear_dates(
    place:Place,
    least:float=.9, # share of a date that is clear
    most:int=14 # dates, evenly spaced
)->tuple: # reflectance (D,C,1,N) of the pixels clear on all of them, days (D,), days of the year (D,)
    "Take the clear dates of a place, as `learn_prior` needs them"
    dates = np.flatnonzero(place.clear_share >= least)
    if len(dates) > most: dates = dates[np.linspace(0, len(dates)-1, most).round().astype(int)]
    pixels = place.clear[dates].all(0)
    x = place.reflectance[dates][:,:,pixels][:,:,None]
    return tuple(torch.from_numpy(np.ascontiguousarray(v)) for v in (x, place.days[dates], place.doy[dates]))

def prior_from_others(
    site:str, # that is left out
    places, # `Place`s of one set of bands
    most:int=300 # examples per place
): # `BandPrior`
    "Learn a prior from the clear dates of all places of other sites"
    others = [p for p in places if p.site!=site]
    bands = others[0].bands
    dates = [clear_dates(p) for p in others]
    usual = (v[:len(bands)] for v in (mean, deviation))
    return learn_prior([d for d in dates if len(d[1]) > 1], bands, *usual, most=most)

class Model(NamedTuple):
    "A model from elsewhere"
    name:str # of `read_model`
    weights:str # path; '' = none
    adapt:str # none, calibrate or ridge

def build_model(
    model:Model, # from elsewhere
    place:Place # to fill
): # `Filler`
    "Build a model from elsewhere for a place"
    net = DeclaredNet(read_model(model.name, model.weights or None), place.bands)
    filler = adapted(net, model.adapt)
    if model.adapt=='ridge': filler.most_dates = RIDGE_DATES
    return filler

def build(
    row:str, # name of the row
    place:Place, # to fill
    places, # `Place`s of the same bands
    others:dict # name -> folder of a run, or a `Model`
): # `Filler`
    "Build the filler of a row for a place"
    other = others.get(row)
    if isinstance(other, Model): return build_model(other, place)
    if other: return load_filler(Path(other))
    if row in learners: return learners[row](prior_from_others(place.site, places))
    return get_filler(row).for_bands(place.bands)

# Filling

def as_batch(
    x:np.ndarray, # reflectance, float32, (T,C,H,W)
    gap:np.ndarray, # bool, (T,H,W)
    place:Place, # that the dates belong to
    dates # their positions, (T,)
)->Sample: # a batch of one; it holds no reference
    "Make what a filler is given: 0 in the gap, and neither `target` nor `valid`"
    observed = torch.from_numpy(np.where(gap[:,None], np.float32(0), x))[None]
    gap = torch.from_numpy(gap)[None]
    days,doy = (torch.from_numpy(v[dates])[None] for v in (place.days, place.doy))
    nothing = torch.zeros_like(observed),torch.zeros_like(gap)
    year = torch.tensor([[float(place.dates[t].year) for t in dates]])
    return Sample(observed, gap, days-days[:,:1], doy, *nothing, torch.arange(1), band_prior(place.bands)[None], year)

def dates_for(
    filler, # a `Filler`
    gap:np.ndarray, # bool, (T,H,W)
    place:Place,
    t:int # position of the date to fill
)->np.ndarray: # positions of the dates to show, ascending
    "Choose the most informative dates for a filler of a fixed or a largest number of dates"
    declaration = getattr(getattr(filler, 'net', None), 'declaration', None) # of a model from elsewhere
    largest = getattr(filler, 'most_dates', declaration and declaration.dates[1])
    k = filler.time_steps or largest
    if not k or k > len(gap): return np.arange(len(gap))
    return select_dates(gap[None], place.days[:len(gap)], np.array([t]), k)[0]

@torch.no_grad()
def fill_date(
    filler, # a `Filler`
    shown, # `Shown`
    place:Place,
    t:int # position of the date
)->np.ndarray: # reflectance, float32, (C,H,W)
    "Fill one date; a network that predicts single pixels is asked for the hidden ones alone"
    dates = dates_for(filler, shown.gap, place, t)
    at = list(dates).index(t)
    s = as_batch(shown.reflectance[dates], shown.gap[dates], place, dates)
    if isinstance(filler, Calibrated): filler = filler.at_level_of(s)
    if filler.reach!=0 or not isinstance(filler, (NetFill,AtLevel)): return filler(s).mean[0,at].numpy()
    hidden = s.gap[0,at]
    some = map_images(s, lambda x: x[...,hidden][...,None,:]) # as an image of one row
    filled = s.observed[0,at].clone()
    filled[:,hidden] = filler(some).mean[0,at,:,0]
    return filled.numpy()

# Sums of errors

def group_days(
    days:np.ndarray # to the nearest clear date, (H,W)
)->np.ndarray: # position of the group, 0 to len(day_bins)+1; the last = never clear
    "Group pixels by the days to their nearest clear date"
    return np.where(days==NO_CLEAR_DATE, len(day_bins)+1, np.searchsorted(day_bins, days))

class Errors(NamedTuple):
    "Absolute errors of a case and of the right masks, at the same pixels"
    case:np.ndarray # (C,H,W)
    right:np.ndarray # (C,H,W)
    scored:np.ndarray # bool, (H,W)
    days:np.ndarray # group of each pixel, (H,W)

def _rows(errors, bands):
    "Sum up errors by band and days to the nearest clear date"
    for group in np.unique(errors.days[errors.scored]):
        at = errors.scored & (errors.days==group)
        for c,band in enumerate(bands):
            sums = (float(e[c][at].sum(dtype=np.float64)) for e in (errors.case, errors.right))
            yield dict(zip(('absolute','right'), sums)) | dict(band=band, days=int(group), n=int(at.sum()))

def _cases_of(place, task, chosen):
    "Yield the chosen cases of a task and what is shown in them, the right masks first"
    for case in cases:
        if case not in chosen: continue
        if case not in ('right','last') and task.number%EVERY: continue
        shown = shown_in(place, task, case)
        if shown is not None: yield case,shown

def _task_rows(filler, place, task, chosen):
    "Fill the date of a task in the chosen cases: rows of sums"
    days = group_days(days_to_clear(right_gap(place, task), place.days)[task.t])
    of_task = dict(task=task.number, date=str(place.dates[task.t]), share=task.share)
    rows,right = [],None
    for case,shown in _cases_of(place, task, chosen):
        error = np.abs(fill_date(filler, shown, place, task.t)-place.reflectance[task.t])
        if right is None: right = error
        exposed = (task.hidden & ~shown.gap[task.t]).sum()/task.hidden.sum()
        facts = dict(case=case) | of_task | dict(exposed=float(exposed))
        rows += [facts | r for r in _rows(Errors(error, right, shown.scored, days), place.bands)]
    return rows

def place_sums(
    filler, # a `Filler`
    place:Place,
    tasks, # of `make_tasks`
    chosen=tuple(cases) # cases, `right` among them
)->pd.DataFrame: # one row per task, case, band and group of days: sums of absolute errors
    "Fill all tasks of a place"
    return pd.DataFrame([row for task in tasks for row in _task_rows(filler, place, task, chosen)])

# Tables. The error of a place is pooled over its pixels and bands; all places weigh the same. Places of one site are
# drawn together.

by_filler = ['bands','filler']
by_place = [*by_filler,'place']

def _pooled_mae(sums, by, error='absolute'):
    "Compute the pooled mean absolute error of each group"
    total = sums.groupby(by, sort=False)[[error,'n']].sum()
    return (total[error]/total.n).rename('mae')

def over_places(
    mae:pd.Series, # of each place
    site:pd.Series # of each place
)->tuple: # mean over the places, low, high
    "Average over places, with the interval of a bootstrap over sites"
    by_site = mae.groupby(site.reindex(mae.index))
    return tuple(pooled_interval(by_site.sum().to_numpy()[:,None], by_site.count().to_numpy()[:,None])[:,0])

def _mean_table(sums, by, site, error='absolute'):
    "Average the error over places for each group: n_places, mae, low, high"
    rows = []
    for key,g in sums.groupby(by, sort=False):
        mae = _pooled_mae(g, 'place', error)
        numbers = dict(zip(('mae','low','high'), over_places(mae, site)))
        rows.append(dict(zip(by, key)) | dict(n_places=len(mae)) | numbers)
    return pd.DataFrame(rows)

def _place_row(key, sums):
    "Make the row of a place: MAE with its interval over the hidden dates"
    by_date = sums.groupby('date')[['absolute','n']].sum()
    numbers = pooled_interval(by_date[['absolute']], by_date[['n']])[:,0]
    return dict(zip(by_place, key)) | dict(n_dates=len(by_date)) | dict(zip(('mae','low','high'), numbers))

def place_table(
    sums:pd.DataFrame # of all places and rows, see `read_sums`
)->pd.DataFrame: # bands, filler, place: MAE with its interval, and the MAE of dates that are the last of their series
    "Tabulate the error of each filler at each place"
    right = sums[sums.case=='right'].groupby(by_place, sort=False)
    table = pd.DataFrame([_place_row(key, g) for key,g in right])
    last = _pooled_mae(sums[sums.case=='last'], by_place).rename('last')
    return table.merge(last.reset_index(), 'left')

def case_table(
    sums:pd.DataFrame, # of all places and rows, see `read_sums`
    site:pd.Series # of each place
)->pd.DataFrame: # bands, filler, case: MAE, MAE with the right masks at the same pixels, and the difference (`loss`)
    "Tabulate how much wrong masks and the lack of later dates add to the error of each filler"
    other = sums[sums.case!='right']
    rows = []
    for key,g in other.groupby([*by_filler,'case'], sort=False):
        mae,right = (_pooled_mae(g, 'place', e) for e in ('absolute','right'))
        loss = dict(zip(('loss','low','high'), over_places(mae-right, site)))
        exposed = g.drop_duplicates(['place','task']).exposed.mean()
        facts = dict(zip((*by_filler,'case'), key)) | dict(n_places=len(mae), exposed=exposed)
        rows.append(facts | dict(mae=mae.mean(), right=right.mean()) | loss)
    return pd.DataFrame(rows)

def _worst_places(mae):
    "Find the place of the largest error of each filler"
    worst = mae.loc[mae.groupby(by_filler).mae.idxmax()]
    return worst.rename(columns=dict(place='worst_place', mae='worst_mae'))

def _over_sources(mae, source):
    "Average the errors first over the places of each source, then over the sources"
    of_source = mae.groupby([*by_filler, mae.place.map(source)]).mae.mean()
    return of_source.groupby(by_filler).mean().rename('mae_of_sources').reset_index()

def _against(mae, site, reference='linear'):
    "Compare each filler with the reference, place by place: mean difference and its interval"
    rows = []
    for (bands,filler),g in mae.groupby(by_filler, sort=False):
        base = mae[(mae.bands==bands) & (mae.filler==reference)].set_index('place').mae
        off = (g.set_index('place').mae-base).dropna()
        numbers = over_places(off, site) if len(off) else (np.nan,)*3
        rows.append((bands, filler, *numbers))
    return pd.DataFrame(rows, columns=[*by_filler,'difference','difference_low','difference_high'])

def _case_columns(table):
    "Make a table of each case: the errors of last dates, or the loss by a wrong mask"
    for case,g in table.groupby('case', sort=False):
        names = dict(mae='last', right='last_with_later') if case=='last' else dict(loss=case)
        yield g[[*by_filler,*names]].rename(columns=names)

def _best_first(table):
    "Sort rows by set of bands and error"
    return table.sort_values('mae').sort_values('bands', key=lambda b: b.map(list(band_sets).index), kind='stable')

def summary_table(
    sums:pd.DataFrame, # of all places and rows, see `read_sums`
    places:pd.DataFrame # place, site, source
)->pd.DataFrame: # one row per set of bands and filler, best first
    "Summarize each filler: MAE, the worst place, the difference to linear, the last date, the losses"
    facts = places.drop_duplicates('place').set_index('place')
    right = sums[sums.case=='right']
    table = _mean_table(right, by_filler, facts.site)
    mae = _pooled_mae(right, by_place).reset_index()
    for columns in (_worst_places(mae), _over_sources(mae, facts.source), _against(mae, facts.site)):
        table = table.merge(columns)
    for columns in _case_columns(case_table(sums, facts.site)): table = table.merge(columns, 'left')
    return _best_first(table)

def days_labels()->list: # of the groups of `group_days`
    "Name the groups of days"
    starts = [1, *(d+1 for d in day_bins)]
    return [f'{a}–{b}' for a,b in zip(starts, day_bins)] + [f'over {day_bins[-1]}','never clear']

def _cases_by_clouds(sums, places, site):
    "Tabulate the losses over all places, and over those whose clouds are their own"
    own = sums.place.isin(places.place[places.clouds=='its own'])
    parts = {'all': sums, 'its own': sums[own]}
    return pd.concat([case_table(part, site).assign(clouds=clouds) for clouds,part in parts.items() if len(part)])

def tables_of(
    sums:pd.DataFrame, # of all places and rows, see `read_sums`
    places:pd.DataFrame # place, site, source, clouds
)->dict: # name of the file -> table
    "Make all tables of scores"
    site = places.drop_duplicates('place').set_index('place').site
    right = sums[sums.case=='right']
    by_days = _mean_table(right, [*by_filler,'days'], site)
    by_days['days'] = by_days.days.map(dict(enumerate(days_labels())))
    return dict(summary=summary_table(sums, places), by_place=place_table(sums),
                by_case=_cases_by_clouds(sums, places, site),
                by_band=_mean_table(right, [*by_filler,'band'], site), by_days=by_days)

# The program

class Job(NamedTuple):
    "A place to fill by one row"
    bands:str # one of `band_sets`
    row:str # name of the row
    place:Place # to fill
    places:Any # all `Place`s of the same bands
    tasks:Any # of `make_tasks`
    others:dict # name -> folder of a run, or a `Model`
    file:Path # of the sums of errors
    cases:tuple=tuple(cases) # cases to try

def _fill_job(job):
    "Fill a place by one row and store the sums of its errors, unless they are there"
    if job.file.exists(): return
    filler = build(job.row, job.place, job.places, job.others)
    sums = place_sums(filler, job.place, job.tasks, job.cases)
    job.file.parent.mkdir(parents=True, exist_ok=True)
    with whole(job.file) as part: sums.to_csv(part, index=False)

def _file_of(work, bands, place, row):
    "Name the file of the sums of a place and a row"
    return Path(work)/bands/place/f"{row.replace(', ', '_').replace(' ', '_').replace('#', '_')}.csv"

def takes(
    other, # folder of a run, or a `Model`
    bands:tuple # names
)->bool:
    "Check whether a network takes these bands"
    if not isinstance(other, Model): return run_bands(read_config(other))==bands
    try: DeclaredNet(read_model(other.name, other.weights or None), bands)
    except OtherBands: return False
    return True

def jobs_of(
    places, # `Place`s
    masks:np.ndarray, # of elsewhere, bool, (N,h,w)
    rows, # names
    others:dict, # name -> folder of a run, or a `Model`; each fills the bands that it was trained with
    work # folder of the sums
)->list: # `Job`s, row by row
    "List the pairs of a place and a row that are to be filled"
    jobs = []
    for bands in band_sets:
        chosen = [select(p, bands) for p in places if has_bands(p, bands)]
        tasks = {p.name: make_tasks(p, masks) for p in chosen}
        fitting = [r for r in rows if r not in others or takes(others[r], band_sets[bands])]
        jobs += [Job(bands, row, p, chosen, tasks[p.name], others, _file_of(work, bands, p.name, row))
                 for row in fitting for p in chosen]
    return jobs

def read_sums(
    jobs # `Job`s that were done
)->pd.DataFrame: # sums of all of them
    "Read the sums of all places and rows"
    parts = [pd.read_csv(j.file).assign(bands=j.bands, filler=j.row.partition('#')[0], place=j.place.name) for j in jobs]
    return pd.concat(parts, ignore_index=True)

def facts_of(
    jobs # `Job`s
)->pd.DataFrame: # one row per set of bands and place
    "Tabulate the places"
    rows = []
    for job in {(j.bands,j.place.name): j for j in jobs}.values():
        p,tasks = job.place,job.tasks
        own = any(t.donor >= 0 for t in tasks)
        rows.append(dict(bands=job.bands, place=p.name, source=p.source, site=p.site, height=p.clear.shape[1],
                         width=p.clear.shape[2], dates=len(p.dates), clear_dates=len(p.scorable), tasks=len(tasks),
                         hidden_share=np.mean([t.share for t in tasks]), clouds='its own' if own else 'real_masks_224'))
    return pd.DataFrame(rows)

def _named_models(models):
    "Split NAME:MODEL:WEIGHTS:ADAPT of each model"
    named = {}
    for text in models or []:
        parts = text.split(':')
        if len(parts)!=4 or not parts[1]: raise ValueError(f"models has {text!r}; write NAME:MODEL:WEIGHTS:ADAPT.")
        named[parts[0]] = Model(*parts[1:])
    return named

def _named_runs(runs):
    "Split NAME:FOLDER of each run"
    pairs = [r.partition(':') for r in runs or []]
    for name,colon,folder in pairs:
        if not (name and colon and folder): raise ValueError(f"runs has {name!r}; write NAME:FOLDER of a run.")
    return {name: folder for name,_,folder in pairs}

def _store(out, tables):
    "Store tables, numbers with five digits"
    Path(out).mkdir(parents=True, exist_ok=True)
    for name,table in tables.items():
        with whole(Path(out)/f'{name}.csv') as part: table.to_csv(part, index=False, float_format='%.5g')

def _refuse_other_places(new, stored):
    "Refuse stored errors of places that differ from those of this call"
    columns = ['bands','place']
    there,here = (set(map(tuple, t[columns].values)) for t in (stored, new))
    if other := sorted(there ^ here):
        raise ValueError(f"keep: {other[0][1]} is only in one of the stored and the new tables. Leave --keep out.")
    pairs = stored.merge(new, on=by_place, suffixes=('_stored',''))
    if pairs.empty: raise ValueError("keep: no stored row was filled again for comparison. Add --fillers linear.")
    off = pairs[~np.isclose(pairs.mae, pairs.mae_stored, rtol=1e-4, atol=0)]
    for r in off.itertuples():
        raise ValueError(f"keep: {r.filler} has an error of {r.mae:.5g} at {r.place}, and {r.mae_stored:.5g} is stored. "
                         "Leave --keep out.")

def with_stored(
    tables:dict, # of `tables_of`
    out # folder of stored tables
)->dict: # of tables
    "Add the stored rows of fillers that this call has not filled; a table that is not stored is left out"
    files = {name: Path(out)/f'{name}.csv' for name in tables}
    stored = {name: pd.read_csv(file) for name,file in files.items() if file.exists()}
    for name in ('by_place','summary'):
        if name not in stored: raise ValueError(f"keep: {files[name]} does not exist. Leave --keep out.")
    _refuse_other_places(tables['by_place'], stored['by_place'])
    joined = {}
    for name,table in stored.items():
        new,old = tables[name],table.set_index(by_filler)
        others = old[~old.index.isin(new.set_index(by_filler).index)].reset_index()
        joined[name] = pd.concat([others[list(new)], new], ignore_index=True)
    return joined | dict(summary=_best_first(joined['summary']))

def _rows_wanted(names, others):
    "List the rows: the named fillers or all that make sense, and the networks from elsewhere"
    known = [*(n for n in fillers if n not in without_sense), *learners]
    unknown = [n for n in names or [] if n not in known]
    if unknown: raise ValueError(f"fillers has {unknown[0]!r}. Choose from: {', '.join(known)}.")
    return [*(names or known), *others]

def _fill_all(jobs, processors):
    "Fill by all jobs, several at once, and print each row that is complete"
    with workers(processors) as pool:
        for job,_ in zip(jobs, in_order(pool, _fill_job, jobs)):
            if job.place is job.places[-1]: print(f'{job.bands} bands, {job.row}', flush=True)

def _fill_places(folder, rows, others, work, right_masks_only, processors):
    "Fill all places of a folder by all rows; give the jobs, and why places are left out"
    places,missing = read_places(folder)
    for name,why in missing.items(): print(f'{name} is left out: {why}')
    jobs = jobs_of(places, read_masks(folder), rows, others, work)
    if right_masks_only: jobs = [j._replace(cases=('right','last')) for j in jobs]
    _fill_all(jobs, processors)
    return jobs,missing

@program
def compare_places(
    folder:str=None, # of the files that sources.csv lists; None = the one that GAPFILL_REAL_DATA names
    out:str='nbs/stored/places', # folder for the tables
    work:str='data/places', # folder for the sums of each place and filler; those that are there are kept
    fillers:Param('rows; all unless given', str, nargs='+')=None,
    runs:Param('networks that were trained elsewhere, each NAME:FOLDER', str, nargs='+')=None,
    models:Param('models from elsewhere, each NAME:MODEL:WEIGHTS:ADAPT', str, nargs='+')=None,
    processors:int=2, # places filled at once
    right_masks_only:bool=False, # leave the cases of wrong masks out
    keep:bool=False # keep the rows of other fillers that the tables in `out` have
)->pd.DataFrame: # the summary
    "Compare fillers on real places"
    folder = folder or os.environ.get('GAPFILL_REAL_DATA')
    if not folder: raise ValueError("folder is not given. Pass --folder, or set GAPFILL_REAL_DATA.")
    others = _named_runs(runs) | _named_models(models)
    rows = _rows_wanted(fillers, others)
    jobs,missing = _fill_places(folder, rows, others, work, right_masks_only, processors)
    facts = facts_of(jobs)
    absent = pd.DataFrame([*(left_out | missing).items()], columns=['name','why'])
    tables = tables_of(read_sums(jobs), facts)
    about = dict(places=facts, sources=source_table(folder), left_out=absent)
    if keep:
        tables = with_stored(tables, out)
        about = {name: table for name,table in about.items() if (Path(out)/f'{name}.csv').exists()}
    _store(out, tables | about)
    return tables['summary']

if __name__=='__main__': compare_places()
