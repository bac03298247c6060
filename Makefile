# The newcomer's door: each target here sets up what it needs and calls CMake, whose presets
# (CMakePresets.json) are there to be used directly as well.

# The question that `make run` asks, and its picture.
DEMO_IMAGE = assets/pictures/beach.jpg
DEMO_PROMPT = Describe this image in detail.
# Where `make install` puts the program.
PREFIX = /usr/local
JOBS = $(shell nproc 2>/dev/null || echo 2)
# Seconds that each fuzz target runs in `make test-long`.
FUZZ_SECONDS = 60
# Seconds that `make soak` keeps the server busy.
SOAK_SECONDS = 600
# The op tests that `make test-gpu` runs, as a pattern of GoogleTest's.
GPU_OP_TESTS = *
# `make SETUP=no ...` leaves the system's packages alone.
SETUP = yes
# The tests that `make test-threads` runs, as CTest's patterns: what has threads of its own or asks a service or a
# server, which have; but DeepSeek-OCR 2, whose tower takes many minutes then and runs as the others do.
THREAD_TESTS = Thread|Service|Serve|Pool|Schedule|Ahead|Picture|Disk|Constrain|Reasoning|Faults|Soak|Models\.|Http|Remote|Seal|Trace|Clients|Tools|Pull
SLOW_THREAD_TESTS = deepseek_ocr2

PACKAGES = $(if $(filter yes,$(SETUP)),tools/packages.sh,@:)
SOURCES = git ls-files --cached --others --exclude-standard
# The toolkit installs itself beside the PATH.
COMPUTE_SANITIZER = $(shell PATH="$$PATH:/usr/local/cuda/bin" command -v compute-sanitizer 2>/dev/null)
CTEST = ctest --parallel $(JOBS) --output-on-failure --no-tests=error

.DEFAULT_GOAL := help
.PHONY: help run photos-demo build test test-gpu test-long test-sanitize test-threads soak format tidy install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build Saccade and let the built-in model answer a question about a picture
	build/release/bin/saccade run glance "$(DEMO_PROMPT)" --image $(DEMO_IMAGE)

photos-demo: build ## a photo library of the sample pictures, with its review page, until Ctrl-C
	build/release/bin/saccade photos add build/photos-demo assets/pictures
	build/release/bin/saccade photos serve build/photos-demo

# Without the tests at first, so that a look at Saccade does not need what they need. `make test`
# turns them on in the same folder, and nothing is compiled twice.
build: ## install the packages needed and build build/release/bin/saccade
	$(PACKAGES) build
	@[ -f build/release/build.ninja ] || cmake --preset release -DSACCADE_TESTS=OFF
	@cmake --build build/release --parallel $(JOBS) --target saccade

test: ## build everything and run the test suite
	$(PACKAGES) build test
	@for file in tools/fetch_tokenizers.sh tools/fetch_clients.sh; do [ ! -f $$file ] || sh $$file; done
	@cmake --preset release
	@cmake --build build/release --parallel $(JOBS)
	@$(CTEST) --test-dir build/release

# One test at a time: they share the GPU.
test-gpu: ## on a machine with an NVIDIA GPU: its tests, and the op test under compute-sanitizer
	$(PACKAGES) build test
	@cmake --preset release -DSACCADE_CUDA=ON
	@cmake --build build/release --parallel $(JOBS) --target saccade gpu_test op_test
	@build/release/bin/saccade devices | grep -q '^device *cuda' || \
	  { echo "make test-gpu: saccade devices finds no GPU here" >&2; exit 1; }
	@ctest --output-on-failure --no-tests=error -L gpu --test-dir build/release
	@build/release/tests/op_test --gtest_brief=1 '--gtest_filter=$(GPU_OP_TESTS)'
ifeq ($(COMPUTE_SANITIZER),)
	@echo "compute-sanitizer is not installed: memcheck and racecheck are skipped"
else
	@for tool in memcheck racecheck; do \
	  echo "op_test under $$tool" && $(COMPUTE_SANITIZER) --tool $$tool --error-exitcode 1 \
	    build/release/tests/op_test --gtest_brief=1 '--gtest_filter=$(GPU_OP_TESTS)' || exit 1; \
	done
endif

test-long: test ## the test suite, then a minute of fuzzing for each kind of input
	$(PACKAGES) fuzz
	@cmake --preset fuzz
	@cmake --build build/fuzz --parallel $(JOBS) --target fuzz_targets
	@tests/fuzz/run.sh $(FUZZ_SECONDS) build/fuzz

soak: export SACCADE_SOAK_SECONDS = $(SOAK_SECONDS)
soak: ## ten minutes of everything at once for the server; SOAK_SECONDS=N
	$(PACKAGES) build test
	@cmake --preset release
	@cmake --build build/release --parallel $(JOBS) --target soak_test
	@build/release/tests/soak_test

# Leaks count, but not what GLib and libvips keep until the process ends.
test-sanitize: export LSAN_OPTIONS = suppressions=$(CURDIR)/tests/leaks.supp:print_suppressions=0
test-sanitize: export UBSAN_OPTIONS = print_stacktrace=1
test-sanitize: ## the test suite under AddressSanitizer and UndefinedBehaviorSanitizer
	$(PACKAGES) build test
	@for file in tools/fetch_tokenizers.sh tools/fetch_clients.sh; do [ ! -f $$file ] || sh $$file; done
	@cmake --preset asan
	@cmake --build build/asan --parallel $(JOBS)
	@$(CTEST) --test-dir build/asan

# Of libraries that are not built for it ThreadSanitizer sees calls, but not how their threads agree. A second signal
# ends the server with its threads as they are.
test-threads: export TSAN_OPTIONS = ignore_noninstrumented_modules=1:halt_on_error=1:report_thread_leaks=0
test-threads: ## what runs on several threads under ThreadSanitizer
	$(PACKAGES) build test
	@for file in tools/fetch_tokenizers.sh tools/fetch_clients.sh; do [ ! -f $$file ] || sh $$file; done
	@cmake --preset tsan
	@cmake --build build/tsan --parallel $(JOBS) --target saccade base_test tokenizer_test chat_template_test \
	  grammar_test pull_test engine_test server_test serve_test soak_test
	@$(CTEST) --test-dir build/tsan -R '$(THREAD_TESTS)' -E '$(SLOW_THREAD_TESTS)'

format: ## lay out the C++ sources
	$(PACKAGES) develop
	$(SOURCES) '*.h' '*.cc' | xargs clang-format -i

tidy: ## look for bugs with clang-tidy
	$(PACKAGES) build test develop
	@cmake --preset release
	$(SOURCES) 'src/*.cc' | xargs -P $(JOBS) -n 4 clang-tidy -quiet -p build/release

install: build ## put program, built-in model and headers under PREFIX (default /usr/local)
	cmake --install build/release --prefix "$(PREFIX)"

clean: ## remove what was built
	rm -rf build
