"""Compare the stored outputs of notebook cells with those of a new run.

A cell is compared where it has the directive `#| stored`. Text must be equal, and numbers must agree to three
significant digits: they differ by less than one unit of the third. A figure must be there, and is not compared. Nor are
the names of temporary folders, the times and speeds of a log, and the speed column of a Markdown table.

The last bits of a network's weights depend on the processor, and the numbers of a short training depend on these bits.
So a cell that shows a network trained here has `#| stored same_cpu`, and is compared only on the kind of processor that
its page was stored on. A cell that shows real data has `#| stored real_data`, unless it names GAPFILL_REAL_DATA; it is
compared where this variable is set."""
import os
import platform
import re
import tempfile
from decimal import Decimal
from itertools import zip_longest

directive = re.compile(r'^#\| *stored((?: +\w+)*) *$', re.M)
conditions = {'same_cpu', 'real_data'}
number = re.compile(r"""(?<![\w.:/-]) [-+]?                # no part of a name, a date or a path
                         (?:\d{1,3}(?:,\d{3})+ | \d+)?     # 12,340 or 57
                         (?:(?<=\d)\.? | \.(?=\d)) \d*     # .025 or 0.025
                         (?:[eE][-+]?\d+)? (?![\w:/-]|\.\d)""", re.VERBOSE)
address = re.compile(r'(<.*?) at 0x[0-9a-fA-F]+(?=>)')
clock = re.compile(r"""\d{4}-\d\d-\d\d[\ T-]\d\d:\d\d:\d\d(?:,\d+)?  # the time of a line, or in the name of a run
                        | (?<=chips_per_second:)\ *[\d.]+
                        | (?:[\d.]+|…)\ s,\ \d+%\ of\ it\ in\ the\ filler""", re.VERBOSE)
temporary = re.compile(re.escape(tempfile.gettempdir()) + r'/tmp\w{8}/?')
digits = 3
figure = '[figure]\n'
speed_columns = 'chips/s', 'seconds'

def marks(cell):
    "List the conditions under which the stored outputs of a cell are compared; None where they never are"
    found = directive.search(''.join(cell['source'])) if cell['cell_type']=='code' else None
    if not found: return None
    words = set(found[1].split())
    if words <= conditions: return words
    raise ValueError(f"cell {cell['id']} has {found[0]!r}; after stored may stand {' and '.join(sorted(conditions))}")

def is_compared(cell):
    "Tell if the stored outputs of a cell are compared: it is marked, and the real data that it needs are here"
    words = marks(cell)
    if words is None: return False
    needs_data = 'real_data' in words or 'GAPFILL_REAL_DATA' in ''.join(cell['source'])
    return bool(os.environ.get('GAPFILL_REAL_DATA')) or not needs_data

def cpu():
    "Name the kind of this processor, which changes the last bits of what a network learns"
    try: lines = open('/proc/cpuinfo', encoding='utf8').read().splitlines()
    except OSError: lines = []
    facts = {k.strip(): v.strip() for k,_,v in (line.partition(':') for line in lines)}
    widest = next((o for o in ('avx512f', 'avx2') if o in facts.get('flags', '').split()), '')
    return ' '.join(filter(None, (platform.system(), platform.machine(), facts.get('model name'), widest)))

def joined(text):
    "Join the lines of a notebook's text"
    return text if isinstance(text, str) else ''.join(text)

def texts(output):
    "List the texts of an output"
    if output['output_type']=='stream': return [joined(output['text'])]
    return [joined(v) for k,v in output.get('data', {}).items() if k.startswith('text/')]

def is_empty(output):
    "Tell if an output is an empty box on a page"
    if output['output_type']=='error': return False
    only_text = all(k.startswith('text/') for k in output.get('data', {}))
    return only_text and not any(t.strip() for t in texts(output))

def without_empty(outputs):
    "Leave out the outputs that show nothing"
    return [o for o in outputs if not is_empty(o)]

def without_temporary(output):
    "Leave the names of temporary folders out of the text of an output: they are others in each run"
    def leave_out(text): return temporary.sub('', joined(text)).splitlines(True)
    if 'text' in output: output['text'] = leave_out(output['text'])
    for kind,text in output.get('data', {}).items():
        if kind.startswith('text/'): output['data'][kind] = leave_out(text)
    return output

def shown(output):
    "Give the text of one output in the form that a page shows it"
    if output['output_type']=='stream': return joined(output['text']) if output['name']=='stdout' else ''
    data = output.get('data', {})
    if any(kind.startswith('image/') for kind in data): return figure
    kind = next((k for k in ('text/html','text/markdown','text/plain') if k in data), None)
    text = joined(data[kind]).rstrip() if kind else ''
    return text + '\n' if text else ''

def lines_of(outputs):
    "Give the lines that a cell shows: printed ones, tables, figures. Only Jupyter keeps the order between these kinds"
    printed = ''.join(shown(o) for o in outputs if o['output_type']=='stream').rstrip() + '\n'
    others = sorted((shown(o) for o in outputs if o['output_type']!='stream'), key=lambda text: text==figure)
    text = clock.sub('…', address.sub(r'\1', printed + ''.join(others))).strip()
    return without_speed(text.splitlines())

def without_speed(lines):
    "Blank the cells of Markdown tables that the clock decides"
    out = []
    head = None # of the table that the line belongs to
    for line in lines:
        cells = line.split('|')
        if not line.startswith('|'): head = None
        elif head is None: head = [c.strip() for c in cells]
        elif len(cells)==len(head): cells = [' … ' if name in speed_columns else c for name,c in zip(head, cells)]
        out.append('|'.join(cells))
    return out

def numbers_agree(a, b):
    "Tell if two printed numbers differ by less than one unit of the third significant digit"
    a,b = (Decimal(o.replace(',', '')) for o in (a, b))
    largest = max(abs(a), abs(b))
    return a==b or abs(a-b) < Decimal(10)**(largest.adjusted()-digits+1)

def lines_agree(a, b):
    "Tell if two lines have equal text and agreeing numbers; another number may have other spaces around it"
    if a==b: return True
    numbers = number.findall(a),number.findall(b)
    if numbers[0]==numbers[1] or len(numbers[0]) != len(numbers[1]): return False
    text = [re.sub(r'\s+', ' ', number.sub('0', o)) for o in (a, b)]
    return text[0]==text[1] and all(map(numbers_agree, *numbers))

def first_difference(
    stored, # outputs of a cell, as in a notebook
    today # outputs of the same cell in a new run
): # stored line and today's line; None where all agree
    "Find the first line that differs"
    old,new = lines_of(stored),lines_of(today)
    if not any(o.strip() for o in old): return '(nothing)','\n'.join(new[:1]) or '(nothing)'
    pairs = zip_longest(old, new, fillvalue='(nothing)')
    return next(((a, b) for a,b in pairs if not lines_agree(a, b)), None)

def report(page, cell, old, new):
    "Say which cell of a page differs, how, and the way out"
    return (f"{page}, cell {cell['id']}: the stored output is not today's\n  stored: {old}\n  today:  {new}\n"
            f"  Where today's is right, store it: make outputs PAGES={page}")
