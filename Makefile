# Everything happens in .venv. PYTHON and TORCH_INDEX: see .ci/env.
PORT ?= 8501
ADDRESS ?= 0.0.0.0
IMAGE ?= zfnet-explorer
PYTEST_ARGS ?=
FUZZ_ARGS ?=
WORKERS ?= 2
# What went wrong, but for 5: of the tests that were asked for, none is of this kind.
KEEP = { code=$$?; [ $$code = 5 ] || status=$$code; }
PY := .venv/bin/python
RUNTIME := .venv/.runtime
DEV := .venv/.dev
BENCH := .venv/.bench
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench fuzz env licences audit lock docker clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUNTIME) ## serve the dashboard on http://localhost:8501 (PORT=8080, ADDRESS=127.0.0.1 for this machine only)
	$(PY) -m streamlit run app.py --server.port=$(PORT) --server.address=$(ADDRESS)

test: $(DEV) ## run every test, in a real browser too (PYTEST_ARGS="-k deconvnet", WORKERS=2)
	@ZFNET_CHROMIUM="$$(bash .ci/chromium)"; ZFNET_NGINX="$$(bash .ci/nginx)"; export ZFNET_CHROMIUM ZFNET_NGINX; status=0; \
	$(PY) -m pytest -m "not browser" -n $(WORKERS) --dist loadfile $(PYTEST_ARGS) || $(KEEP); \
	$(PY) -m pytest -m browser $(PYTEST_ARGS) || $(KEEP); \
	if [ -z "$$ZFNET_CHROMIUM" ]; then \
		echo '########################################################################'; \
		echo '##  THE BROWSER TESTS WERE SKIPPED: no Chromium found or installed.   ##'; \
		echo '##  Install one, or name one: make test ZFNET_CHROMIUM=/path/to/it    ##'; \
		echo '########################################################################'; \
	fi; exit $$status

lint: $(DEV) ## check style, formatting, types and licences
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy zfnet pages app.py
	$(PY) .ci/licences > /dev/null

format: $(DEV) ## put the code into its form
	$(PY) -m ruff check --fix-only
	$(PY) -m ruff format

bench: $(BENCH) ## measure against peer libraries, a quarter of an hour (BENCH_ARGS="--only evidence --rounds 3")
	$(PY) -m tests.benchmarks.bench $(BENCH_ARGS)

fuzz: $(DEV) ## damage pictures and checkpoints by the thousand (FUZZ_ARGS="uploads --number 20000 --seed 1 --workers 2")
	$(PY) -m tests.fuzz $(FUZZ_ARGS)

env: $(DEV) ## make .venv with everything in it

licences: $(DEV) ## list the licences of all packages
	$(PY) .ci/licences

audit: $(DEV) ## look all packages up among the known vulnerabilities (asks pypi.org)
	$(PY) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet pip-audit==2.10.1
	.venv/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement requirements-lock.txt

lock: $(DEV) ## resolve the requirements anew into requirements-lock.txt (on Linux x86-64)
	$(PY) .ci/lock > .venv/lock.txt
	mv .venv/lock.txt requirements-lock.txt

docker: ## build the image (TORCH_INDEX=https://download.pytorch.org/whl/cu130 for CUDA)
	docker build $(if $(TORCH_INDEX),--build-arg TORCH_INDEX=$(TORCH_INDEX)) --tag $(IMAGE) .

clean: ## remove caches
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## remove caches and .venv
	rm -rf .venv

# The stamps are touched last: an interrupted installation is taken up again, not taken for complete.
$(RUNTIME): requirements.txt requirements-lock.txt
	bash .ci/env requirements.txt
	touch $@

$(DEV): requirements-dev.txt requirements.txt requirements-lock.txt
	bash .ci/env requirements-dev.txt
	touch $(RUNTIME) $@

$(BENCH): requirements-bench.txt requirements-dev.txt requirements.txt requirements-lock.txt
	bash .ci/env requirements-bench.txt
	touch $(RUNTIME) $(DEV) $@
