# make demo   a server, emitters and a Waldur double; a real trace, a kill -9, a reconciliation
# make demo DEMO=monthend  the same over a month's end, to signed statements
# make test   everything that CI runs
# make waldur-check  each rule of Waldur that Meter relies on, tried on the double or on the Waldur that WALDUR_URL names
# make bench  the engine and the wire, measured (release builds; quiet machine)
# make install PREFIX=/usr/local  programs, manual page and completions (DESTDIR= for packages)
# make format | lint | clean

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
TRACE ?=
SEED ?= 1
PREFIX ?= /usr/local
DEMO ?=

.PHONY: demo test waldur-check bench install format lint setup clean

setup:
	@scripts/setup

demo: setup
	@scripts/demo $(DEMO) --seed "$(SEED)" $(if $(TRACE),--trace "$(TRACE)")

test: setup
	@scripts/test

waldur-check: setup
	@scripts/waldur-check

bench: setup
	@scripts/bench

install: setup
	@DESTDIR="$(DESTDIR)" scripts/install "$(PREFIX)" $(BIN)

format:
	swift format -i -r Sources Tests Benchmarks Package.swift

lint:
	@scripts/lint

clean:
	rm -rf .build .build-engine .build-python .build-release Benchmarks/.build
