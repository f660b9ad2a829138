"""Starts Attune on one machine: virtual environment, embedded servers, processes.

Imports the standard library only, so that the system's Python can run it before anything is
installed. The product never imports it.
"""
