# The two commands a newcomer needs, and what CI runs.

.PHONY: demo test check

# Two phones, a server, a browser: no set-up besides a Rust toolchain.
demo:
	cargo run --release -- demo

# Everything that must hold; installs what the tests need when it is missing.
test:
	.ci/test
