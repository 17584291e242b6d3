# `make help` lists the targets. Everything is installed into .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
# whole files, so that what a file's tests share is made once
TWO_AT_ONCE := -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo ui test test-slow check format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: .venv/.ready ## install everything into .venv, exactly as requirements.lock pins it

.venv/.ready: requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## train, prune and measure five networks on real digits; prints the table
	$(BIN)/harness sweep demo

ui: setup ## open MLflow on the store of this folder, at 127.0.0.1
	$(BIN)/harness ui

test: setup ## run the tests
	$(BIN)/python -m pytest $(TWO_AT_ONCE)

test-slow: setup ## run the long checks on real data, too
	$(BIN)/python -m pytest $(TWO_AT_ONCE) -m "slow or not slow"

check: setup ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --extra demo --extra imdb --extra speech --extra text \
		--extra tfds --extra dev --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate \
		--no-header --output-file requirements.lock pyproject.toml

clean: ## remove .venv and caches; runs and results stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
