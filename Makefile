# `make help` lists the targets. One profile (release) and one target folder for everything, outside the
# checkout, because a cold build of the dependencies is long.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/qenex/target
DATADIR ?= data/testnet
VALIDATORS ?= 4
QENEX = $(CARGO_TARGET_DIR)/release/qenex

.PHONY: help setup build run dev test lint test-rust test-contracts test-clients bench figures load clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: ## Debian and npm packages that are missing
	@scripts/setup test

build: ## the qenex binary
	@scripts/setup build
	cargo build --release --locked --workspace

run: build ## a local network of four validators, until Ctrl-C
	$(QENEX) testnet run --validators $(VALIDATORS) --datadir $(DATADIR)

dev: build ## a node for development: instant blocks, no consensus, until Ctrl-C
	$(QENEX) dev

test: setup lint test-contracts test-clients test-rust ## everything that must pass

lint: ## formatting, clippy, licences and the walls between crates; warnings are errors
	@scripts/setup test
	cargo fmt --all --check
	PATH="$$PATH:$(HOME)/.cache/qenex/tools/bin" cargo deny --locked check --deny warnings licenses bans sources
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

test-rust: ## unit, property, simulation and real-process tests
	cargo build --release --locked --workspace
	cargo test --release --locked --workspace

test-contracts: ## the Foundry project
	@scripts/setup test
	contracts/bin/test

test-clients: ## the TypeScript package: types, encoding, signatures, errors
	@scripts/setup test
	cd clients/typescript && npm test

bench: ## criterion benchmarks of the hot code
	@scripts/setup build
	cargo bench --locked --workspace --profile release

figures: build ## end-to-end figures: networks of 1 and 4 validators on this machine
	@scripts/figures

load: build ## transfers a second and latency of the running network
	$(QENEX) bench load --rpc http://127.0.0.1:8545 --senders 64 --txs 20000

clean: ## the local network's data
	rm -rf $(DATADIR)
