"Which damage meets which reader, and what may come of it"
import inspect
from collections import Counter
from .cases_models import model_cases
from .cases_options import option_cases
from .cases_rasters import raster_cases
from .cases_runs import run_cases
from .cases_tables import table_cases
from .inputs import inputs

def _known(case):
    "Say whether a program has the options that a case needs"
    import gapfill_baseline.cli as cli
    known = inspect.signature(getattr(cli, inputs[case.input].command[0])).parameters
    return all(n in known for n in case.needs)

def cases():
    "All cases, in the order of their readers"
    found = [*raster_cases(), *table_cases(), *run_cases(), *model_cases(), *option_cases()]
    (first,n), = Counter(c.id for c in found).most_common(1)
    assert n==1, f'{first} is the name of two cases'
    return [c for c in found if _known(c)]
