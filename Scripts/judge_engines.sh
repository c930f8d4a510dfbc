#!/bin/sh
# Runs the engines that touchstone_capture knows, in every mode, on one golden, and prints a row of Markdown for each: the
# table of Docs/Measured.md. From the root of a checkout that has been built:
#
#     PYTHON=python3 Scripts/judge_engines.sh
#
# What the Python lacks is left out, and said. torch.compile needs a C++ compiler besides.
set -eu

touchstone=${TOUCHSTONE:-.build/debug/touchstone}
python=${PYTHON:-python3}
model=${MODEL:-golden/models/shakespeare-gpt2}
golden=${GOLDEN:-golden/cases/shakespeare-short.h5}
export PYTHONPATH=Scripts/capture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

judge() { # MODEL ENGINE OPTIONS...
  from=$1
  engine=$2
  shift 2
  mode=$*
  case $from in *.onnx) mode="$(basename "$from" .onnx) $*" ;; esac
  rm -f "$work/capture.h5"
  if ! "$python" -W ignore -m touchstone_capture --engine "$engine" --model "$from" --golden "$golden" \
    --out "$work/capture.h5" "$@" >/dev/null 2>"$work/log"; then
    echo "| $engine | $mode | left out: $(grep touchstone_capture: "$work/log" | tail -n 1) | |"
    return
  fi
  code=0
  "$touchstone" diff "$golden" "$work/capture.h5" --model "$model" >"$work/verdict" || code=$?
  first=$(head -n 1 "$work/verdict" | tr -s ' ' | cut -d ';' -f 1)
  cause=$(sed -n 's/^ *cause: //p' "$work/verdict" | head -n 1 | sed 's/  (.*//')
  echo "| $engine | $mode | $code | $first${cause:+; cause: $cause} |"
}

echo "| engine | mode | exit code | first lines of the verdict |"
echo "|---|---|---|---|"
for dtype in float32 bfloat16 float16; do
  judge "$model" torch --dtype $dtype
  judge "$model" torch --dtype $dtype --attention sdpa
  judge "$model" torch --dtype $dtype --prefill 5
  judge "$model" torch --dtype $dtype --attention sdpa --compile
done
judge "$model" torch --export
for dtype in float32 float16; do # of the exported file
  "$python" -W ignore -m touchstone_capture.onnx_export "$model" "$work/$dtype.onnx" --dtype $dtype >"$work/log" 2>&1 || true
  for level in disable basic extended layout all; do
    judge "$work/$dtype.onnx" onnxruntime --optimization $level
  done
  judge "$work/$dtype.onnx" openvino
  judge "$work/$dtype.onnx" onnx-reference
done
for weights in f32 f16 bf16 q8_0; do
  judge "$model" llama.cpp --weights $weights
done
for cache in f32 f16 bf16 q8_0; do
  judge "$model" llama.cpp --cache-type $cache --flash-attention
done
judge "$model" llama.cpp --cache-type f16
judge "$model" llama.cpp --prefill 5
