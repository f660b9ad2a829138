"""Seeded faults that the parity run must catch: `make mutants`. See `tests/mutants/__main__.py`."""
