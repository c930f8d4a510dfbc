#!/usr/bin/env bash
# Writes the documentation of the modules that other packages import, from a checkout:
#
#   Scripts/docc.sh [FOLDER]
#
# Builds them, and makes pages of their articles and of the comments at their symbols, in FOLDER/MODULE (.build/documentation). To read
# one: python3 -m http.server -d FOLDER/TouchstoneGraph, then localhost:8000/documentation/touchstonegraph. Needs docc and
# swift-symbolgraph-extract, which Swift's toolchain holds. An article that names a symbol which is not there is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-.build/documentation}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
swift build --target TouchstoneConformance
build=$(swift build --show-bin-path)

# How the compiler found what these modules import: Swift modules by folder, C modules by map, and HDF5's headers.
imports=(-target "$(swiftc -print-target-info | sed -n 's/.*"triple": "\([^"]*\)".*/\1/p' | head -n 1)" -I "$build/Modules")
for map in "$build"/*.build/module.modulemap Sources/CHDF5/module.modulemap; do
  imports+=(-Xcc "-fmodule-map-file=$map")
done
for flag in $(pkg-config --cflags hdf5); do imports+=(-Xcc "$flag"); done

document() { # MODULE CATALOGUE
  mkdir -p "$work/$1" "$out"
  swift symbolgraph-extract -module-name "$1" "${imports[@]}" -minimum-access-level public -output-dir "$work/$1"
  docc convert "$2" --additional-symbol-graph-dir "$work/$1" --output-dir "$out/$1" >"$work/$1.log" 2>&1 ||
    { cat "$work/$1.log" >&2; exit 1; }
  # Comments link to symbols of neighbouring modules too, which docc does not follow; articles link to their own.
  if grep -A 6 -E '^ *--> [A-Za-z]+\.md:' "$work/$1.log" >&2; then exit 1; fi
  echo "docc: $out/$1"
}

document TouchstoneConformance Sources/TouchstoneConformance/TouchstoneConformance.docc
document TouchstoneGraph Sources/Transformer/TouchstoneGraph.docc
