#!/usr/bin/env bash
# Tries what `make dist` packed on a Debian that has nothing but libhdf5:
#
#   Scripts/try_dist.sh [TARBALL] [ROOT]
#
# Makes a bare system of this machine's own release in ROOT (a folder that goes away afterwards unless it is named) by debootstrap,
# installs there the package of the HDF5 library that the program was linked with, unpacks the tarball and runs it as a user of no
# rights from a folder of no goldens. Exit code 0 where `touchstone verify` ends with 0. Needs root, a Debian or Ubuntu and debootstrap.
set -euo pipefail
cd "$(dirname "$0")/.."

tarball=${1:-$(ls -t .build/touchstone-*.tar.gz 2>/dev/null | head -n 1 || true)}
[ -f "$tarball" ] || { echo "try_dist: there is no tarball: make dist" >&2; exit 2; }
root=${2:-}
isOwn=
[ -n "$root" ] || { root=$(mktemp -d); isOwn=yes; }
# What is still mounted is left alone.
leave() {
  rm -f "$root.log"
  if mountpoint -q "$root/proc"; then umount "$root/proc" || return 0; fi
  [ -z "$isOwn" ] || rm -rf "$root"
}
trap leave EXIT
for command in debootstrap chroot; do
  command -v "$command" >/dev/null || { echo "try_dist: $command is missing: apt-get install debootstrap" >&2; exit 2; }
done

# The package of the library, by the program itself: its name differs between releases.
unpacked=$(mktemp -d)
tar -C "$unpacked" -xzf "$tarball"
needed=$(ldd "$unpacked"/touchstone-*/bin/touchstone)
rm -rf "$unpacked"
library=$(echo "$needed" | awk '/libhdf5/ {print $3; exit}')
package=$(dpkg -S "$(readlink -f "$library")" | cut -d : -f 1)

if [ ! -e "$root/bin/sh" ]; then
  . /etc/os-release
  echo "try_dist: a bare $PRETTY_NAME in $root"
  # Ubuntu has the library apart from the base system.
  components=main
  [ "$ID" != ubuntu ] || components=main,universe
  debootstrap --variant=minbase --components="$components" "$VERSION_CODENAME" "$root" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
fi
echo "try_dist: installing $package alone"
chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" \
  >"$root.log" 2>&1 || { cat "$root.log" >&2; exit 1; }
rm -rf "$root/opt/try" && mkdir -p "$root/opt/try"
tar -C "$root/opt/try" -xzf "$tarball" --strip-components=1 --no-same-owner

# The processes of the system are seen through /proc, as anywhere.
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
run() { chroot --userspec=65534:65534 "$root" env -i PATH=/opt/try/bin:/usr/bin:/bin HOME=/nonexistent sh -c "cd /tmp && $1"; }
run "! command -v swift && ! command -v python3 && touchstone --version"
run "touchstone verify"
run "touchstone generate --model /opt/try/share/touchstone/golden/models/shakespeare-gpt2 --prompt ROMEO: --max-tokens 20"
echo "try_dist: $(basename "$tarball") runs with $package alone"
