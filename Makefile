# The commands of a fresh checkout. All install what is missing and say so.

.PHONY: run test sanitize setup

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

setup:
	@.ci/setup
