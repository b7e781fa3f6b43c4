# SPDX-License-Identifier: Apache-2.0
# The front door. CMake does the building; `make core` shows that a C compiler alone is enough for
# the freestanding part.
CC = cc
CFLAGS = -O2
AR = ar
PREFIX = /usr/local
FUZZ_SECONDS = 30

build:
	cmake --preset release
	cmake --build build -t product

help:
	@echo 'make          libraries and tools, release build in build/ (tool: build/bin/pqi)'
	@echo 'make demo     installs what is missing; devices, a control room and an attacker at one broker'
	@echo '              PROFILE=kyber-dilithium|kyber-falcon|saber-dilithium LEVEL=1|3|5'
	@echo '              PROVIDER=soft|tpm|agent: where the devices have their keys'
	@echo 'make test     installs what is missing; all tests: release, ASan+UBSan, TSan'
	@echo 'make lint     every static check        make tidy    clang-tidy'
	@echo 'make ct       constant-time checks      make fuzz    FUZZ_SECONDS=30 per target'
	@echo 'make prove    bounds of the arithmetic, by a model checker'
	@echo 'make nightly  hours: all constant-time levels, long fuzzing, long vectors'
	@echo 'make models   the protocol rules and their broken variants, by a model checker'
	@echo 'make test-sessions  v4 sessions against a slow oracle: SCHEDULES=1000000 for a long run'
	@echo 'make test-adversary  a broker that does what it wants: scenarios, broken builds, campaigns'
	@echo 'make test-control  the server side of the control plane: SQLite, PostgreSQL, a broker'
	@echo 'make test-providers  software keys, swtpm, SoftHSM2, the key agent: conformance, attacks, attestation'
	@echo 'make m4       Cortex-M4 sizes           make core    libpqi-core.a with CC and CFLAGS only'
	@echo 'make test-m4  every algorithm on emulated Cortex-M: vectors, instructions, stack'
	@echo 'make test-cross  the same vectors on emulated s390x (big-endian) and armhf (32 bits)'
	@echo 'make bench    speed                     make docs    API reference in build/docs'
	@echo 'make install  PREFIX=/usr/local DESTDIR=             make clean'

demo:
	tools/setup $(if $(filter tpm,$(PROVIDER)),tpm,run)
	@$(MAKE) build
	tools/demo $(if $(PROFILE),--profile $(PROFILE)) $(if $(LEVEL),--level $(LEVEL)) $(if $(PROVIDER),--provider $(PROVIDER))

test:
	tools/setup test
	tools/test

lint:
	tools/setup test
	tools/lint

tidy:
	cmake --preset clang
	tools/tidy

ct:
	tools/setup test
	tools/ct-check

prove:
	tools/setup test
	tools/prove

nightly:
	tools/setup test
	tools/nightly

test-sessions:
	tools/setup test
	tools/build-quiet release
	tools/test-sessions build

test-control:
	tools/setup test
	tools/build-quiet release
	tools/test-control build

test-providers:
	tools/setup test
	tools/build-quiet release
	tools/test-providers build

models:
	tools/setup test
	tools/check-models

fuzz:
	tools/setup test
	FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz

test-adversary:
	tools/setup test
	tools/test-adversary

m4:
	tools/setup test
	tools/m4

test-m4:
	tools/setup test
	tools/test-m4

test-cross:
	tools/setup test
	tools/test-cross

bench: build
	build/bin/pqi bench

docs:
	tools/setup test
	tools/docs

core:
	CC='$(CC)' CFLAGS='$(CFLAGS)' AR='$(AR)' tools/core

install: build
	cmake --install build --prefix '$(PREFIX)'

clean:
	rm -rf build build-*

.PHONY: build help demo test lint tidy ct prove models test-sessions test-control test-adversary test-providers nightly fuzz m4 test-m4 test-cross bench docs core install clean
