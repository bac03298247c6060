#!/bin/sh
# Runs each fuzz target for SECONDS from its seeds and fails on any finding.
#
#   tests/fuzz/run.sh SECONDS [BUILD_DIRECTORY]
#
# What libFuzzer learns and finds is kept under BUILD_DIRECTORY/fuzz: a finding is a file there, and
# `BUILD_DIRECTORY/fuzz/NAME_fuzz FILE` repeats it.
set -u

root=$(CDPATH='' cd "$(dirname "$0")/../.." && pwd)
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [BUILD_DIRECTORY]}
build=$(CDPATH='' cd "${2:-$root/build/fuzz}" && pwd) || exit 1

# Leaks are findings too, but not what GLib and libvips keep until the process ends.
export LSAN_OPTIONS="suppressions=$root/tests/leaks.supp:print_suppressions=0"
export ASAN_OPTIONS="allocator_may_return_null=1:detect_leaks=1"
export UBSAN_OPTIONS="print_stacktrace=1"

# The committed seeds of a target, beside other files of the tree that are good ones.
seeds_of() {
  echo "$root/tests/fuzz/corpus/$1"
  case $1 in
    image) echo "$root/tests/goldens/pixels/source" ;;
    jinja) echo "$root/tests/goldens/templates" ;;
  esac
}

failed=
for target in "$build"/fuzz/*_fuzz; do
  [ -x "$target" ] || { echo "no fuzz targets in $build/fuzz" >&2 && exit 1; }
  name=$(basename "$target" _fuzz)
  work=$build/fuzz/$name
  mkdir -p "$work/corpus" "$work/findings"
  set -- "-max_total_time=$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0
  set -- "$@" "-artifact_prefix=$work/findings/"
  dictionary=$root/tests/fuzz/dictionaries/$name.dict
  if [ -f "$dictionary" ]; then set -- "$@" "-dict=$dictionary"; fi
  set -- "$@" "$work/corpus"
  for seeds in $(seeds_of "$name"); do
    if [ -d "$seeds" ]; then set -- "$@" "$seeds"; fi
  done
  if "$target" "$@" >"$work/log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    echo "fuzz $name: $runs inputs in ${seconds} s, no finding"
  else
    tail -n 60 "$work/log"
    echo "fuzz $name: FAILED; the input is in $work/findings"
    failed="$failed $name"
  fi
done
[ -z "$failed" ] || { echo "fuzzing failed:$failed" && exit 1; }
