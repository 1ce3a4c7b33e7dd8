"The prior of the package is the one that the simulated places give today"
import torch

from gapfill_baseline.fillers.bayes import SlopePrior, read_prior, shipped_prior
from prior import learn, shipped

assert shipped.stat().st_size < 100_000
stored,learned = read_prior(shipped),learn()
assert stored.bands == learned.bands == shipped_prior().bands
for name in ('one','two'):
    for field in SlopePrior._fields:
        a,b = (getattr(getattr(prior, name), field).double() for prior in (stored, learned))
        is_close = torch.allclose(a, b, rtol=1e-3, atol=1e-3*b.abs().max())
        assert is_close, f'{name}.{field} differs: run experiments/prior/prior.py'

# Another choice of places gives nearly the same mean slopes: the prior does not hang on single places
few = learn(24)
difference = (few.two.weights-learned.two.weights).norm()/learned.two.weights.norm()
print(f'prior of 24 and of 40 places: mean slopes differ by {difference:.0%}')
assert difference < .5
