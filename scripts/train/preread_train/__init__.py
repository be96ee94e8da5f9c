"""Training of the chest X-ray classifier that preread ships. See ../README.md."""
