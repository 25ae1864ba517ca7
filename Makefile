# SPDX-License-Identifier: Apache-2.0
#
# Guichet. Everything is built under $(BUILD); nothing is written beside the sources.

comma := ,
# Commands are shown short; V=1 shows them whole.
Q = $(if $(V),,@)
SAN     ?=
BUILD   ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
PREFIX  ?= /usr/local
DESTDIR ?=
PYTHON  ?= /usr/bin/python3
CFLAGS  ?= -O2 -g

# What Debian 12 has to have; `make deps` installs what is missing.
packages = gcc make pkg-config libssl-dev libleveldb-dev zlib1g-dev libyajl-dev libcbor-dev libcmocka-dev \
	openssl python3 python3-pytest git

# ---- flags: ours are added to the user's, never replaced by them ----

warnings = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
ifeq ($(SAN),)
hardening = -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
else
hardening = -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
own_cflags = -std=c11 -fPIC -fvisibility=hidden $(warnings) $(hardening) -I. -Iclient/include -MMD -MP
own_ldflags = $(if $(SAN),-fsanitize=$(SAN)) -Wl,-z,relro,-z,now
# protocol/ and client/ are portable POSIX; only server/, bench/ and tests/ may use what Linux adds.
dialect = $(if $(filter protocol/% client/%,$<),-D_POSIX_C_SOURCE=200809L,-D_GNU_SOURCE)

protocol_libs = -lssl -lcrypto -lz -lyajl
server_libs = -lleveldb -lpthread

# ---- what is made of what ----

protocol_src = $(wildcard protocol/*.c protocol/net/*.c)
client_src = $(wildcard client/*.c)
cli_src = $(wildcard client/cli/*.c)
server_src = $(filter-out server/main.c,$(wildcard server/*.c server/services/*.c server/store/*.c server/admin/*.c))
unit_src = $(wildcard tests/unit/test_*.c)
unit_shared_src = $(filter-out $(unit_src),$(wildcard tests/unit/*.c))
fuzz_src = $(wildcard tests/fuzz/fuzz_*.c)
object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

protocol_lib = $(BUILD)/lib/libguichet-protocol.a
client_lib = $(BUILD)/lib/libguichet-client.a
server_lib = $(BUILD)/lib/libguichet-server.a
unit_lib = $(BUILD)/lib/libguichet-unit.a
unit_tests = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(unit_src))
fuzz_replays = $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(fuzz_src))

fuzz_binaries = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(fuzz_src))
tables = $(BUILD)/bin/guichet-tables
FUZZ_SECONDS ?= 30

.PHONY: all
all: $(BUILD)/bin/guichetd $(BUILD)/bin/guichet ## build everything (default)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo '  cc $<'
	$(Q)$(CC) $(own_cflags) $(dialect) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/server/default_catalogue.o: server/data/catalogue.json

$(protocol_lib): $(call object,$(protocol_src))
$(client_lib): $(call object,$(client_src))
$(server_lib): $(call object,$(server_src))
$(unit_lib): $(call object,$(unit_shared_src))
$(BUILD)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/bin/guichetd: $(call object,server/main.c) $(server_lib) $(protocol_lib)
	@mkdir -p $(@D)
	@echo '  ld $@'
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs) $(server_libs)

$(BUILD)/bin/guichet: $(call object,$(cli_src)) $(client_lib) $(protocol_lib)
	@mkdir -p $(@D)
	@echo '  ld $@'
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs)

$(unit_tests): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(unit_lib) $(client_lib) $(server_lib) $(protocol_lib)
	@mkdir -p $(@D)
	@echo '  ld $@'
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs) $(server_libs) -lcmocka -lcbor

$(fuzz_replays): $(BUILD)/tests/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(server_lib) $(protocol_lib)
	@mkdir -p $(@D)
	@echo '  ld $@'
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs) $(server_libs)

$(fuzz_binaries): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(server_lib) $(protocol_lib)
	@mkdir -p $(@D)/corpus/$(*:fuzz_%=%)
	$(CC) -fsanitize=fuzzer $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs) $(server_libs)

$(tables): $(call object,tests/docs/tables.c tests/docs/sample.c) $(protocol_lib)
	@mkdir -p $(@D)
	@echo '  ld $@'
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs)

# ---- what a person types ----

.PHONY: deps test demo unit fuzz-replay fuzz fuzz-run pytest tables clean help
deps: ## install the Debian packages that are missing
	@test "$$(dpkg-query -W -f '$${db:Status-Abbrev}\n' $(packages) 2>/dev/null | grep -c '^ii')" = $(words $(packages)) || \
	  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(packages))

test: deps ## set everything up and run every test
	@$(MAKE) --no-print-directory all unit fuzz-replay pytest

demo: deps ## the main job on real input in front of the reader
	@$(MAKE) --no-print-directory all
	@BIN=$(BUILD)/bin PYTHON=$(PYTHON) tests/demo.sh

pytest: all $(tables)
	@GUICHET_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -q -p no:cacheprovider tests

unit: $(unit_tests) ## run the unit tests
	@failed=0; for t in $(unit_tests); do $$t || failed=1; done; exit $$failed

fuzz-replay: $(fuzz_replays) ## run every fuzz target over its corpus
	@failed=0; for t in $(fuzz_replays); do $$t tests/fuzz/corpus/$${t##*/fuzz_} || failed=1; done; exit $$failed

fuzz: ## drive every fuzz target for FUZZ_SECONDS (30) with libFuzzer; needs clang
	+$(MAKE) --no-print-directory CC=clang SAN=address,undefined BUILD=$(BUILD)/clang \
	  CFLAGS="-O1 -g -Wno-error -fsanitize=fuzzer-no-link" fuzz-run

fuzz-run: $(fuzz_binaries)
	@cd $(BUILD)/fuzz && for t in $(notdir $(fuzz_binaries)); do echo "$$t:"; \
	  ./$$t -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 corpus/$${t#fuzz_} \
	    $(CURDIR)/tests/fuzz/corpus/$${t#fuzz_} || exit 1; done

tables: $(tables) ## rewrite everything in the tree that is made from the tables
	$(PYTHON) tests/docs/regenerate.py $(tables)

clean: ## remove everything built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
