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
OBJCOPY ?= objcopy
CFLAGS  ?= -O2 -g

# What Debian 12 has to have, to build and run, to test, to compare with others; each installed when it is missing.
packages = gcc make pkg-config libssl-dev libleveldb-dev zlib1g-dev libyajl-dev openssl python3
test_packages = $(packages) libcbor-dev libcmocka-dev python3-pytest git chromium
bench_packages = $(packages) nginx redis-server

# ---- flags: ours are added to the user's, never replaced by them ----

warnings = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
ifeq ($(SAN),)
hardening = -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
else
hardening = -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
own_cflags = -std=c11 -fPIC -fvisibility=hidden $(warnings) $(hardening) -I. -Iclient/include -I$(BUILD)/gen -MMD -MP
own_ldflags = $(if $(SAN),-fsanitize=$(SAN)) -Wl,-z,relro,-z,now
# protocol/ and client/ are portable POSIX; only server/, bench/ and tests/ may use what Linux adds.
dialect = $(if $(filter protocol/% client/%,$<),-D_POSIX_C_SOURCE=200809L,-D_GNU_SOURCE)

protocol_libs = -lssl -lcrypto -lz -lyajl
server_libs = -lleveldb -lpthread
# What libguichet.a needs. Debian gives yajl's static library a name of its own.
static_libs = $(protocol_libs:-lyajl=$(if $(wildcard $(shell $(CC) -print-file-name=libyajl_s.a)),-lyajl_s,-lyajl))

# ---- what is made of what ----

protocol_src = $(wildcard protocol/*.c protocol/net/*.c)
client_src = $(wildcard client/*.c)
cli_src = $(wildcard client/cli/*.c)
library_src = $(client_src) $(filter-out protocol/default_%.c,$(protocol_src))
server_src = $(filter-out server/main.c server/store/memory.c,$(wildcard server/*.c server/services/*.c server/store/*.c server/admin/*.c))
bench_src = $(wildcard bench/*.c)
# What the kernel accounts for a process says nothing where the thread sanitizer adds its own memory and descriptors.
unit_src = $(filter-out $(if $(findstring thread,$(SAN)),tests/unit/test_process.c),$(wildcard tests/unit/test_*.c))
unit_shared_src = $(filter-out tests/unit/test_%.c,$(wildcard tests/unit/*.c))
fuzz_src = $(wildcard tests/fuzz/fuzz_*.c)
object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

protocol_lib = $(BUILD)/lib/libguichet-protocol.a
client_lib = $(BUILD)/lib/libguichet-client.a
server_lib = $(BUILD)/lib/libguichet-server.a
unit_lib = $(BUILD)/lib/libguichet-unit.a
bench_lib = $(BUILD)/lib/libguichet-bench.a
unit_wraps = $(foreach f,fault_set problem_set problem_set_fault,-Wl$(comma)--wrap=$f -Wl$(comma)-u$(comma)__wrap_$f)
unit_tests = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(unit_src))
fuzz_replays = $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(fuzz_src))
fuzz_binaries = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(fuzz_src))

# The number in the name changes when programs have to be compiled again.
soname = libguichet.so.0
version = $(shell sed -n 's/^.define GUICHET_VERSION "\(.*\)"/\1/p' client/include/guichet/guichet.h)
libraries = $(BUILD)/lib/$(soname) $(BUILD)/lib/libguichet.a
examples = $(patsubst client/%.c,$(BUILD)/%,$(wildcard client/examples/*.c))
tables = $(BUILD)/bin/guichet-tables
# What tests run besides: a load to be interrupted, a library that makes calls fail, many revoked certificates.
test_programs = $(tables) $(examples) $(addprefix $(BUILD)/tests/,load fail_calls.so revoke_many)
FUZZ_SECONDS ?= 30

all: $(addprefix $(BUILD)/bin/,guichetd guichet guichet-bench) $(libraries) ## build everything (default)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D) && echo '  cc $<'
	$(Q)$(CC) $(own_cflags) $(dialect) $(CFLAGS) -c -o $@ $<

# Files carried in programs, as numbers that a source includes.
$(call object,$(wildcard protocol/default_*.c)): $(BUILD)/obj/protocol/default_%.o: $(BUILD)/gen/protocol/data/%.json.inc
$(call object,bench/report.c): $(BUILD)/gen/bench/report.html.inc
$(BUILD)/gen/%.inc: %
	@mkdir -p $(@D)
	@od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g' > $@

$(protocol_lib): $(call object,$(protocol_src))
$(client_lib): $(call object,$(client_src))
$(server_lib): $(call object,$(server_src))
$(bench_lib): $(call object,$(filter-out bench/main.c,$(bench_src)))
$(unit_lib): $(call object,$(unit_shared_src) server/store/memory.c)
$(BUILD)/lib/%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define link
	@mkdir -p $(@D) && echo '  ld $@'
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)
endef

$(BUILD)/bin/guichetd: $(call object,server/main.c) $(server_lib) $(protocol_lib)
	$(call link,$(protocol_libs) $(server_libs))
$(BUILD)/bin/guichet: $(call object,$(cli_src)) $(client_lib) $(protocol_lib)
	$(call link,$(protocol_libs))
$(BUILD)/bin/guichet-bench: $(call object,bench/main.c) $(bench_lib) $(client_lib) $(server_lib) $(protocol_lib)
	$(call link,$(protocol_libs) $(server_libs) -lm)

$(BUILD)/lib/$(soname): $(call object,$(library_src)) client/libguichet.map
	$(call link,-shared -Wl$(comma)-soname$(comma)$(soname) -Wl$(comma)--version-script=client/libguichet.map \
	  -Wl$(comma)-z$(comma)defs $(protocol_libs))
	$(Q)ln -sf $(soname) $(BUILD)/lib/libguichet.so

# One object whose hidden names are nobody's any more: a static library as closed as the shared one.
$(BUILD)/lib/libguichet.a: $(call object,$(library_src))
	@mkdir -p $(@D) && echo '  ld $@'
	$(Q)$(LD) -r -o $(BUILD)/lib/libguichet.o $^ && $(OBJCOPY) --localize-hidden $(BUILD)/lib/libguichet.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/lib/libguichet.o

$(examples): $(BUILD)/examples/%: client/examples/%.c client/include/guichet/guichet.h $(BUILD)/lib/libguichet.a
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -pedantic $(warnings) $(hardening) -Iclient/include $(CFLAGS) $(own_ldflags) $(LDFLAGS) \
	  -o $@ $< $(BUILD)/lib/libguichet.a $(protocol_libs)

$(unit_tests): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(unit_lib) $(bench_lib) $(client_lib) $(server_lib) $(protocol_lib)
	$(call link,$(unit_wraps) $(protocol_libs) $(server_libs) -lcmocka -lcbor -lm)
$(fuzz_replays): $(BUILD)/tests/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(server_lib) $(protocol_lib)
	$(call link,$(protocol_libs) $(server_libs))

$(fuzz_binaries): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(server_lib) $(protocol_lib)
	@mkdir -p $(@D)/corpus/$(*:fuzz_%=%)
	$(CC) -fsanitize=fuzzer $(own_ldflags) $(LDFLAGS) -o $@ $^ $(protocol_libs) $(server_libs)
$(tables): $(call object,tests/docs/tables.c tests/docs/sample.c) $(protocol_lib)
	$(call link,$(protocol_libs))
$(BUILD)/tests/load: $(call object,$(wildcard tests/fault/load.c tests/fault/verify.c)) $(client_lib) $(protocol_lib)
	$(call link,$(protocol_libs))
$(BUILD)/tests/revoke_many: $(call object,tests/integration/revoke_many.c) $(server_lib) $(protocol_lib)
	$(call link,$(protocol_libs) $(server_libs))
$(BUILD)/tests/fail_calls.so: $(call object,tests/fault/fail_calls.c tests/fault/power.c)
	$(call link,-shared -ldl)

# ---- what a person types ----

RETURNS ?= $(wildcard ../shared/data/returns.irj)
.PHONY: all deps test-deps bench-deps bench test demo install unit fuzz-replay fuzz fuzz-run pytest tables clean help
wanted = $($(subst -,_,$(@:deps=packages)))
deps test-deps bench-deps: ## install the Debian packages that are missing
	@test "$$(dpkg-query -W -f '$${db:Status-Abbrev}\n' $(wanted) 2>/dev/null | grep -c '^ii')" = $(words $(wanted)) || \
	  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(wanted))

test: test-deps ## set everything up and run every test
	@$(MAKE) --no-print-directory all unit fuzz-replay pytest

install: all ## programs, library, header and pkg-config file into DESTDIR and PREFIX
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib/pkgconfig include/guichet)
	install $(addprefix $(BUILD)/bin/,guichetd guichet guichet-bench) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(libraries) $(DESTDIR)$(PREFIX)/lib && ln -sf $(soname) $(DESTDIR)$(PREFIX)/lib/libguichet.so
	install -m 644 client/include/guichet/guichet.h $(DESTDIR)$(PREFIX)/include/guichet
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(version)|; s|@LIBS@|$(static_libs)|' client/libguichet.pc.in \
	  >$(DESTDIR)$(PREFIX)/lib/pkgconfig/libguichet.pc

demo: deps ## the main job on real input in front of the reader
	@$(MAKE) --no-print-directory all
	@BIN=$(BUILD)/bin PYTHON=$(PYTHON) tests/demo.sh

bench: bench-deps ## measure everything, peers beside it; RETURNS=FILE.irj files real returns
	@$(MAKE) --no-print-directory all
	$(BUILD)/bin/guichet-bench all --dir $(BUILD)/bench --curve bench/last_evening.csv $(if $(RETURNS),--returns $(RETURNS))

pytest: all $(test_programs)
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
	@sed -n 's/^\([a-z -]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
