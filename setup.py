"Everything about the package is in settings.ini"
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=['='])
parser.read(here/'settings.ini', encoding='utf8')
cfg = parser['DEFAULT']

setup(name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
      author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], license='Apache-2.0',
      classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Science/Research',
                   'Topic :: Scientific/Engineering :: GIS',
                   *(f'Programming Language :: Python :: {v}' for v in cfg['tested_python'].split())],
      packages=find_packages(include=['gapfill_baseline*']), include_package_data=True,
      python_requires=f">={cfg['min_python']}",
      install_requires=cfg['requirements'].split(),
      extras_require={extra: cfg[f'{extra}_requirements'].split() for extra in ('dev','lint','scale','stac')},
      long_description=(here/'README.md').read_text(encoding='utf8') if (here/'README.md').exists() else '',
      long_description_content_type='text/markdown', zip_safe=False,
      entry_points=dict(console_scripts=cfg['console_scripts'].split(),
                        nbdev=[f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"])) # nbdev's links to source and symbols
