# make demo    compress the example events, and compare with zstd, xz and ROOT
# make test    the whole test suite
# make lint    style, types and layers
# make bench   every table of docs/benchmarks.md; DATA is the folder of the test files
# make clean   remove what the others made
#
# Each creates the virtual environment .venv first, if it is not there, and compiles the native kernel,
# if it is not there or older than its sources. PYTHON says with what; a C++ compiler is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
NATIVE := CMakeLists.txt $(wildcard src/native/*)

# What builds the kernel is pinned too; older and newer pip ask different variables.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.PHONY: demo test lint bench clean

demo: $(VENV)/.base
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# One result file each, one after the other, as they share the machine; an hour or two.
DATA ?= ../shared/data
QCD = $(shell find $(DATA) -name qcd_20k.root)
UNSEEN = --unseen $(dir $(QCD))zprime_5k.root --unseen $(dir $(QCD))ttbar_5k.root
BENCH = $(BIN)/python benchmarks

bench: $(VENV)/.dev
	mkdir -p build
	$(BENCH)/roundtrip.py $(DATA)
	$(BENCH)/exact.py $(DATA)
	$(BENCH)/learned.py $(QCD) --policy benchmarks/policies/nano.toml $(UNSEEN) --minutes 13 --keep build/nano.balermodel
	$(BENCH)/learned.py $(QCD) --policy benchmarks/policies/coarse.toml $(UNSEEN) --minutes 5 --keep build/coarse.balermodel
	$(BENCH)/learned.py $(shell find $(DATA) -name agc_cms2012_dimuon_100k.root) --policy benchmarks/policies/all.toml --held-out 0.5 --minutes 2.5
	$(BENCH)/embedded.py $(DATA)
	$(BENCH)/bounded.py $(QCD) --policy benchmarks/policies/nano.toml --model build/nano.balermodel
	$(BENCH)/bounded.py $(QCD) --policy benchmarks/policies/coarse.toml --model build/coarse.balermodel
	$(BENCH)/derived.py $(shell find $(DATA) -name uproot-HZZ-zstd.root -o -name uproot-Zmumu.root -o -name uproot-issue-85.root)
	$(BENCH)/speed.py $(QCD) --policy benchmarks/policies/nano.toml --model build/nano.balermodel
	$(BENCH)/kernel.py
	$(BENCH)/memory.py $(QCD) --policy benchmarks/policies/nano.toml
	-$(BENCH)/fuzz.py
	$(BENCH)/families.py $(DATA)
	$(BENCH)/physics.py $(DATA)
	$(BENCH)/page.py
	$(BENCH)/models_page.py
	$(BENCH)/physics_page.py

$(VENV)/.python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed"'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.base: $(VENV)/.python pyproject.toml constraints.txt $(NATIVE)
	$(INSTALL) -e .
	touch $@

# Peers of the benchmark that have no wheel here are left out; tests of them are skipped, and say so.
$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt $(NATIVE)
	$(INSTALL) --only-binary :all: -e '.[dev,parquet,plot,train,physics,bench]' || $(INSTALL) -e '.[dev,parquet,plot,train,physics]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
