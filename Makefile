# What a contributor runs. `make` alone lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test lint deny setup release bench bench-policies bench-scrape fuzz

# Absolute, because each test runs in the folder of its crate.
quick = $(abspath $(or $(CARGO_TARGET_DIR),target))/quick
say = printf '\n== %s\n'

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the example: a gateway on 127.0.0.1:8080 in front of a built-in echo server
	@$(say) 'building yumen (about two minutes the first time)'
	@cargo run --profile quick -p yumen -- run

test: setup lint deny ## everything that must hold before a change lands
	@$(say) 'building yumen as the end-to-end tests meet it'
	@cargo build --profile quick -p yumen
	@$(say) 'unit, tidy, policy, example and end-to-end tests'
	@YUMEN_BIN="$(quick)/yumen" cargo test --workspace --no-fail-fast
	@cargo test --quiet --manifest-path fuzz/Cargo.toml --target-dir "$(dir $(quick))"

lint: ## formatting, clippy and rustdoc; warnings are errors
	@$(say) 'formatting'
	@cargo fmt --all --check
	@$(say) 'clippy'
	@cargo clippy --workspace --all-targets -- -D warnings
	@cargo clippy -p yumen --all-targets --no-default-features -- -D warnings
	@$(say) 'documentation'
	@RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet

deny: ## licences, duplicate and banned dependencies, known holes
	@$(say) 'dependencies (cargo-deny)'
	@scripts/deny

setup: ## install what tests and benchmarks need; quick when it is there
	@$(say) 'tools'
	@scripts/setup

release: setup ## the fastest binary: built by what runs of it under load (some ten minutes)
	@$(say) 'building yumen twice'
	@scripts/release

bench: setup ## measure next to NGINX, HAProxy, Envoy and others; writes docs/benchmarks.md
	@$(say) 'benchmarks (this takes a while)'
	@bench/run

bench-policies: setup ## what the watch and each policy cost; writes docs/costs.md
	@$(say) 'costs (this takes some minutes)'
	@bench/cost

bench-scrape: setup ## what a scrape of 10,000 routes does to requests; writes docs/scrape.md
	@$(say) 'scrapes (this takes some minutes)'
	@bench/scrape

fuzz: ## attack every parser for SECONDS_EACH seconds (600); `make test` replays seeds and findings
	@$(say) 'fuzzing'
	@scripts/fuzz "$${SECONDS_EACH:-600}"
