"Which damage meets which reader, and what may come of it"
import inspect
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
    found = [*raster_cases(), *table_cases(), *run_cases(), *option_cases()]
    twice = [c.id for c in found if sum(o.id==c.id for o in found) > 1]
    assert not twice, f'{twice[0]} is the name of two cases'
    return [c for c in found if _known(c)]
