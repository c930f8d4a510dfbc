# The two commands of a fresh checkout. Both install what is missing and say so.

.PHONY: run test setup

# Verifies the SIMD implementation against every golden.
run: setup
	swift run touchstone verify golden

# Runs every test.
test: setup
	swift test

setup:
	@.ci/setup
