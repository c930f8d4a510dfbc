# The commands of a fresh checkout. All install what is missing and say so.

.PHONY: run test sanitize setup release install dist

# Verifies the SIMD implementation against every golden.
run: setup
	swift run touchstone verify golden

# Runs every test.
test: setup
	swift test

# Runs every test under AddressSanitizer, then under ThreadSanitizer: each builds everything once more.
sanitize: setup
	Scripts/sanitize.sh address
	Scripts/sanitize.sh thread

# Where the program, its small goldens, manual pages and completions go. DESTDIR, where it is given, stands before PREFIX.
PREFIX ?= $(HOME)/.local

# The program by itself, with Swift's library inside where the platform has none of its own.
release: setup
	Scripts/install.sh build

install: release
	Scripts/install.sh install "$(DESTDIR)$(PREFIX)"

# One tarball, .build/touchstone-VERSION-SYSTEM-PROCESSOR.tar.gz.
dist: release
	Scripts/install.sh pack

setup:
	@.ci/setup
