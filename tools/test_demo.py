"Test the table that ends the demo: `python tools/test_demo.py`"
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pandas as pd
from fastcore.test import *

from demo import fillers, print_table

# A comparison has rows that the demo does not explain; the table leaves them out, and the best row is the first
rows = [*fillers, 'band_mean']
summary = pd.DataFrame(dict(filler=rows, mae=[.03,.02,.015,.014,.05], skill_linear=[-.5,0.,.25,.3,-1.5]))
with tempfile.TemporaryDirectory() as tmp, redirect_stdout(StringIO()) as printed:
    summary.to_csv(Path(tmp)/'summary.csv', index=False)
    print_table(Path(tmp))
lines = printed.getvalue().splitlines()[2:6]
test_eq([line[:40].strip() for line in lines], [fillers[k] for k in ('ridgeunet','regression','linear','mean')])
test_eq(lines[0][40:].split(), ['0.0140','0.30'])
