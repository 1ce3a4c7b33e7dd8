# Needs Python 3.11 or newer, git and make; the first target that wants .venv makes it
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3.11 python3.12 python3.13 python3 python
QUIET := $(if $(MAKE_TERMOUT),,-q)

PAGES ?= $(shell grep -lrE '"\#\| ?stored' nbs --include='*.ipynb' --exclude-dir='.*')

.PHONY: help install demo test test-all docs readme outputs results bench clean

help: ## these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

install: $(STAMP) ## .venv with the package, its tools and the pinned versions

demo: $(STAMP) ## train on a sample dataset, headless, and print the scores
	@$(BIN)/python tools/demo.py

test: $(STAMP) ## everything that must pass; real data is read where GAPFILL_REAL_DATA names it
	@$(BIN)/python tools/run_tests.py

test-all: $(STAMP) ## the same, with the cells marked slow
	@$(BIN)/python tools/run_tests.py --flags slow

docs: $(STAMP) ## the documentation site in _docs
	@$(BIN)/python tools/docs.py

readme: $(STAMP) ## README.md from nbs/index.ipynb
	@$(BIN)/python tools/readme.py

outputs: $(STAMP) ## run the pages with compared outputs and store what differs; PAGES=nbs/x.ipynb names some
	@for page in $(PAGES); do $(BIN)/python tools/run_page.py $$page --store_outputs || exit; done

results: $(STAMP) ## train every network and store the tables that the pages show, about half an hour; on real chips and places too where GAPFILL_REAL_DATA names them, an hour more
	@$(BIN)/python experiments/results/results.py

bench: $(STAMP) ## measure speed and memory against a plain reference, and store the table that the page shows, more than an hour
	@OMP_NUM_THREADS=1 $(BIN)/python experiments/speed/speed.py --out nbs/stored/speed.json

clean: $(STAMP) ## clean the notebooks, then write the package and the sidebar from them
	@$(BIN)/nbdev_clean && $(BIN)/python tools/output_faults.py --remove_empty && \
	  $(BIN)/nbdev_export && $(BIN)/python tools/docs.py --only_sidebar

# Without the stamp an earlier installation never finished, so it starts again from nothing.
$(STAMP): constraints.txt settings.ini setup.py pyproject.toml
	@[ -f $@ ] || rm -rf $(VENV)
	@[ -d $(VENV) ] || for p in $(PYTHON); do \
	  "$$p" -c 'import sys; sys.exit(sys.version_info < (3,11))' 2>/dev/null || continue; \
	  exec "$$p" -m venv $(VENV); done
	@[ -d $(VENV) ] || { echo "Python 3.11 or newer is needed; tried: $(PYTHON). Name one: make PYTHON=/path/to/python3.11"; exit 1; } >&2
	@echo "Installing into $(VENV), some minutes the first time"
	@$(BIN)/python -m pip install $(QUIET) -c constraints.txt -e '.[dev,scale,stac]'
	@touch $@
