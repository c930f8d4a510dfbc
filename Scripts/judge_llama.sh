#!/bin/sh
# Judges what Hugging Face's Llama computed in float32 of random models, and what the SIMD implementation computes of them,
# on goldens recorded of the same models and inputs, with both spellings of the configuration. From the root of a checkout
# that has been built, with the folder that Tests/TouchstoneFamiliesTests/Fixtures/make_llama.py wrote:
#
#     python Tests/TouchstoneFamiliesTests/Fixtures/make_llama.py FOLDER 40 7
#     Scripts/judge_llama.sh FOLDER
set -eu

touchstone=${TOUCHSTONE:-.build/debug/touchstone}
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
judged=0
failures=0

expect() { # NAME COMMAND...: exit code 0
  name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    judged=$((judged + 1))
  elif grep -q "SIMD implementation does not compute" "$work/log"; then
    echo "LEFT OUT: $name: $(grep -o '"hidden_act": "[a-z0-9_]*"' "$config/config.json") is the reference's alone"
  else
    judged=$((judged + 1))
    failures=$((failures + 1))
    echo "$name:"
    cat "$work/log"
  fi
}

for capture in "$folder"/*/float32.h5; do
  model=$(dirname "$capture")
  for config in "$model" "$model/v4"; do
    "$touchstone" record --model "$config" --inputs "$capture" --out "$work/golden.h5" --embed-weights --overwrite >/dev/null
    expect "Hugging Face, $config" "$touchstone" diff "$work/golden.h5" "$capture"
    expect "SIMD, $config" "$touchstone" verify "$work/golden.h5"
  done
done
echo "$judged judged, $failures not consistent"
[ "$judged" -gt 0 ] && [ "$failures" = 0 ]
