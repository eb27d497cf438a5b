.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
SHELL := /bin/bash
# Each of the tests at work has one core, not threads that wait for each other.
SUITE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 3 --dist worksteal

##@ Use it
shards: .venv/shards  ## the demo web, crawled on loopback, as shards in out/demo
	.venv/bin/wit build demo --out out/demo --resume

train: .venv/train  ## after `make shards`: a small model on them, and what it makes of combinations they never show
	.venv/bin/wit demo-web --eval-set out/demo-eval
	.venv/bin/wit train --shards out/demo/shards --model benchmarks/train/demo.json --out runs/demo --resume \
	  --text-encoder cbow --batch 64 --epochs 40 --lr 3e-3 --warmup 50 --weight-decay 0.5 --precision fp32 \
	  --eval-set out/demo-eval --eval-every 160

audit: .venv/shards  ## after `make shards`: pictures of an evaluation set that lie in them, beside those known to
	.venv/bin/wit demo-web --eval-set out/demo-eval
	.venv/bin/wit audit --shards out/demo/shards --eval-set out/demo-eval --out out/audit
	$(PY) benchmarks/audit/demo.py out/audit out/demo out/demo-eval

show:  ## what is in out/demo
	.venv/bin/wit show out/demo

##@ Every day
check: lint types layers test  ## all that a change must pass, fastest first

lint: .venv/dev
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

types: .venv/dev
	.venv/bin/mypy

layers: .venv/dev
	.venv/bin/lint-imports

test: .venv/dev  ## the suite
	$(SUITE) $(ARGS)

##@ Now and then
coverage: .venv/dev  ## the suite, in twice the time, and which lines it never runs
	$(SUITE) --cov --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS)

test-slow: .venv/dev  ## what takes minutes: hundreds of kills, big sizes
	$(PY) -m pytest -m slow $(ARGS)

bench: .venv/bench  ## every benchmark that needs no environment of its peer's (those: benchmarks/fetch, benchmarks/archive)
	for script in crawl/compare crawl/memory images/decode_resize images/pdq shards/write_shard lists/read archive/compare \
	  curate/language curate/match curate/npmi curate/near curate/exact curate/balance curate/forget audit/compare \
	  scale/hosts scale/simulate scale/executors scale/near; do \
	  echo "== $$script"; $(PY) benchmarks/$$script.py || exit 1; done

format: .venv/dev
	.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

lock:  ## exact versions and hashes into requirements/, from pyproject.toml
	for set in shards train dev bench; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-annotate --upgrade \
	    $$(case $$set in train) echo --extra train;; dev) echo --extra dev;; bench) echo --extra dev --extra bench;; esac) -o requirements/$$set.txt pyproject.toml requirements/build.in \
	    || exit 1; done

clean:  ## remove what this file made, but for out/ and runs/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*

help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

# Virtual environment, one mark per set of packages: exact versions with hashes, then this checkout.
.venv/shards .venv/train .venv/dev .venv/bench: .venv/%: requirements/%.txt pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: shards train audit show check lint types layers test coverage test-slow bench format lock clean help
