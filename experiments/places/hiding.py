"""Hide clear pixels of a place in the shape of clouds, and change what a filler is shown.

A task hides one date of a place under the clouds of another date (its donor). Where the place has too few clouds, the
donor is a real mask of another place. All other dates keep their own gaps. A case decides which dates and masks the
filler gets in a task: the right masks, masks with an error, or only the dates up to the hidden one."""
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from rasterio.features import rasterize, shapes

from gapfill_baseline.reading.masks import grow
from real_places import Place

WANTED = .1, .5, 1., .3, .7, .9 # shares of the clear pixels to hide, in turn
PAINT = .56, .533, .513, .581, .384, .313 # median reflectance of the cloud pixels (SCL 8 and 9) of the Flemish series
PARTIAL = .1, .98 # gap fraction of a date whose clouds can hide a part of another one
RIM = 2 # pixels by which masks are eroded or grown
MISSED = .1 # share of the gap that is missed
TASKS = 12 # of a place
LONG = 40 # dates of a long series, which takes long to fill
TASKS_LONG = 8 # of a long series
cases = 'right','last','grown','eroded','missed','shadows'

def rng_of(
    *key # text or numbers
)->np.random.Generator:
    "Make a source of random numbers that depends on the key alone"
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, 'big'))

class Task(NamedTuple):
    "Pixels of a date that are hidden, and the cloud that hides them"
    number:int # of the task within the place
    t:int # position of the date
    donor:int # position of the date whose clouds hide it; -1 = a mask of another place
    hidden:np.ndarray # True = a clear pixel that is hidden, bool, (H,W)
    cloud:np.ndarray # reflectance of the cloud there, float32, (C,H,W)
    shadow:np.ndarray # True = hidden by a shadow of the donor, bool, (H,W)
    share:float # share of the date that is hidden or its own gap, 0 to 1

class Donor(NamedTuple):
    "A mask that can hide a date"
    position:int # of the date that it comes from; -1 = another place
    gap:np.ndarray # True = cloud or shadow, bool, (H,W)

def target_dates(
    place:Place,
    most:int # dates
)->list: # positions
    "Choose the dates to hide: all that are clear enough, or an evenly spaced number of them"
    dates = place.scorable
    if len(dates) <= most: return dates.tolist()
    return dates[np.linspace(0, len(dates)-1, most).round().astype(int)].tolist()

def has_clouds(
    place:Place
)->bool:
    "Test whether at least two dates have clouds of their own over a part of the place"
    share = (place.measured & ~place.clear).mean((1,2))
    return ((share >= PARTIAL[0]) & (share <= PARTIAL[1])).sum() >= 2

def _donors(place, masks):
    "List the masks that can hide a date of a place"
    if has_clouds(place): return [Donor(t, g) for t,g in enumerate(place.measured & ~place.clear)]
    height,width = place.clear.shape[1:]
    return [Donor(-1, m[:height,:width]) for m in masks]

def _choose_donor(place, t, wanted, donors, taken):
    "Choose the donor that hides the share of the clear pixels of a date that is nearest to the wanted one"
    clear = place.clear[t]
    share = np.array([(d.gap & clear).sum()/clear.sum() for d in donors])
    usable = (share >= .02) & [k not in taken for k in range(len(donors))]
    distance = np.where(usable, np.abs(share-wanted), np.inf)
    if not usable.any(): return None
    nearest = np.flatnonzero(distance <= distance.min()+.02)
    return int(rng_of('donor', place.name, t, wanted).choice(nearest))

def erode(
    gap:np.ndarray, # bool, (...,H,W)
    px:int # pixels
)->np.ndarray: # bool, (...,H,W)
    "Erode a gap by a square; the edge of the image is no rim"
    return ~grow(~gap, px)

def paint(
    place:Place
)->np.ndarray: # float32, (C,1,1)
    "Give the reflectance of a painted cloud"
    return np.float32(PAINT[:len(place.bands)])[:,None,None]

def opacity(
    gap:np.ndarray, # bool, (H,W)
    depth:int=4 # pixels from the rim to the opaque part
)->np.ndarray: # 0 to 1, float32, (H,W)
    "Give the opacity of a painted cloud, which is thin at its rim"
    return np.mean([erode(gap, k) for k in range(depth)], 0, dtype=np.float32)

def _make_task(place, number, t, donor):
    "Make a task of a date and its donor"
    hidden = donor.gap & place.clear[t]
    opaque = opacity(donor.gap)
    cloud = opaque*paint(place)+(1-opaque)*place.reflectance[t]
    shadow = np.zeros_like(hidden)
    if donor.position >= 0:
        cloud = np.where(place.measured[donor.position], place.reflectance[donor.position], paint(place))
        if place.shadow is not None: shadow = place.shadow[donor.position] & hidden
    share = float((hidden | ~place.clear[t]).mean())
    return Task(number, t, donor.position, hidden, cloud, shadow, share)

def make_tasks(
    place:Place,
    masks:np.ndarray # of other places, True = cloud, bool, (N,h,w)
)->list: # `Task`s
    "Hide each chosen date of a place under one or several donors"
    n = TASKS if len(place.dates) <= LONG else TASKS_LONG
    targets,donors = target_dates(place, n),_donors(place, masks)
    tasks,taken = [],{t: set() for t in targets}
    for k in range(n):
        t = targets[k%len(targets)]
        wanted = WANTED[(k+k//len(targets))%len(WANTED)]
        chosen = _choose_donor(place, t, wanted, donors, taken[t])
        if chosen is None: continue
        taken[t].add(chosen)
        tasks.append(_make_task(place, len(tasks), t, donors[chosen]))
    return tasks

# Cases

class Shown(NamedTuple):
    "Dates and masks that a filler gets in a case"
    reflectance:np.ndarray # of the dates, float32, (T,C,H,W)
    gap:np.ndarray # True = to be filled, bool, (T,H,W)
    scored:np.ndarray # hidden pixels of the date that stay hidden, bool, (H,W)

def _numbered_parts(gap):
    "Number the connected parts of a gap (H,W) from 1"
    found = shapes(gap.astype(np.uint8), mask=gap, connectivity=8)
    polygons = [(polygon, k+1) for k,(polygon,_) in enumerate(found)]
    return rasterize(polygons, gap.shape, dtype='int32') if polygons else np.zeros(gap.shape, np.int32)

def _small_parts(gap):
    "List the parts of a gap (T,H,W) but the largest of each date: date, number, pixels; and the numbers (T,H,W)"
    numbers = np.stack([_numbered_parts(g) for g in gap])
    parts = []
    for t,of_date in enumerate(numbers):
        size = np.bincount(of_date.ravel())[1:]
        parts += [(t, k+1, int(n)) for k,n in enumerate(size) if k!=size.argmax()]
    return parts,numbers

def drop_parts(
    gap:np.ndarray, # bool, (T,H,W)
    share:float, # of the gap that is dropped at most, about
    rng:np.random.Generator
)->np.ndarray: # bool, (T,H,W)
    "Drop whole connected parts of a gap, the largest of each date excepted"
    parts,numbers = _small_parts(gap)
    partly = gap & (gap.mean((1,2)) < 1)[:,None,None]
    out,left = gap.copy(),share*partly.sum()
    for k in rng.permutation(len(parts)):
        t,number,n = parts[k]
        if n > left: continue
        out[t] &= numbers[t]!=number
        left -= n
    return out

def contaminated(
    place:Place,
    task:Task
)->np.ndarray: # float32, (T,C,H,W)
    "Put the cloud of a task over its date; where a date has a gap that was not measured, paint a cloud"
    x = np.where(place.measured[:,None], place.reflectance, paint(place))
    x[task.t] = np.where(task.hidden, task.cloud, x[task.t])
    return x

def right_gap(
    place:Place,
    task:Task
)->np.ndarray: # bool, (T,H,W)
    "Join the gaps of a place and the hidden pixels"
    gap = ~place.clear
    gap[task.t] |= task.hidden
    return gap

def wrong_gap(
    place:Place,
    task:Task,
    case:str # grown, eroded, missed or shadows
)->np.ndarray: # bool, (T,H,W); None = the place does not know its shadows
    "Change the masks of a task; pixels that were not measured stay in the gap"
    gap = right_gap(place, task)
    if case=='grown': return grow(gap, RIM)
    if case=='eroded': changed = erode(gap, RIM)
    elif case=='missed': changed = drop_parts(gap, MISSED, rng_of('missed', place.name, task.number))
    elif place.shadow is None: return None
    else:
        changed = gap & ~place.shadow
        changed[task.t] = (gap[task.t] & ~place.shadow[task.t]) & ~task.shadow
    return changed | ~place.measured

def shown_in(
    place:Place,
    task:Task,
    case:str # one of `cases`
)->Any: # `Shown`; None = the case does not exist
    "Choose the dates and masks that a filler gets in a case"
    if case=='last':
        if task.t < 2: return None
        n = task.t+1
        return Shown(place.reflectance[:n], right_gap(place, task)[:n], task.hidden)
    if case=='right': return Shown(place.reflectance, right_gap(place, task), task.hidden)
    gap = wrong_gap(place, task, case)
    if gap is None: return None
    return Shown(contaminated(place, task), gap, task.hidden & gap[task.t])
