# make report [PROFILE=quick]  run all notebooks and write reports/PROFILE/; PROFILE may be a YAML file
# make figures                 rebuild the tables and figures of the published report from its stored runs
# make test                    lint and all tests
# make lint                    lint and check the format
# make lab                     open JupyterLab
# make fuzz                    curate ten thousand damaged files, send the cloud ten thousand broken requests (slow)
# make bench                   measure speed and memory against their targets (a quiet machine, ten minutes)
# make crosscheck              compare our corruptions with albumentations, and a training step with PyTorch, in an
#                              environment of its own
# All targets create .venv first if it is absent.
PROFILE ?= quick
PYTHON ?= python3
RUN = .venv/bin/python -m
NEED = dance_tf needs Python 3.11 or newer as $(PYTHON); choose another one with: make PYTHON=python3.12

.PHONY: report figures test lint lab fuzz bench crosscheck
report: .venv/installed
	@$(RUN) dance_tf report $(PROFILE)

figures: .venv/installed
	@$(RUN) dance_tf report standard --from-records

# two test files in parallel; one at a time would leave one of two cores idle for half of the time
test: lint
	@$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

lab: .venv/installed
	@$(RUN) jupyterlab --notebook-dir=.

fuzz: .venv/installed
	@DANCE_TF_FUZZ=nightly $(RUN) pytest tests/video tests/serving -k fuzz

bench: .venv/installed
	@.venv/bin/python tests/benchmarks/bench.py $(if $(MEDIAPIPE),--mediapipe $(MEDIAPIPE)) $(if $(TORCH),--torch $(TORCH))

crosscheck: .venv/installed .venv-crosscheck/installed
	@PYTHONPATH=. .venv-crosscheck/bin/python -m pytest tests/corruption/test_agreement.py
	@PYTHONPATH=. .venv-crosscheck/bin/python tests/benchmarks/degrade_against_albumentations.py --write
	@.venv/bin/python tests/benchmarks/train_step.py

.venv-crosscheck/installed: requirements-crosscheck.txt
	$(PYTHON) -m venv .venv-crosscheck
	.venv-crosscheck/bin/python -m pip install -q --disable-pip-version-check -r requirements-crosscheck.txt && touch $@

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo '$(NEED)' >&2; exit 1; }
	$(PYTHON) -m venv .venv && $(RUN) pip install -q --disable-pip-version-check -r requirements.txt
	$(RUN) pip install -q --disable-pip-version-check --no-deps -e .
	@$(RUN) dance_tf.pose.weights && touch $@
