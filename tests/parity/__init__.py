"""The long parity run: `make parity N=1000000`. See `tests/parity/__main__.py`."""
