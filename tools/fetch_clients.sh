#!/bin/sh
# Fetches what tests use from npm, into build/clients (ignored by git): the official clients of
# OpenAI's and Anthropic's APIs, which the server is tested with, and Playwright, which drives the
# installed Chromium.
#
#   tools/fetch_clients.sh
#
# Without npm or network it says so and ends well: the tests that want them are skipped then.
set -eu

cd "$(dirname "$0")/.."
readonly openai=openai@6.9.1
readonly anthropic=@anthropic-ai/sdk@0.70.1
readonly playwright=playwright-core@1.65.1
readonly folder=build/clients

if [ -d "$folder/node_modules/openai" ] && [ -d "$folder/node_modules/@anthropic-ai/sdk" ] &&
    [ -d "$folder/node_modules/playwright-core" ]; then
  exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
  echo "fetch_clients: npm is not installed; tests with the clients will be skipped" >&2
  exit 0
fi
mkdir -p "$folder"
if ! npm install --prefix "$folder" --no-save --ignore-scripts --no-audit --no-fund \
    --fetch-retries=1 --fetch-timeout=60000 --loglevel=error "$openai" "$anthropic" "$playwright" >&2; then
  echo "fetch_clients: cannot fetch the clients; tests with them will be skipped" >&2
fi
