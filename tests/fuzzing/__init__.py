"Broken files for every reader, and a judge of what programs make of them; see `tests/fuzz.py`"
