#!/usr/bin/env bash
# Runs the tests under a sanitizer, and says what it reports of this program and of every program that the tests start.
#
# usage: Scripts/sanitize.sh [address|thread] [option of swift test]...
#
# Address, where it is not named; options such as --filter choose among the tests. Each sanitizer has a build of its own,
# .build-address and .build-thread, or SANITIZED_BUILD: some ten minutes on two processors the first time. Exit code 0 where
# every test passes and nothing is reported.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
address | thread)
  sanitizer=$1
  shift
  ;;
*) sanitizer=address ;;
esac
build=${SANITIZED_BUILD:-.build-$sanitizer}
mkdir -p "$build"
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

# Tests that cannot hold under a sanitizer, each with its reason.
left_out=(
  # Limits its addresses by `ulimit -v`: the shadow memory takes terabytes of them.
  aHoleOfGigabytesIsRefusedAtOnce
  # Limits its files by `ulimit -f`: the ones that ThreadSanitizer opens for itself do not fit.
  aFileThatMayNotGrowIsAnErrorWithASentence
)
skips=()
for name in "${left_out[@]}"; do
  echo "left out: $name (Scripts/sanitize.sh says why)"
  skips+=(--skip "$name")
done

# An exit code that is no verdict's. Leaks are not looked for: libhdf5 keeps tables for the life of the process, and a
# program that ends by exit() keeps everything.
options="exitcode=66:log_path=$reports/report"
status=0
ASAN_OPTIONS="$options:detect_leaks=0" TSAN_OPTIONS="$options" \
  swift test --sanitize="$sanitizer" --scratch-path "$build" "${skips[@]}" "$@" || status=$?

# What the HDF5 library does with a file that was made to do harm is its own: the child that reads files first is there for it.
own=0 foreign=0
for report in "$reports"/report*; do
  [ -f "$report" ] || continue
  if grep -E '^ +#[0-4] ' "$report" | head -5 | grep -q libhdf5; then
    foreign=$((foreign + 1))
  else
    own=$((own + 1))
    cat "$report"
  fi
done
echo "$own reports of the $sanitizer sanitizer; $foreign of the HDF5 library on damaged files"
[ "$own" = 0 ] || exit 1
exit "$status"
