#!/usr/bin/env bash
# What `make install` and `make dist` do, from a checkout:
#
#   Scripts/install.sh build            builds the program in release, Swift's library linked into it on Linux
#   Scripts/install.sh install FOLDER   puts what was built under FOLDER: bin, share/man, completions, share/touchstone/golden
#   Scripts/install.sh pack             makes .build/touchstone-VERSION-SYSTEM-PROCESSOR.tar.gz of such a folder
#
# Goldens of more than 3 MiB stay in the checkout: what they show, smaller ones show too, and they are most of the bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

greatest=3145728 # bytes of a golden that is installed
options=(-c release)
archive=()
# Apple's systems have Swift's library and refuse to link it statically, and what is signed there is not stripped.
if [ "$(uname -s)" = Linux ]; then
  options+=(--static-swift-stdlib)
  archive=(--owner=0 --group=0 --sort=name)
fi
parser=.build/checkouts/swift-argument-parser
tools=.build/tools

program() { echo "$(swift build "${options[@]}" --show-bin-path)/touchstone"; }

build() {
  swift build "${options[@]}" --product touchstone
  # The library that reads our command line has the tool that writes its manual.
  swift build --package-path "$parser" --scratch-path "$tools" --product generate-manual
}

install_under() { # FOLDER
  local folder=$1 program manual golden name
  program=$(program)
  mkdir -p "$folder/bin" "$folder/share/man/man1"
  # Without symbols it is half as large. Moved there as a whole: a program that runs is not written over.
  cp "$program" "$folder/bin/.touchstone"
  if [ "$(uname -s)" = Linux ]; then strip "$folder/bin/.touchstone"; fi
  mv "$folder/bin/.touchstone" "$folder/bin/touchstone"

  rm -f "$folder"/share/man/man1/touchstone.1 "$folder"/share/man/man1/touchstone.*.1
  manual=$(swift build --package-path "$parser" --scratch-path "$tools" --show-bin-path)/generate-manual
  "$manual" "$folder/bin/touchstone" --multi-page --output-directory "$folder/share/man/man1" \
    --date "$(git log -1 --format=%cs 2>/dev/null || date +%F)"

  completion "$folder" bash share/bash-completion/completions/touchstone
  completion "$folder" zsh share/zsh/site-functions/_touchstone
  completion "$folder" fish share/fish/vendor_completions.d/touchstone.fish

  golden=$folder/share/touchstone/golden
  rm -rf "$golden"
  mkdir -p "$golden"
  cp -R golden/README.md golden/models "$golden"
  for name in cases probes; do
    mkdir "$golden/$name"
    find "golden/$name" -name '*.h5' -size "-$((greatest / 512))b" -exec cp {} "$golden/$name" \;
  done
  "$folder/bin/touchstone" manifest "$golden" >/dev/null
  echo "installed: $folder/bin/touchstone, with $(find "$golden" -name '*.h5' | wc -l | tr -d ' ') goldens in $golden"
}

completion() { # FOLDER SHELL PATH
  mkdir -p "$(dirname "$1/$3")"
  "$1/bin/touchstone" --generate-completion-script "$2" >"$1/$3"
}

pack() {
  local name tarball
  name=touchstone-$("$(program)" --version)
  tarball=$name-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m).tar.gz
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
  install_under "$stage/$name"
  tar ${archive[@]+"${archive[@]}"} -C "$stage" -cf - "$name" | gzip -9n >"$stage/$tarball"
  mv "$stage/$tarball" ".build/$tarball"
  (cd .build && sha256sum "$tarball" >"$tarball.sha256")
  echo "packed: .build/$tarball, $(($(wc -c <".build/$tarball") / 1000000)) MB"
}

case "${1:-} $#" in
"build 1") build ;;
"install 2") install_under "$2" ;;
"pack 1") pack ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
esac
