"""Faults of real processes under load, and what must hold all the while: `make faults`."""
