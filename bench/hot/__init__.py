"""Every bar of the hot path: `make bench-hot`."""
