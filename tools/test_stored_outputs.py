"Test stored_outputs.py: `python tools/test_stored_outputs.py`"
from unittest.mock import patch

from fastcore.test import *

from stored_outputs import *

def printed(text): return [dict(output_type='stream', name='stdout', text=text.splitlines(True))]

def displayed(**data):
    "An output with data of kinds such as html, png"
    kinds = dict(plain='text/plain', html='text/html', markdown='text/markdown', png='image/png')
    return [dict(output_type='display_data', data={kinds[k]: v for k,v in data.items()}, metadata={})]

def same(a, b): return first_difference(printed(a), printed(b)) is None

# A changed digit in the fourth place passes, one in the third fails, at any size of the number
for a,fourth,third in (('0.1234','0.1239','0.1244'), ('-12.34','-12.31','-12.44'),
                       ('1.234e-07','1.236e-07','1.244e-07'),
                       ('12,340','12,345','12,440'), ('.02311','.02312','.02321'), ('0.09996','0.1000','0.1010')):
    assert same(f'MAE {a} of all', f'MAE {fourth} of all'), (a, fourth)
    assert not same(f'MAE {a} of all', f'MAE {third} of all'), (a, third)

# Numbers with less than three digits are equal or not; so are counts
for a,b in (('57','58'), ('0.12','0.13'), ('0.001','0.002'), ('0','1'), ('1.0','-1.0'), ('5','5.1')):
    assert not same(f'{a} chips', f'{b} chips'), (a, b)
assert same('0.000 and -0.000', '-0.000 and 0.000')

# Dates, names, versions and units that touch a number are text
for a,b in (('2021-06-01','2021-06-02'), ('chip_1231','chip_1232'), ('v1.2341','v1.2342'), ('1.2.1','1.2.2'),
            ('1231px','1232px')):
    assert not same(a, b), (a, b)

# Help is text: a changed, a new or a missing line fails, and so does a changed space
help = 'usage: gapfill_train [-h]\n  --epochs EPOCHS  passes over the chips (default: 10)\n'
assert same(help, help)
second_line = help.splitlines()[1]
test_eq(first_difference(printed(help), printed(help.replace('passes', 'rounds'))),
        (second_line, second_line.replace('passes', 'rounds')))
for old,new in (('  --epochs', ' --epochs'), (' [-h]', '  [-h]'), ('default: 10', 'default: 11')):
    assert not same(help, help.replace(old, new)), new
test_eq(first_difference(printed(help), printed(help+'  --seed SEED\n')), ('(nothing)', '  --seed SEED'))
test_eq(first_difference(printed(help+'  --seed SEED\n'), printed(help)), ('  --seed SEED', '(nothing)'))

# The columns of a table may move with the width of its numbers
assert same('mae     0.1000  57', 'mae    0.09999  57') and same('bias -0.0123 |', 'bias -0.01232 |')
assert not same('mae 0.1000', 'rmse 0.1000')

# A cell without a stored output fails, also where a progress bar left an empty one, and where today shows nothing
for nothing in ([], printed(''), printed(' \n'), displayed(plain='')):
    test_eq(first_difference(nothing, printed('57 chips')), ('(nothing)', '57 chips'))
    test_eq(first_difference(nothing, nothing), ('(nothing)', '(nothing)'))
test_eq(first_difference(printed('57 chips'), []), ('57 chips', '(nothing)'))

# A table is compared as the page shows it
table = '<table>\n<td>linear</td>\n<td>0.02741</td>\n</table>'
nearly = table.replace('741', '742')
assert first_difference(displayed(plain='0.1', html=table), displayed(plain='0.2', html=nearly)) is None
test_eq(first_difference(displayed(html=table), displayed(html=table.replace('741', '941'))),
        ('<td>0.02741</td>', '<td>0.02941</td>'))
assert first_difference(displayed(markdown='| a | 0.1234 |'), displayed(markdown='| a | 0.1254 |'))

# A figure must be there and may look different; where it stands among printed lines does not matter
picture = displayed(png='AAAA', plain='<Figure size 640x480>')
other = displayed(png='BBBB', plain='<Figure size 320x200>')
assert first_difference(picture, other) is None
assert first_difference(picture, []) and first_difference(picture, picture+other)
assert first_difference(picture+printed('57 chips'), printed('57 chips')+other) is None

# Progress on stderr and addresses of objects are not compared
assert first_difference(printed('a'), printed('a')+[dict(output_type='stream', name='stderr', text='9%')]) is None
assert same('<object at 0x7f12>', '<object at 0x7f99>')

# The clock of a log is not compared, its losses are
log = '2026-11-25 03:46:08,651 [INFO] subset_57_rs0_2026-11-25-03:46:08: epoch 1, loss:0.3007, chips_per_second:6.2\n'
assert same(log, log.replace('11-25', '11-30').replace('03:46:08', '12:00:00').replace('6.2', '61.5'))
assert same('6 files in a, 0.4 s, 12% of it in the filler', '6 files in a, 12.1 s, 9% of it in the filler')
assert not same(log, log.replace('0.3007', '0.3107')) and not same(log, log.replace('57', '64'))

# The name of a temporary folder is left out, a path that is not temporary stays
with tempfile.TemporaryDirectory() as folder:
    output, = printed(f'run folder: {folder}/runs/a\nin {tempfile.gettempdir()}/other\n')
    test_eq(without_temporary(output)['text'], ['run folder: runs/a\n', f'in {tempfile.gettempdir()}/other\n'])
    output, = displayed(html=f'<td>{folder}/a.tif</td>', png='AAAA')
    test_eq(without_temporary(output)['data'], {'text/html': ['<td>a.tif</td>'], 'image/png': 'AAAA'})

# The directive stands on a line of its own, with its conditions
def cell(source): return dict(cell_type='code', source=source, id='a1b2')
for source in ('#| stored\nprint(1)', ['#| echo: false\n', '#|stored\n', 'x']): test_eq(marks(cell(source)), set())
test_eq(marks(cell('#| stored real_data same_cpu\nx')), {'same_cpu', 'real_data'})
for source in ('print(1) #| stored', '#| stored_not\nx', '#| stored: 1\nx'): test_eq(marks(cell(source)), None)
test_eq(marks(cell('#| stored\nprint(1)') | dict(cell_type='markdown')), None)
with expect_fail(ValueError, 'same_cpu'): marks(cell('#| stored smae_cpu\nx'))
test_eq(cpu(), cpu())

# A cell with real data is compared where they are
with patch.dict(os.environ):
    for data in ('/data', None):
        os.environ.pop('GAPFILL_REAL_DATA', None)
        if data: os.environ['GAPFILL_REAL_DATA'] = data
        test_eq(is_compared(cell('#| stored real_data\nx')), bool(data))
        test_eq(is_compared(cell("#| stored\nos.environ['GAPFILL_REAL_DATA']")), bool(data))
        assert is_compared(cell('#| stored same_cpu\nx')) and not is_compared(cell('x'))

for part in ('nbs/a.ipynb', 'a1b2', 'old line', 'new line', 'make outputs'):
    assert part in report('nbs/a.ipynb', cell(''), 'old line', 'new line')

# The speed column of a Markdown table is not compared; the others are, and other tables of the page
rows = '| filler | MAE | chips/s |\n|--|--|--|\n| linear | 0.0274 | 464 |\n\n| a | b | c |\n|--|--|--|\n| 1 | 2 | 3 |'
def tables_differ(old, new):
    return first_difference(displayed(markdown=rows), displayed(markdown=rows.replace(old, new)))
assert tables_differ('464', '12.3') is None
for old,new in (('0.0274', '0.0284'), ('| 3 |', '| 4 |'), ('chips/s', 'px/s')): assert tables_differ(old, new), old
