# `make` lists the targets. Servers are started by internal/devstack; .ci/setup installs what
# they need, or says what it is; the tools are pinned in tools/go.mod.

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT   := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS  := -s -w -X main.buildVersion=$(VERSION) -X main.buildCommit=$(COMMIT)
BUILD    := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
DEVSTACK := go run ./internal/devstack/cmd/devstack
TOOL     := go tool -modfile=tools/go.mod
TOOL_ABOVE := go tool -modfile=../tools/go.mod

PKG      ?= ./...
SECONDS  ?= 300
SEED     ?= 0
FUZZTIME ?= 30s
N        ?= 350000
ROUNDS   ?= 3

.DEFAULT_GOAL := help
.PHONY: help build stack demo test crash mutants bench bench-once fuzz lint fmt check vuln dist model clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/reindex
	$(BUILD) -o bin/reindex ./cmd/reindex

stack: ## Start PostgreSQL and Elasticsearch, print how to reach them, stop at Ctrl-C
	@.ci/setup demo
	@$(DEVSTACK) up

demo: build ## Start both servers, fill them, run blue and green at the same moment
	@.ci/setup demo
	@$(DEVSTACK) run -- go run ./examples/persons/demo

# bench is a module of its own: its tests are run where all tests are. They come first, so that the output ends with
# the result of the packages.
ifeq ($(PKG),./...)
BENCH_TEST := (cd bench && go test -race -count=1 ./...) &&
endif

test: ## All tests, with the race detector, against real servers (PKG=./esalias for one package)
	@.ci/setup test
	@# Compiled with every core first; then one package at a time, because several start clusters of their own.
	go test -race -run '^$$' $(PKG) >/dev/null
	$(DEVSTACK) run -- sh -c '$(BENCH_TEST) go test -race -shuffle=on -count=1 -p 1 -timeout 20m $(PKG)'

crash: ## Kill and pause runs at random for SECONDS (300), with decisions from SEED (random)
	$(DEVSTACK) run -- go test ./internal/crash -run '^TestCrash$$' -count=1 -timeout 0 -v -crash.seconds=$(SECONDS) -crash.seed=$(SEED)

model: ## Check the protocol model with TLC, small bounds (needs Java and pip)
	docs/protocol/check.sh

mutants: ## Break each safety rule of the code in turn and see its test fail (MUTANT=name for one)
	$(DEVSTACK) run -- go run ./internal/mutants -only '$(MUTANT)'

bench: ## The pipeline beside its ceiling and its alternatives, on servers of its own (N=350000 ROUNDS=3)
	cd bench && go run . -n $(N) -rounds $(ROUNDS)

bench-once: ## Each benchmark once, to see that it still runs
	$(DEVSTACK) run -- go test -run '^$$' -bench . -benchtime 1x $(PKG)

fuzz: ## Each fuzz target for FUZZTIME (30s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$$target in $$file"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
		done; \
	done

lint: ## Run the linters
	$(TOOL) golangci-lint run
	cd bench && $(TOOL_ABOVE) golangci-lint run

fmt: ## Format the code and modernise it
	$(TOOL) golangci-lint fmt
	go fix ./...
	cd bench && go fix ./...

check: ## Everything that CI checks other than tests; changes nothing
	go vet ./...
	cd bench && go vet ./...
	$(TOOL) golangci-lint config verify
	$(TOOL) golangci-lint run
	cd bench && $(TOOL_ABOVE) golangci-lint run
	$(TOOL) golangci-lint fmt --diff
	go fix -diff ./...
	cd bench && go fix -diff ./...
	go mod tidy -diff
	cd bench && go mod tidy -diff
	cd tools && go mod tidy -diff

vuln: ## Look for known vulnerabilities (needs the internet)
	$(TOOL) govulncheck ./...

dist: ## Reproducible binaries for Linux, and their checksums, in dist (proof: deploy/reproducible.sh)
	rm -rf dist
	for arch in amd64 arm64; do \
		GOFLAGS= GOAMD64=v1 GOARM64=v8.0 GOOS=linux GOARCH=$$arch $(BUILD) -o dist/reindex_$(VERSION)_linux_$$arch ./cmd/reindex || exit 1; \
	done
	cd dist && sha256sum reindex_* >SHA256SUMS && cat SHA256SUMS

clean: ## Remove what was built
	rm -rf bin dist
