# Sluice. `make help` lists the targets. One library a folder, linked in the order of the layers.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:

# FLAVOR: release (default), asan, tsan, fuzz. B: build root. make B=/tmp/mine keeps a build apart.
FLAVOR ?= release
B ?= build
ifeq ($(FLAVOR),release)
O := $(B)
else
O := $(B)/$(FLAVOR)
endif

ifeq ($(FLAVOR),fuzz)
CC := clang-14
else
CC := gcc
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wvla -Wno-unused-parameter
ifneq ($(FLAVOR),fuzz)
# Error texts are cut to their fixed buffers on purpose; clang has no such warning.
WARN += -Wno-format-truncation
endif
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
SANITIZED := -O1 -g -fno-sanitize-recover=all -fno-omit-frame-pointer -DSL_SANITIZED=1
CFLAGS_asan := $(SANITIZED) -fsanitize=address,undefined
CFLAGS_tsan := $(SANITIZED) -fsanitize=thread
CFLAGS_fuzz := $(SANITIZED) -fsanitize=fuzzer-no-link,address,undefined
CFLAGS := -std=c11 -D_GNU_SOURCE -I. -fstack-protector-strong -fPIE -pthread $(WARN) \
          $(CFLAGS_$(FLAVOR)) $(EXTRA_CFLAGS)
comma := ,
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed \
           $(filter -fsanitize=%,$(subst fuzzer-no-link$(comma),,$(CFLAGS_$(FLAVOR))))
DEPLIBS := -lrdkafka -levent_openssl -levent_pthreads -levent_extra -levent_core \
           -lcurl -lssl -lcrypto -lcjson -lxxhash -lhs -lpcre2-8 -licuuc -lutf8proc -lyaml -lm

# One folder's own flags: CFLAGS_DIR_<folder with _ for />.
CFLAGS_DIR_router_classify := -isystem /usr/include/hs

# ---- libraries: name = folders; lower layers stand later in LIB_ORDER ----
DIRS_base := common/base
DIRS_crypto := common/crypto
DIRS_bus := common/bus
DIRS_http := common/http
DIRS_schemas := schemas
DIRS_router := router router/classify
DIRS_engine := private-worker/engine private-worker/engine/cpu
DIRS_worker := worker
DIRS_gateway := gateway
DIRS_pworker := private-worker
DIRS_uworker := public-worker
DIRS_ctl := ctl
LIB_ORDER := ctl gateway pworker uworker worker engine router schemas http bus crypto base

lib_srcs = $(filter-out %_main.c,$(foreach d,$(DIRS_$(1)),$(wildcard $(d)/*.c)))
lib_objs = $(patsubst %.c,$(O)/obj/%.o,$(call lib_srcs,$(1)))
lib_file = $(O)/lib/lib$(1).a
# libraries from $(1) downwards
below = $(if $(filter $(1),$(firstword $(2))),$(2),$(call below,$(1),$(wordlist 2,99,$(2))))
libs_from = $(foreach l,$(call below,$(1),$(LIB_ORDER)),$(call lib_file,$(l)))

define LIB_RULE
$(call lib_file,$(1)): $(call lib_objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$(if $(call lib_objs,$(1)),ar rcsD $$@ $$^,ar rcsD $$@)
endef
$(foreach l,$(LIB_ORDER),$(eval $(call LIB_RULE,$(l))))

$(O)/obj/router/classify/model_builtin.o: router/classify/model.bin
$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $(FLAVOR) $<"
	@$(CC) $(CFLAGS) $(CFLAGS_DIR_$(subst /,_,$(patsubst %/,%,$(dir $<)))) -MMD -MP -c -o $@ $<

# ---- programs: what each one links is what its part may know ----
PROGRAMS := $(addprefix $(O)/bin/,sluice-gateway sluice-private-worker sluice-public-worker sluice)
files_of = $(foreach l,$(1),$(call lib_file,$(l)))
L_low := schemas http bus crypto base
$(O)/bin/sluice-gateway: $(O)/obj/gateway/gateway_main.o $(call files_of,gateway router $(L_low))
$(O)/bin/sluice-private-worker: $(O)/obj/private-worker/private_worker_main.o \
    $(call files_of,pworker worker engine $(L_low))
$(O)/bin/sluice-public-worker: $(O)/obj/public-worker/public_worker_main.o \
    $(call files_of,uworker worker $(L_low))
$(O)/bin/sluice: $(O)/obj/ctl/sluice_main.o $(call files_of,ctl gateway engine router $(L_low))
# All archives in one group: their order does not matter to the linker.
link_inputs = $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(DEPLIBS)
$(PROGRAMS):
	@mkdir -p $(@D)
	@echo "  LD $(FLAVOR) $@"
	@$(CC) $(LDFLAGS) -o $@ $(link_inputs)

# ---- unit tests: tests/unit mirrors the tree; each *_test.c is one program ----
UNIT_SRCS := $(shell find tests/unit -name '*_test.c' 2>/dev/null | sort)
UNIT_BINS := $(patsubst %.c,$(O)/%,$(UNIT_SRCS))
FUZZ_SRCS := $(shell find tests/fuzz -name '*_fuzz.c' 2>/dev/null | sort)
FUZZ_BINS := $(patsubst %.c,$(O)/%,$(FUZZ_SRCS))
BENCH_SRCS := $(shell find tests/bench -name '*_bench.c' 2>/dev/null | sort)
BENCH_BINS := $(patsubst %.c,$(O)/%,$(BENCH_SRCS))
ALL_LIBS := $(foreach l,$(LIB_ORDER),$(call lib_file,$(l)))

# The libraries that a test links are those of its folder's layer and below, so that one broken
# folder does not stop the others' tests.
test_folder = $(patsubst %/,%,$(dir $(patsubst tests/unit/%,%,$(patsubst tests/fuzz/%,%,\
    $(patsubst tests/bench/%,%,$(1))))))
layer_of = $(or $(strip $(foreach l,$(LIB_ORDER),$(if $(filter $(call test_folder,$(1)),\
    $(DIRS_$(l))),$(l)))),ctl)
define TEST_RULE
$(O)/$(1:.c=): $(O)/obj/$(1:.c=.o) $(call libs_from,$(call layer_of,$(1)))
	@mkdir -p $$(@D)
	@echo "  LD $(FLAVOR) $$@"
	@$(CC) $(LDFLAGS) $(2) -o $$@ $$(link_inputs) -lcmocka
endef
$(foreach s,$(UNIT_SRCS) $(BENCH_SRCS),$(eval $(call TEST_RULE,$(s),)))
$(foreach s,$(FUZZ_SRCS),$(eval $(call TEST_RULE,$(s),-fsanitize=fuzzer)))

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

.DEFAULT_GOAL := all
.PHONY: all programs unit-bins bench-bins fuzz-bins unit clean help setup up down demo test \
        test-long test-segregation bench bench-classify bench-wall fuzz lint format docs
JOBS ?= 2

all: programs                     ## Build the four programs into build/bin
programs: $(PROGRAMS)
unit-bins: $(UNIT_BINS)
bench-bins: $(BENCH_BINS)
fuzz-bins: $(FUZZ_BINS)

# One folder's unit tests.
UNIT_PICKED := $(filter $(O)/tests/unit/$(T)%,$(UNIT_BINS))
unit: $(UNIT_PICKED)              ## One folder: make unit T=common/http
	@failed=; for t in $(UNIT_PICKED); do $$t || failed="$$failed $$t"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

# ---- running it ----
setup:                            ## Install what is missing (SET=demo or test)
	@deploy/setup/setup.sh $(or $(SET),test)
up:                               ## Set up, build, start everything in the background
	@deploy/setup/setup.sh demo
	@$(MAKE) --no-print-directory -j$(JOBS) programs
	@deploy/demo/up.sh
down:                             ## Stop what `make up` started
	@deploy/demo/down.sh
demo: up                          ## The same, then a tour of requests
	@deploy/demo/tour.sh

# ---- checking it ----
test:                             ## Everything that must hold, at most 15 minutes on 2 cores
	@B=$(B) tests/run/test.sh
test-long:                        ## The same with longer fuzzing and more fault seeds
	@B=$(B) tests/run/test.sh --long
test-segregation: programs        ## The wall between private and public alone
	@deploy/setup/setup.sh test
	@B=$(B) python3 tests/run/stages.py --only segregation
fuzz:                             ## Fuzz every target for FUZZ_S seconds (60)
	@B=$(B) python3 tests/run/stages.py --only fuzz --fuzz-seconds $(or $(FUZZ_S),60)
bench:                            ## Build and run the benches (BENCH=word picks)
	@$(MAKE) --no-print-directory -j$(JOBS) programs bench-bins
	@B=$(B) tests/run/bench.sh $(BENCH)
bench-classify:                   ## Speed and quality of the classifier
	@$(MAKE) --no-print-directory -j$(JOBS) programs $(filter %/classify_bench,$(BENCH_BINS))
	@$(O)/tests/bench/router/classify_bench
	@python3 tests/quality/quality.py --sluice $(O)/bin/sluice --data ../shared/data/pii_dev.jsonl
bench-wall: programs              ## Costs of mTLS and of the tunnel (root)
	@$(MAKE) --no-print-directory -j$(JOBS) $(filter %/kafka_rtt_bench,$(BENCH_BINS))
	@.cache/venv/bin/python tests/bench/wall.py --bench $(O)/tests/bench/common/bus/kafka_rtt_bench
lint:                             ## Layers, lengths, format, shell scripts, generated documents
	@tests/lint/lint.py
	@B=$(B) tests/lint/docs.sh --check
format:                           ## Let clang-format rewrite the C files
	@git ls-files -z -co --exclude-standard '*.c' '*.h' | xargs -0 -r clang-format-14 -i
docs: programs                    ## Write the generated parts of docs/ anew
	@B=$(B) tests/lint/docs.sh

clean:                            ## Remove build/ (downloads stay in .cache/)
	rm -rf build
help:                             ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
