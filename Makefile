# Hubbub: `make` or `make help` lists what can be done.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Tests in real browsers measure sound: they get the machine to themselves, also with -j.
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Arguments for `make run`, as in: make run ARGS='--listen=127.0.0.1:9000'
ARGS ?=
export FUZZTIME ?= 30s
# What `make bench` measures and how often; `bin/bench/bench run --list` names what there is.
BENCH ?=
RUNS ?= 3
BENCHFLAGS ?=

GOLANGCI_VERSION := v2.15.0
GOLANGCI := .cache/bin/golangci-lint-$(GOLANGCI_VERSION)

CADDY_VERSION := v2.11.9
CADDY := .cache/bin/caddy-$(CADDY_VERSION)

# The version comes from git, where there is one that answers.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)

NPM_STAMP := web/node_modules/.package-lock.json
PAGE := web/dist/app/index.html
PAGE_SOURCES := $(shell find web/app web/client -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([^:]+):.*## /\1\t/' | expand -t 17

.PHONY: build
build: $(PAGE) ## Build bin/hubbub, with the web app in it
	go build -trimpath -buildvcs=$(BUILDVCS) -o bin/hubbub ./cmd/hubbub

.PHONY: run
run: build ## Build what is needed and serve on this machine; ARGS='--flag=value ...' for more
	@exec bin/hubbub serve $(ARGS)

.PHONY: cluster
cluster: build ## Run three nodes and a redis-server on this machine; ARGS='--flag=value ...' for all three
	@exec scripts/cluster $(ARGS)

.PHONY: test
test: test-deps test-web test-go e2e e2e-firefox ## Run every test, in real browsers too; installs what is missing

.PHONY: test-deps
test-deps: ## Install what the tests need from the system (apt-get), when it is missing
	scripts/install-test-deps

.PHONY: test-go
test-go: ## Go tests, with the race detector
	go test -race -shuffle=on -timeout=8m ./...

.PHONY: test-web
test-web: $(NPM_STAMP) ## Types and unit tests of the TypeScript parts
	cd web && npm run check --workspaces --if-present
	cd web && npm test --workspaces --if-present

.PHONY: e2e
e2e: build ## Tests of the page in Chromium; E2E='-g mute' for some of them
	cd web/e2e && npm run chromium -- $(E2E)

.PHONY: e2e-firefox
e2e-firefox: build ## Tests of the page in Firefox, in a network namespace (needs root or sudo)
	cd web/e2e && ../../scripts/in-network-namespace ../../scripts/with-null-audio npm run firefox

.PHONY: join-time
join-time: build ## Measure the time from the click on Join to the first sound, in Chromium
	cd web/e2e && npm run measure -- join-time

.PHONY: first-picture
first-picture: build ## Measure the time from accepting a video call to the first picture of the other, in Chromium
	cd web/e2e && npm run measure -- first-picture

.PHONY: lip-sync
lip-sync: build ## Measure how far picture and sound are apart at the other end, in Chromium
	cd web/e2e && npm run measure -- lip-sync

.PHONY: call-conditions
call-conditions: build ## Measure video calls over slow lines that lose packets, in Chromium (14 min)
	cd web/e2e && npm run measure -- call-conditions

.PHONY: lint
lint: $(GOLANGCI) $(NPM_STAMP) ## golangci-lint and gofmt, svelte-check and tsc
	$(GOLANGCI) run
	$(GOLANGCI) fmt --diff
	cd web && npm run check --workspaces --if-present

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	scripts/fuzz

.PHONY: bench
bench: bench-build ## Measure the server beside the least that forwarding can cost (15 min, two cores); BENCH='50x3 calls' RUNS=1 for less
	bin/bench/bench run $(BENCH) --runs=$(RUNS) --json=bin/bench/results.json $(BENCHFLAGS)

.PHONY: bench-quick
bench-quick: ## The same once, for 3 s each, without large rooms (2 min)
	$(MAKE) bench RUNS=1 BENCH='50x1 50x3 20open 3x15 calls joins quiet' BENCHFLAGS=--duration=3s

.PHONY: bench-profile
bench-profile: bench-build ## Say where the server's CPU goes with 3 speakers in a room of 1,003
	bin/bench/bench profile $(BENCHFLAGS)

.PHONY: bench-docs
bench-docs: ## make bench and bench-profile, and put what they find into docs/performance.md
	$(MAKE) bench BENCHFLAGS=--document=docs/performance.md
	$(MAKE) bench-profile BENCHFLAGS=--document=docs/performance.md

.PHONY: bench-build
bench-build:
	go build -trimpath -o bin/bench/hubbub ./cmd/hubbub
	go build -o bin/bench/bench ./signaling/load/bench

.PHONY: bench-go
bench-go: ## Run the Go benchmarks, with allocations
	go test -run='^$$' -bench=. -benchmem ./...

.PHONY: faults
faults: test-deps ## Measure each fault of a cluster ten times against its bounds (25 min; root or sudo); FAULT=Drain for some
	go test -count=1 -timeout=3h -v ./signaling/blackbox/cluster -faults -run='$(or $(FAULT),.)' | grep -v '^=== '

.PHONY: gossip-figures
gossip-figures: ## Measure how fast claims to rooms reach all of 3, 8 and 16 nodes, with and without mail (10 min)
	go test ./cluster -run='^$$' -bench=Gossip -benchtime=1x -timeout=30m

.PHONY: proxies
proxies: test-deps $(CADDY) ## Test the examples of deploy/ for nginx and Caddy with both (builds Caddy)
	CADDY=$(CURDIR)/$(CADDY) go test -count=1 -v ./signaling/blackbox/cluster -run='Prox' | grep -v '^=== '

.PHONY: clean
clean: ## Remove what was built (not the tools in .cache, nor node_modules)
	rm -rf bin web/dist/app web/client/dist web/e2e/test-results

$(GOLANGCI):
	GOBIN=$(CURDIR)/.cache/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .cache/bin/golangci-lint $@

$(CADDY):
	GOBIN=$(CURDIR)/.cache/bin go install github.com/caddyserver/caddy/v2/cmd/caddy@$(CADDY_VERSION)
	mv .cache/bin/caddy $@

$(NPM_STAMP): web/package-lock.json
	@command -v npm >/dev/null || { echo 'The web app needs Node 20.19 or newer and npm (the server alone: go build ./cmd/hubbub)' >&2; exit 1; }
	cd web && npm ci
	@touch $@

$(PAGE): $(NPM_STAMP) $(PAGE_SOURCES)
	cd web && npm run build --workspace=app
	@touch $@
