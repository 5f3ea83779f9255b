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
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DSL_SANITIZED=1
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer -DSL_SANITIZED=1
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DSL_SANITIZED=1
CFLAGS := -std=c11 -D_GNU_SOURCE -I. -fstack-protector-strong -fPIE -pthread $(WARN) $(CFLAGS_$(FLAVOR)) $(EXTRA_CFLAGS)
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(filter -fsanitize=%,$(subst fuzzer-no-link$(comma),,$(CFLAGS_$(FLAVOR))))
comma := ,
DEPLIBS := -lrdkafka -levent_openssl -levent_pthreads -levent_extra -levent_core -lhttp_parser -lcurl -lssl -lcrypto -lcjson -lxxhash \
           -lhs -lpcre2-8 -licuuc -lutf8proc -lyaml -lm

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

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $(FLAVOR) $<"
	@$(CC) $(CFLAGS) $(CFLAGS_DIR_$(subst /,_,$(patsubst %/,%,$(dir $<)))) -MMD -MP -c -o $@ $<

# ---- programs ----
PROGRAMS := $(O)/bin/sluice-gateway $(O)/bin/sluice-private-worker $(O)/bin/sluice-public-worker $(O)/bin/sluice
link = @mkdir -p $(@D); echo "  LD $(FLAVOR) $@"; $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(DEPLIBS)
L_low := $(foreach l,schemas http bus crypto base,$(call lib_file,$(l)))
$(O)/bin/sluice-gateway: $(O)/obj/gateway/gateway_main.o $(call lib_file,gateway) $(call lib_file,router) $(L_low)
	$(link)
$(O)/bin/sluice-private-worker: $(O)/obj/private-worker/private_worker_main.o $(call lib_file,pworker) $(call lib_file,worker) $(call lib_file,engine) $(L_low)
	$(link)
$(O)/bin/sluice-public-worker: $(O)/obj/public-worker/public_worker_main.o $(call lib_file,uworker) $(call lib_file,worker) $(L_low)
	$(link)
$(O)/bin/sluice: $(O)/obj/ctl/sluice_main.o $(call lib_file,ctl) $(call lib_file,engine) $(call lib_file,router) $(L_low)
	$(link)

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
layer_of = $(strip $(if $(findstring common/base,$(1)),base,$(if $(findstring common/crypto,$(1)),crypto,\
 $(if $(findstring common/bus,$(1)),bus,$(if $(findstring common/http,$(1)),http,$(if $(findstring /schemas/,$(1)),schemas,\
 $(if $(findstring /router/,$(1)),router,$(if $(findstring private-worker/engine,$(1)),engine,$(if $(findstring /worker/,$(1)),worker,\
 $(if $(findstring public-worker,$(1)),uworker,$(if $(findstring private-worker,$(1)),pworker,$(if $(findstring /gateway/,$(1)),gateway,ctl))))))))))))
define TEST_RULE
$(O)/$(1:.c=): $(O)/obj/$(1:.c=.o) $(call libs_from,$(call layer_of,$(1)))
	@mkdir -p $$(@D); echo "  LD $(FLAVOR) $$@"; $(CC) $(LDFLAGS) $(2) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(DEPLIBS) -lcmocka
endef
$(foreach s,$(UNIT_SRCS) $(BENCH_SRCS),$(eval $(call TEST_RULE,$(s),)))
$(foreach s,$(FUZZ_SRCS),$(eval $(call TEST_RULE,$(s),-fsanitize=fuzzer)))

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

.DEFAULT_GOAL := all
.PHONY: all programs unit-bins bench-bins fuzz-bins unit clean
all: programs
programs: $(PROGRAMS)
unit-bins: $(UNIT_BINS)
bench-bins: $(BENCH_BINS)
fuzz-bins: $(FUZZ_BINS)
# One folder's unit tests: make unit T=common/http
unit: $(filter tests/unit/$(T)%,$(UNIT_SRCS:.c=.run))
%.run: FORCE
	@$(MAKE) --no-print-directory FLAVOR=$(FLAVOR) B=$(B) $(O)/$(basename $@) && $(O)/$(basename $@)
FORCE:
clean:
	rm -rf build
