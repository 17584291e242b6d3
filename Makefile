# `make help` lists the targets. Everything is installed into .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
# whole files, so that what a file's tests share is made once, in the order of tests/conftest.py;
# three on two cores, for they wait for servers, browsers and each other
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
# Kernels that no machine's TensorFlow chooses by itself: Eigen's, and oneDNN's without AVX-512
# below them. So computes mixed precision on a processor without AVX-512. With oneDNN on, the
# second setting alone would have TensorFlow ask for what oneDNN then has not.
OTHER_KERNELS := TF_ENABLE_ONEDNN_OPTS=0 ONEDNN_MAX_CPU_ISA=AVX2

.DEFAULT_GOAL := help
# where `make results` finds data that no package carries, and how many cells run at once
FSDD ?= data/fsdd
CIFAR10 ?= data/cifar10
MULTI30K ?= data/multi30k
JOBS ?= 1

.PHONY: help setup demo ui results test test-portable test-slow check format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: .venv/.ready$(if $(filter 1,$(GPU)),-gpu) ## install everything into .venv, as requirements.lock pins it (GPU=1: and CUDA)

.venv/.ready: requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# CUDA's libraries are those that the locked TensorFlow asks for: it names ranges, nothing pins them.
.venv/.ready-gpu: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint requirements.lock 'tensorflow[and-cuda]'
	@touch $@

demo: setup ## train, prune and measure five networks on real digits; prints the table
	$(BIN)/harness sweep demo

ui: setup ## open MLflow on the store of this folder, at 127.0.0.1
	$(BIN)/harness ui

results: setup ## train what is missing of the committed tables (hours; resumes), and rebuild them
	@for data in FSDD=$(FSDD) MULTI30K=$(MULTI30K); do test -e "$${data#*=}" || { \
		echo "$$data: there is no such file or folder; say where it is:" \
			"make results FSDD=... MULTI30K=... (docs/speech.md, docs/translation.md)"; exit 1; }; done
	$(BIN)/harness sweep examples --jobs $(JOBS)
	$(BIN)/harness sweep compression --jobs $(JOBS)
	$(BIN)/harness sweep blocks
	$(BIN)/harness sweep latency
	$(BIN)/harness sweep latency_reviews
	test -d $(CIFAR10) || $(BIN)/harness data prepare cifar10 --out $(CIFAR10)
	$(BIN)/harness sweep image_classification_small dataset.data_dir=$(CIFAR10) --jobs $(JOBS)
	$(BIN)/harness sweep remedies dataset.data_dir=$(CIFAR10) --jobs $(JOBS)
	$(BIN)/harness sweep keyword_spotting_small dataset.data_dir=$(FSDD) --jobs $(JOBS)
	$(BIN)/harness sweep translation_small dataset.data_dir=$(MULTI30K) --jobs $(JOBS)
	$(BIN)/harness sweep remedies_translation dataset.data_dir=$(MULTI30K) --jobs $(JOBS)
	$(BIN)/harness sweep latency_images dataset.data_dir=$(CIFAR10)
	$(BIN)/harness sweep latency_speech dataset.data_dir=$(FSDD)
	$(BIN)/harness sweep latency_translation dataset.data_dir=$(MULTI30K)
	$(BIN)/harness collect
	$(BIN)/harness report --from results/runs
	$(BIN)/python scripts/fill_pages.py

test: setup ## run the tests
	$(BIN)/python -m pytest $(AT_ONCE)

test-portable: setup ## run the numeric tests with kernels that this machine would not choose
	$(OTHER_KERNELS) $(BIN)/python -m pytest $(AT_ONCE) -m "not slow and not anywhere" \
		tests/models tests/pruning tests/training tests/tasks/scores/test_beam.py

test-slow: setup ## run the long checks on real data, too
	$(BIN)/python -m pytest $(AT_ONCE) -m "slow or not slow"

check: setup ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --extra demo --extra imdb --extra latency --extra onnx \
		--extra packed --extra postgres --extra search --extra slurm --extra speech --extra text \
		--extra tfds --extra dev --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate \
		--no-header --output-file requirements.lock pyproject.toml

clean: ## remove .venv and caches; runs and results stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
