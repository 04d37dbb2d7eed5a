# Vetrina: `make help` says what there is. The two that matter: `make demo` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vetrina
# Outside of the checkout, so that a fresh clone finds what another one has built.
CARGO_TARGET_DIR ?= $(CACHE)/target
export CARGO_TARGET_DIR
VETRINA := $(CARGO_TARGET_DIR)/release/vetrina
LAB := $(CARGO_TARGET_DIR)/release/vetrina-lab
# The evaluation data, which is not part of the project.
VETRINA_DATA ?= $(abspath ../shared/data)
# More for the command: make demo ARGS="--listen 0.0.0.0:7700"
ARGS ?=

.PHONY: help demo test check evaluate bench screenshots setup setup-tests build clean-data \
        test-rust test-browser check-format check-clippy check-docs check-links check-dependencies check-scripts \
        check-instructions

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 30

demo: setup build ## fetch, build, import the demo catalogue, serve it and print the address
	@$(VETRINA) demo $(ARGS)

test: setup setup-tests test-rust test-browser ## every test: unit, end to end, browser

check: check-format check-scripts check-links check-clippy check-docs check-dependencies ## format, scripts, links, lints, API docs, dependencies

setup: ## fetch ONNX Runtime's library and the demo catalogue (once)
	@scripts/setup.sh

setup-tests: ## what only the tests need: Node.js, Chromium, npm packages
	@scripts/setup-tests.sh

build: ## the release binary
	cargo build --release --locked --workspace --bin vetrina

test-rust: setup ## unit and end-to-end tests
	cargo test --release --locked --workspace --no-fail-fast

test-browser: setup setup-tests build ## the page, in a headless browser
	@VETRINA_BINARY=$(VETRINA) scripts/test-browser.sh

check-format: ## rustfmt
	cargo fmt --all --check

check-clippy: ## clippy, warnings are errors
	cargo clippy --release --locked --workspace --all-targets -- --deny warnings

check-docs: ## rustdoc, warnings are errors
	RUSTDOCFLAGS="--deny warnings" cargo doc --release --locked --workspace --no-deps --quiet

check-links: ## links and file names in the documents
	@scripts/check-links.py

check-dependencies: ## licences, sources and advisories of the dependencies
	@scripts/check-dependencies.sh

check-instructions: ## instructions of hot paths, under callgrind, against the baseline
	@cargo build --release --locked --quiet --workspace --bin vetrina-lab
	@scripts/check-instructions.sh $(ARGS)

check-scripts: ## bash's own parser, and shellcheck where it is installed
	@scripts/check-scripts.sh

evaluate: setup ## retrieval quality on the evaluation data, and parity of the model (VETRINA_DATA)
	@VETRINA_DATA="$(VETRINA_DATA)" scripts/lab.sh evaluate $(ARGS)

bench: setup build ## speed and memory, side by side with peers; ARGS=--quick for a short look (VETRINA_DATA)
	@VETRINA_DATA="$(VETRINA_DATA)" scripts/lab.sh bench $(ARGS)

screenshots: setup setup-tests build ## the pictures in docs/pictures, taken anew
	@VETRINA_BINARY=$(VETRINA) scripts/screenshots.sh

clean-data: ## delete ./vetrina-data: catalogues, index and settings of the demo; what was fetched and built stays
	@rm -rf vetrina-data && echo "vetrina-data is gone"
