"Test coverage.py: `python experiments/known_error/test_coverage.py`"
import tempfile

from fastcore.test import *

from coverage import *
from known_error import simulated

# The coverage of a simulated scene of 16 dates with many clouds is near the level
many = measure_coverage(dict(many=simulated(160, 16, 16, .4, 'p', 3)), ['linear'], 90)
of_many = many[many.band=='all'].iloc[0]
assert abs(of_many.coverage-.9) < .03, of_many.coverage
test_eq(of_many.blocks > 30, True)

# Higher levels cover more
scene = dict(small=simulated(96, 5, 16, .4, 'p', 3))
by_level = {level: measure_coverage(scene, ['regression'], level) for level in (50, 90)}
of_all = {level: t[t.band=='all'].iloc[0] for level,t in by_level.items()}
assert of_all[50].coverage < of_all[90].coverage and of_all[50].half_width < of_all[90].half_width
test_eq(len(by_level[90]), 7)
print_verdict(by_level[90])

# Bands and the mean of all count the same pixels
t = by_level[90]
test_eq(t.pixels.nunique(), 1)
test_close(t.coverage[:6].mean(), t.coverage[6], 1e-9)

class Higher:
    "A stack whose truth is 10000 digital numbers higher"
    def __init__(self, stack): self.inner = stack
    def __getattr__(self, name): return getattr(self.inner, name)
    def __len__(self): return len(self.inner)
    def read(self, *args, **kwargs):
        dn,gap = self.inner.read(*args, **kwargs)
        return dn+np.int16(10000),gap

# Blocks do not change the coverage; a wrong truth is not covered
with tempfile.TemporaryDirectory() as folder:
    stack = scene['small'](folder)
    paths = fill_stack(stack, get_filler('regression'), Path(folder)/'out', interval=90)['paths']
    small,large = count_inside(stack, paths, 8),count_inside(stack, paths, 96)
    test_eq((small.n.sum(), small.inside.sum(0)), (large.n.sum(), large.inside.sum(0)))

    test_eq(count_inside(CoveredStack(Higher(stack.stack), stack.cover), paths).inside.sum(), 0)

# An error of a whole date is that of one block of the date, not of many small ones
with tempfile.TemporaryDirectory() as folder:
    stack = scene['small'](folder)
    paths = fill_stack(stack, get_filler('linear'), Path(folder)/'out', interval=90)['paths']
    counted = count_inside(stack, paths)
    test_eq(len(counted.n), 5)
    test_eq(counted.n, covered_pixels(stack).sum((1,2))-(stack.cover.all(0) & stack.cover).sum((1,2)))

# The standard error is that of independent blocks
n,inside = np.full(400, 50),np.random.default_rng(0).choice([0,50], 400, p=[.1,.9])
test_close(standard_error(n, inside), (.9*.1/400)**.5, 3e-3)

# Places that are far off are named, unless they are small
toy = pd.DataFrame(dict(place=['a','b'], filler='x', level=90, height=64, width=64, band='all',
                        coverage=[.91,.80], standard_error=.01))
test_eq(far_places(toy), ['b'])
test_eq(far_places(toy.assign(standard_error=.04)), [])
test_eq(far_places(toy.assign(width=39)), [])
