"Test the table of contributed rows: `python tools/test_leaderboard.py`"
import json
import tempfile
from pathlib import Path

import pandas as pd
from fastcore.test import *

import leaderboard as lib
from gapfill_baseline.cli import gapfill_sample
from gapfill_baseline.data import read_catalog
from gapfill_baseline.evaluation.row import protocol_hash, protocol_of
from gapfill_baseline.masks import open_split

# The table is that of the rows, and every row belongs there
stored = pd.read_csv(lib.folder/'leaderboard.csv')
pd.testing.assert_frame_equal(stored, lib.leaderboard().astype(stored.dtypes), rtol=1e-4)

# The protocol of the simulated sample has today's hash
with tempfile.TemporaryDirectory() as tmp:
    gapfill_sample(f'{tmp}/sample')
    chips = open_split(read_catalog(f'{tmp}/sample'), 'validate', f'{tmp}/cache')
    hashes = lib.protocols().set_index('name').hash
    test_eq(protocol_hash(protocol_of(chips)), hashes['sample'])

# A row that does not belong there is refused
row = next(iter(lib.read_rows().values()))
known = set(hashes)
test_is(lib.row_fault(row, known), None)
def refused(text, **changes):
    "Check that a changed row is refused"
    fault = lib.row_fault(row | changes, known)
    assert fault and text in fault, fault
refused('on 8 chips only', limit=8)
refused('its protocol has the hash', protocol=row['protocol'] | dict(n_chips=31))
other = row['protocol'] | dict(n_chips=31)
refused('which is none of', protocol=other, protocol_hash=protocol_hash(other))
refused('fewer than three seeds', adapt='finetune', seeds=[0])
with tempfile.TemporaryDirectory() as tmp:
    folder = Path(tmp)
    (folder/'rows').mkdir()
    (folder/'protocols.csv').write_text((lib.folder/'protocols.csv').read_text())
    (folder/'rows/a.json').write_text(json.dumps(row | dict(limit=3)))
    with expect_fail(ValueError, 'a.json was scored on 3 chips only'): lib.read_rows(folder)
