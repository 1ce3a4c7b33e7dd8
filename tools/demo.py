"A sample dataset, a training run on it by papermill, and the scores"
import csv, os, subprocess, sys, time
from pathlib import Path
from shutil import rmtree

root = Path(__file__).resolve().parent.parent
bin = Path(sys.executable).parent
demo = root/'runs'/'demo'
params = dict(epochs=10, batch_size=8, model_cap=16, mask_position='all')

def sh(*args): subprocess.run([str(a) for a in args], cwd=root, check=True)

def rows(path):
    with path.open(newline='') as f: return list(csv.DictReader(f))

def train(data, run):
    "Repeat the training notebook with other parameters; what it prints is shown as it comes"
    nb = run.with_suffix('.ipynb')
    args = [a for k,v in dict(params, dataroot=data, out_dir=run.parent, job_id=run.name).items() for a in ('-p', k, v)]
    sh(bin/'papermill', root/'nbs/06_training.ipynb', nb, '--cwd', root/'nbs', '--no-progress-bar', '--log-level', 'WARNING', '--stdout-file', '-', '--stderr-file', '-', *args)
    return nb

def main():
    os.environ['PATH'] = f"{bin}{os.pathsep}{os.environ['PATH']}"
    data,run = demo/'data', demo/time.strftime('demo_%Y-%m-%d-%H%M%S')
    rmtree(data, ignore_errors=True)
    sh(bin/'gapfill_sample', data)
    nb = train(data, run)
    names = dict(cgan=f"CGAN, best of {params['epochs']} epochs", mean='temporal mean', linear='linear in days')
    mae = {r['filler']: float(r['valid_gap_mae']) for r in rows(run/'result.csv')}
    if mae['cgan'] > mae['linear']: print('\nTrained this briefly, the CGAN loses to linear interpolation.')
    print(f'Curves and tables, once the environment is active (. .venv/bin/activate):\n  gapfill_training_graphs --job_id {run}\n  gapfill_stats --checkpoint_dir {run}')
    print(f'\nrun folder: {run}')
    for k,v in mae.items(): print(f"validation MAE in the gap, {names[k]:25}{v:.4f}")
    print(f'executed notebook: {nb}')

if __name__=='__main__':
    try: main()
    except subprocess.CalledProcessError as e: sys.exit(e.returncode)
