# Every job makes .venv if it is missing and installs from the lock. `make help` lists the jobs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
# histogram boosting stalls when OpenMP threads spin
export OMP_WAIT_POLICY := passive
# modules are compiled once, where an environment forbids it each of the many programs would compile its own
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install run test test-long lint lock docs notebooks fidelity response null-experiments injections power reach limit-coverage nulls chaos fuzz mutants mass-stability test-kernels jet-mass-scale other-simulation fit-calibration real-spectra cwola-quality vae-quality figures studies paper benchmarks clean
.DEFAULT_GOAL := help

help:  ## list the jobs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "make %-17s %s\n", $$1, $$2}'

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bumphunt needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	# few modules are ever imported, and these imports compile most of them: 80 s less than to compile all
	$(BIN)/python -m compileall -q bumphunt
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -c 'import keras, pyhf, sklearn.ensemble, matplotlib.pyplot, scipy.stats, h5py, pyarrow.parquet'
	@touch $@

install: $(VENV)/installed  ## make .venv and install from the lock

run: install  ## analyse the shipped black box: p-value, masses, number of signal events
	$(BIN)/bumphunt run data/blackbox.parquet --output out/blackbox --overwrite --workers $(WORKERS)

lint: install  ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint  ## everything that has to pass, as CI runs it
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-long: install  ## tests that repeat what has statistics, studies and kills (15 minutes); not part of `make test`
	$(BIN)/python -m pytest -m long --numprocesses 2 --dist loadfile

notebooks: install  ## execute the tutorials and the gallery into out/tutorials (3 minutes)
	$(BIN)/python docs/hooks/notebooks.py

docs: notebooks  ## build the site into out/site, strictly and without network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

lock:  ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra simulation --extra root --extra dask --extra publish --extra onnx --extra cluster --extra docs --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

fidelity: install  ## compare simulated with real LHC Olympics events (4 minutes; needs ../shared/data)
	$(BIN)/python analysis/fidelity.py --workers $(WORKERS)

response: install  ## simulate the signal grid: bumphunt/masses/signal_events.npz (15 minutes)
	$(BIN)/python analysis/signal_response.py

null-experiments: install  ## run the whole analysis 500 times where there is no signal (25 minutes; resumable)
	$(BIN)/python analysis/null_experiments.py --workers $(WORKERS)

injections: install  ## inject signals of known masses and compare (45 minutes; resumable)
	$(BIN)/python analysis/injections.py --workers $(WORKERS)

nulls: install  ## signal-free boxes at the settings users run; grows one line a box (a minute a box)
	$(BIN)/python analysis/nulls.py --boxes 60 --workers $(WORKERS)

chaos: install  ## fifty kills of programs, workers and a Dask scheduler; resumed answers compared (15 minutes)
	$(BIN)/python tests/chaos/kills.py --kills 50 --json analysis/results/chaos.json
	$(BIN)/python tests/chaos/kills.py --both --kills 8 --json analysis/results/chaos.json

fuzz: install  ## twenty-five hundred damaged and hostile inputs: never a traceback (2 minutes)
	$(BIN)/python tests/fuzz/mutations.py --inputs 2500 --json analysis/results/fuzz.json

mutants: install  ## do the tests notice changes of significance, spectrum, pipeline and masses? (an hour)
	$(BIN)/python tests/mutation/mutants.py --sample 100

mass-stability: install  ## mass fits under jitter and two kernels of linear algebra (10 minutes)
	$(BIN)/python analysis/mass_stability.py

test-kernels: install  ## numerical tests under two kernels of linear algebra
	for kernel in $$($(BIN)/python analysis/kernels.py); do OPENBLAS_CORETYPE=$$kernel $(BIN)/python -m pytest -q tests/masses tests/spectrum tests/significance || exit 1; done

limit-coverage: install  ## do limits on signal models cover, and what do they gain? (10 minutes; grows one line a box)
	$(BIN)/python analysis/limit_coverage.py --workers $(WORKERS)

power: install  ## thirty fixed boxes with signal: median z, verified share, interval lengths (10 minutes)
	$(BIN)/python analysis/power.py --workers $(WORKERS)

jet-mass-scale: install  ## jet masses of background: what data are compared with, and how well that is known (1 minute)
	$(BIN)/python analysis/jet_mass_scale.py

REACH = $(BIN)/python analysis/reach.py --both --near --workers $(WORKERS) --boxes 10

reach: install  ## CWoLa and the prior-assisted search in boxes with weak signal (an hour and a half; grows)
	$(REACH) --models rnd off_grid three_prong --strengths 0.2 0.4 0.7 1.2 2
	$(REACH) --models black_box --sizes 300000 --strengths 0.4 0.55 0.8
	$(BIN)/python analysis/reach.py --both --workers $(WORKERS) --boxes 10 --models black_box --sizes 300000 --strengths 0.4 0.55
	$(REACH) --models real --strengths 0.4 0.55
	$(REACH) --models plain_jet --strengths 1.2 2 3 --boxes 6
	$(REACH) --models black_box --sizes 1000000 --strengths 0.4 --boxes 3

other-simulation: install  ## masses and yields in light boxes of four detectors, a line a box (15 minutes; grows)
	$(BIN)/python analysis/other_simulation.py

vae-quality: install  ## how well the VAE's scores separate signal, and the choice among them without labels (5 minutes)
	$(BIN)/python analysis/vae_quality.py

cwola-quality: install  ## how close does weak supervision come to the supervised limit? (15 minutes)
	$(BIN)/python analysis/cwola_quality.py --workers $(WORKERS)

fit-calibration: install  ## are p-values, intervals and limits of the fits true? (8 minutes)
	$(BIN)/python analysis/fit_calibration.py

real-spectra: install  ## fit published CMS spectra, the Z and the Upsilon (a minute; needs ../shared/data)
	$(BIN)/python analysis/real_spectra.py

figures: install  ## redraw the figures that stored results are enough for (seconds)
	$(BIN)/python analysis/figures.py

studies: install  ## repeat the studies of the lectures the package grew out of; what is up to date is left alone (20 minutes)
	$(BIN)/python -W ignore analysis/studies.py --workers $(WORKERS)

paper: install  ## write paper/generated from the last results and out/paper/main.pdf (needs LaTeX)
	$(BIN)/python analysis/paper_numbers.py
	@command -v latexmk >/dev/null || { echo "no latexmk: install texlive-latex-extra, texlive-fonts-recommended and latexmk" >&2; exit 2; }
	cd paper && latexmk -pdf -interaction=nonstopmode -halt-on-error -outdir=../out/paper main.tex

benchmarks: install  ## time what is fast beside what one would use instead (10 minutes, on an idle machine)
	$(BIN)/python benchmarks/features.py --json analysis/results/features_speed.json
	$(BIN)/python benchmarks/simulation.py --json analysis/results/simulation_speed.json
	$(BIN)/python benchmarks/training.py --json analysis/results/training_speed.json
	$(BIN)/python benchmarks/window.py --json analysis/results/window_speed.json
	$(BIN)/python benchmarks/significance.py --json analysis/results/significance_speed.json

clean:  ## remove what the jobs made, but not .venv
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
