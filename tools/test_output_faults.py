"Test output_faults.py: `python tools/test_output_faults.py`"
import tempfile
from pathlib import Path

from execnb.nbio import new_nb, read_nb, write_nb
from fastcore.test import *

from output_faults import *

def printed(text): return dict(output_type='stream', name='stdout', text=text.splitlines(True))
def displayed(**data):
    "An output with data of kinds such as text_html"
    return dict(output_type='display_data', data={k.replace('_', '/'): v for k,v in data.items()}, metadata={})

# What a page must not show, in a stream, a table or Markdown
bad = {'/tmp/tmpab12/run': 'path', 'tables in /root/x': 'path', "'/home/me/.cache'": 'path', 'at /work/data': 'path',
       'skipped: GAPFILL_REAL_DATA is not set': 'skipped', '**Intervals are nan.**': 'missing', 'MAE nan': 'missing'}
for text,what in bad.items():
    outputs = [printed(f'ok\n{text}\n'), displayed(text_plain=text), displayed(text_markdown=text)]
    if what != 'skipped': outputs.append(displayed(text_html=f'<td>{text}</td>'))
    for output in outputs:
        fault, = faults_of([output])
        assert what in fault and text.split()[-1].strip("'*.") in fault, (fault, text)

# What it may show
fine = ('runs/tmp/a', 'gs://x/home/y', 'https://a.org/root/b', '~/work/a', '2 chips skipped: too cloudy',
        '<td>NaN</td>', 'nanometre', 'read and/or write', '/data/scenes', 'temporary')
for text in fine: test_eq(faults_of([printed(text), displayed(text_html=text)]), [])

# An empty output is a fault; a figure is not, nor is a view with data of its own
empty = printed('\n'),displayed(text_plain=['']),displayed(text_plain=' \n', text_html=''),displayed()
for output in empty: test_eq(faults_of([output]), ['shows an empty output'])
full = displayed(image_png='AAAA', text_plain=''),displayed(**{'application_json': {}, 'text_plain': ''}),printed('a')
test_eq(faults_of(full), [])
test_eq(without_empty([*empty, *full]), list(full))

# Removal leaves the rest of a notebook as it was
with tempfile.TemporaryDirectory() as tmp:
    path = Path(tmp)/'00_a.ipynb'
    nb = new_nb(['x', 'y'])
    nb.cells[0].outputs,nb.cells[1].outputs = [full[2], empty[0]],[printed('/tmp/a')]
    write_nb(nb, path)
    assert [f.split(', ')[0] for f in faults(Path(tmp))]==['00_a.ipynb']*2
    mend(path)
    after = read_nb(path)
    test_eq([len(c.outputs) for c in after.cells], [1,1])
    test_eq([c.source for c in after.cells], ['x','y'])
    fault, = faults(Path(tmp))
    assert 'path' in fault
    before = path.read_bytes()
    mend(path)
    test_eq(path.read_bytes(), before)
