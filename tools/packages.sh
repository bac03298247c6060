#!/bin/sh
# The one list of the Debian packages that Saccade is built, tested and developed with (names of
# Debian 12, "bookworm"), and their installation.
#
#   tools/packages.sh [GROUP...]          install what is missing of these groups; default: build
#   tools/packages.sh --list [GROUP...]   print the names
#
# Nothing is asked, fetched or changed when all are there. Installing needs root or sudo.
# shellcheck disable=SC2046,SC2086  # the lists are words without blanks, meant to be split
set -eu

# NAME, or NAME|OTHER where a later release carries the library under another name.
packages_of() {
  case $1 in
    build) cat <<'END'
g++                                    compiler: GCC 12 or later, for C++20
cmake                                  build system, 3.25 or later
ninja-build                            runs the build
pkg-config                             finds the libraries that have no CMake files
libboost-json1.81-dev|libboost-json-dev  JSON
libboost-url1.81-dev|libboost-url-dev  URLs
libboost1.81-dev|libboost-dev          HTTP: Asio and Beast
prometheus-cpp-dev                     measurements of the server
libfmt-dev                             formatting
libcli11-dev                           command line
libxxhash-dev                          content digests
libcurl4-openssl-dev                   downloads from the Hugging Face Hub
ca-certificates                        whom downloads may come from
libssl-dev                             SHA-256 of what was downloaded
libpcre2-dev                           regular expressions of pre-tokenizers
libutf8proc-dev                        Unicode normalization
libvips-dev                            image decoding; brings libheif, which reads HEIC and AVIF itself
zlib1g-dev                             checksums and streams inside PNG and TIFF
libsqlitecpp-dev                       the photo library's database: SQLite
libsqlite3-dev                         the same
libtomlplusplus-dev                    its configuration
libexiv2-dev                           what cameras write into photos
libopencv-core-dev                     faces, and what pictures are measured with
libopencv-imgproc-dev                  the same
libopencv-objdetect-dev                the same
opencv-data                            what faces look like
libtesseract-dev                       text in photos
tesseract-ocr-eng                      how English is written
libzxing-dev                           barcodes in photos
END
      ;;
    test) cat <<'END'
libgtest-dev                           tests; also its sources, for the NEON test
libgmock-dev                           matchers
libboost-context1.81-dev|libboost-context-dev  fibers, which run GPU kernels on the host
clang                                  checks that the GPU kernels parse as Metal would demand
g++-aarch64-linux-gnu                  builds the NEON kernels and their test
qemu-user                              runs them
chromium                               shows the photo library's page to its tests
fonts-dejavu-core                      what it writes with
END
      # Debian's npm does not go together with a Node.js from elsewhere, which brings its own.
      command -v npm >/dev/null || echo "npm                                    fetches vocabularies and API clients that tests compare with"
      ;;
    fuzz) cat <<'END'
clang                                  compiler with libFuzzer
libclang-rt-14-dev|libclang-rt-dev     its sanitizers and the fuzzer itself
llvm                                   names in the sanitizers' reports
END
      ;;
    develop) cat <<'END'
ccache                                 faster rebuilds
clang-format                           make format
clang-tidy                             make tidy
libbenchmark-dev                       bench/
END
      ;;
    *)
      echo "tools/packages.sh: no group \"$1\"; the groups are: build test fuzz develop" >&2
      exit 2
      ;;
  esac
}

# Those of the named packages that are installed, one on a line.
installed_of() {
  dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p'
}

# The first of NAME|OTHER that apt knows; NAME when it knows none.
choose() {
  for name in $(echo "$1" | tr '|' ' '); do
    if apt-cache show "$name" >/dev/null 2>&1; then echo "$name" && return; fi
  done
  echo "${1%%|*}"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

list_only=no
if [ "${1:-}" = --list ]; then list_only=yes && shift; fi
[ $# -gt 0 ] || set -- build
wanted=
for group in "$@"; do
  lines=$(packages_of "$group")
  wanted="$wanted $(echo "$lines" | cut -d ' ' -f 1)"
done

if [ $list_only = yes ]; then
  printf '%s\n' $wanted
  exit
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "This is not a Debian system: going on with what is installed. Saccade wants these Debian" >&2
  echo "packages, or your system's names for them:" $wanted >&2
  exit
fi

missing=
present=$(installed_of $(echo "$wanted" | tr '|' ' '))
for names in $wanted; do
  echo "$present" | grep -qxF "$(echo "$names" | tr '|' '\n')" || missing="$missing $names"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
  echo "tools/packages.sh: missing:$missing; install them as root (there is no sudo here), then go on" >&2
  exit 1
fi
echo "Installing:$missing"
# A machine that has just started may be updating itself: wait for it.
apt="apt-get -qq -o DPkg::Lock::Timeout=300"
as_root $apt update
chosen=
for names in $missing; do
  chosen="$chosen $(choose "$names")"
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# apt's hundreds of lines matter only when it fails.
if ! as_root env DEBIAN_FRONTEND=noninteractive $apt install -y --no-install-recommends $chosen \
  </dev/null >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "tools/packages.sh: apt-get could not install:$chosen" >&2
  exit 1
fi
