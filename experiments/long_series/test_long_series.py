"Cuts have the dates that are asked for, hidden pixels are clear ones, and errors are those of the fillers"
import numpy as np
import torch

from gapfill_baseline.models import get_filler
from long_series import absolute_error, cuts_of, errors_of, made_chip, ratios, speed
from series import hidden_sample, simulated

place = simulated(0, n_dates=16, side=24)

# Consecutive dates are neighbours; evenly spaced ones begin and end with the period
for cut in cuts_of(place, 5, 'consecutive'):
    first = place.dates.index(cut.dates[0])
    assert cut.dates == place.dates[first:first+5]
    assert torch.equal(cut.x, place.x[first:first+5])
for cut in cuts_of(place, 5, 'evenly'):
    assert len(set(cut.dates)) == 5 and (cut.dates[-1]-cut.dates[0]).days <= 730
assert not list(cuts_of(place, 17, 'consecutive'))

# Hidden pixels were clear and are 0 in the input; everything clear that is not hidden stays
s = hidden_sample(place)
assert not (s.scored[0] & place.gap).any() and s.scored.any()
assert (s.observed.movedim(2, -1)[s.gap] == 0).all()
assert torch.equal(s.observed.movedim(2, -1)[~s.gap], s.target.movedim(2, -1)[~s.gap])

# The error of a constant is the mean distance from it
total,count = absolute_error(get_filler('zero'), s)
reference = place.x.movedim(1, -1)[s.scored[0]].abs()
assert count == reference.numel() and np.isclose(total, reference.sum().item(), rtol=1e-5)

# A table of two fillers: one row per cut, and a filler compared with itself would give 1
errors = errors_of({'place': place}, lengths=(4,6), names=('linear','harmonic_regression'), cuts=2)
assert errors.groupby('filler').size().nunique() == 1
table = ratios(errors)
one = errors[(errors.choice=='evenly') & (errors.dates==6)].set_index('filler').mae
assert np.isclose(table.loc[('evenly',6),'linear'], one.harmonic_regression/one.linear)

# On the whole of this place, many dates are worth more than two
few = errors_of({'place': place}, lengths=(16,), names=('linear','harmonic_regression'), cuts=1)
mae = few.groupby('filler').mae.mean()
print(mae.round(4).to_dict())
assert mae.harmonic_regression < mae.linear

taken = speed(('linear','regression'), tries=1, n_dates=3, side=32)
assert taken.times_regression.regression == 1 and made_chip(3, 30).gap.shape == (1,3,30,30)
