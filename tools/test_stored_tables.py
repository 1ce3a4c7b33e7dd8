"Test stored_tables.py in a small repository: `python tools/test_stored_tables.py`"
import json
import subprocess
import tempfile
from pathlib import Path
from unittest.mock import patch

from fastcore.test import *

import stored_tables
from stored_tables import *

for paths in code.values():
    for path in paths: assert (root/path).exists(), path

def commit_all(folder):
    "Commit everything below a folder"
    who = '-c', 'user.name=a', '-c', 'user.email=a@b.c'
    git(folder, 'add', '-A')
    git(folder, *who, 'commit', '-q', '--allow-empty', '-m', 'x')

def repository(folder):
    "Make a repository with one table that depends on one module"
    for path in ('nbs/stored/sample', 'nbs/stored/real', 'gapfill_baseline'): (folder/path).mkdir(parents=True)
    for name in ('models', 'cli'): (folder/f'gapfill_baseline/{name}.py').write_text('x = 1\n')
    subprocess.run(['git', 'init', '-q', folder], check=True)
    commit_all(folder)
    note_made(folder, 'sample', 'make results')
    return folder

def made(folder): return json.loads((folder/'nbs/stored/sample/made.json').read_text())

one_module = {'sample': ['gapfill_baseline/models.py']}
with tempfile.TemporaryDirectory() as tmp, patch.object(stored_tables, 'code', one_module):
    repo = repository(Path(tmp)/'repo')
    module = repo/'gapfill_baseline/models.py'

    # The commit and the date of today stand beside the table, and nothing is old yet
    test_eq(made(repo), dict(commit=git(repo, 'rev-parse', '--short', 'HEAD')[0], date=date.today().isoformat(),
                             command='make results'))
    commit_all(repo)
    test_eq(old_tables(repo), ([],[]))

    # Code that the table does not depend on may change
    (repo/'gapfill_baseline/cli.py').write_text('x = 2\n')
    commit_all(repo)
    test_eq(old_tables(repo), ([],[]))

    # Code that it depends on may not, committed or not
    module.write_text('x = 2\n')
    for _ in range(2):
        (line,),unknown = old_tables(repo)
        test_eq(unknown, [])
        assert 'nbs/stored/sample' in line and made(repo)['commit'] in line, line
        assert 'differ today: 1' in line and 'gapfill_baseline/models.py' in line and 'make results' in line, line
        commit_all(repo)

    # What is made from changed code is not a state of the commit alone
    module.write_text('x = 3\n')
    note_made(repo, 'sample', 'make results')
    assert made(repo)['commit'].endswith('-dirty')
    test_eq(len(old_tables(repo)[0]), 1)

    # The tables themselves may differ from those of the commit
    commit_all(repo)
    (repo/'nbs/stored/sample/made.json').write_text('{}')
    note_made(repo, 'sample', 'make results')
    assert not made(repo)['commit'].endswith('-dirty')

    # A shallow clone, a folder without a repository and a machine without git say so and warn of nothing
    commit_all(repo)
    (repo/'more').write_text('')
    commit_all(repo)
    shallow = Path(tmp)/'shallow'
    subprocess.run(['git', 'clone', '-q', '--depth', '1', f'file://{repo}', shallow], check=True)
    old,(line,) = old_tables(shallow)
    assert not old and 'shallow' in line, line
    subprocess.run(['mv', repo/'.git', Path(tmp)/'gone'], check=True)
    old,(line,) = old_tables(repo)
    assert not old and 'not a git repository' in line, line
    with patch('subprocess.run', side_effect=FileNotFoundError): old,(line,) = old_tables(repo)
    assert not old and 'git is not installed' in line, line

    # A table without the file is named, and one that is not there is not
    (repo/'nbs/stored/sample/made.json').unlink()
    test_eq(old_tables(repo), ([], ['nbs/stored/sample: age unknown, made.json is missing']))
    (repo/'nbs/stored/sample').rmdir()
    test_eq(old_tables(repo), ([],[]))
