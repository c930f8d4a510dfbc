#!/bin/sh
# Judges what Hugging Face's GPT-2 computes, eager, fused (SDPA) and compiled, in each precision, on goldens of this
# repository: the table of Docs/Verdict.md. From the root of a checkout that has been built:
#
#     PYTHON=python3 Scripts/judge_huggingface.sh
#
# The Python needs torch, transformers, safetensors and h5py (pip install './Scripts/capture[torch]'); --compile needs a
# C++ compiler besides.
set -eu

touchstone=${TOUCHSTONE:-.build/debug/touchstone}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

judge() { # MODEL GOLDEN OPTIONS...
  folder=$1
  name=$2
  file=golden/cases/$name.h5
  shift 2
  PYTHONPATH=Scripts/capture "$python" -m touchstone_capture --engine torch --model "$folder" --golden "$file" \
    --out "$work/capture.h5" "$@" >/dev/null 2>"$work/log" ||
    { cat "$work/log"; exit 2; }
  headline=$("$touchstone" diff "$file" "$work/capture.h5" --model "$folder" | head -n 1)
  [ "${headline%% *}" = CONSISTENT ] || failures=$((failures + 1))
  printf '%-28s %-40s %s\n' "$name" "$*" "$headline"
  rm -f "$work/capture.h5"
}

models="shakespeare-short shakespeare-one-token shakespeare-unicode shakespeare-padded shakespeare-full-context gpt2-odd-a \
tiny-prime tiny-erf tiny-untied tiny-layer-scale"
for golden in ${GOLDENS:-$models}; do
  case $golden in
    shakespeare-*) model=golden/models/shakespeare-gpt2 ;;
    tiny-*)
      model=$work/$golden
      "$touchstone" synthesize --preset "$golden" --out "$model" >/dev/null
      ;;
    *) model=golden/models/$golden ;;
  esac
  for dtype in float32 bfloat16 float16; do
    for attention in eager sdpa; do
      judge "$model" "$golden" --attention $attention --dtype $dtype
    done
    judge "$model" "$golden" --attention sdpa --dtype $dtype --compile
  done
done
echo "$failures flagged"
[ "$failures" = 0 ]
