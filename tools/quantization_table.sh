#!/bin/sh
# Prints the table of docs/quantization.md: what fewer bits do to a model's answers.
#
#   tools/quantization_table.sh [MODEL [PICTURES [PROMPTS]]]
#
# SACCADE names the program (default: the release build's). Each width is converted to a temporary
# directory that is removed again; compare runs twice on it, since rounding weights and rounding
# activations to 8 bits are two losses.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
saccade=${SACCADE:-$root/build/release/bin/saccade}
model=${1:-glance}
pictures=${2:-$root/assets/pictures}
prompts=${3:-$root/tools/quantization_prompts.txt}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT

# compare DIRECTORY ACTIVATIONS: its JSON, with the reference in float arithmetic
compare() {
    "$saccade" compare "$model" "$1" --images "$pictures" --prompts "$prompts" \
        --max-tokens 128 --activations-a f32 --activations-b "$2" --json
}

# row NAME OPTIONS...: converts with the options and prints a line of the table
row() {
    name=$1
    shift
    "$saccade" convert "$model" "$scratch/model" "$@" > "$scratch/path"
    compare "$scratch/model" f32 > "$scratch/f32.json"
    compare "$scratch/model" int8 > "$scratch/int8.json"
    python3 - "$name" "$scratch/f32.json" "$scratch/int8.json" << 'PYTHON'
import json
import sys

name = sys.argv[1]
f32, int8 = (json.load(open(path)) for path in sys.argv[2:])
kl = int8["kl_divergence"]
print(f"| {name} | {int8['b']['bytes'] / 2**20:.1f} MiB | {f32['kl_divergence']['mean']:.2g} "
      f"| {kl['mean']:.2g} | {kl['median']:.2g} | {kl['p99']:.2g} "
      f"| {100 * int8['same_tokens']:.1f} % | {100 * int8['same_answers']:.1f} % |")
PYTHON
    rm -rf "$scratch/model"
}

echo "| weights | size | KL mean, float products | KL mean | median | 99th percentile | same token | same answer |"
echo "|---|---:|---:|---:|---:|---:|---:|---:|"
row "as they are" --dtype bf16
row "8 bits" --quantize 8
row "6 bits" --quantize 6
row "5 bits" --quantize 5
row "4 bits, mixed" --quantize 4 --mixed
row "4 bits" --quantize 4
row "3 bits" --quantize 3
row "4 bits, vision tower too" --quantize 4 --quantize-towers
python3 - "$scratch/int8.json" << 'PYTHON'
import json
import sys

report = json.load(open(sys.argv[1]))
print(f"\n{report['positions']} positions in {report['questions']} answers.")
PYTHON
