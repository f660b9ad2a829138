"""Strict readers of the strings in which consent platforms say what a visitor has chosen.

`read_tcf` reads TCF 2 strings (IAB Europe, as of 2.2 and 2.3), `read_gpp` the Global Privacy
Platform's (EU, US national and US states), `read_usp` the four letters of US Privacy; `signal_of`
says what all that came along means for our purposes. They are pure and never raise: what is cut,
changed, longer than 4 KiB or of a version that is not known is unreadable, and an unreadable string
grants nothing.
"""

from apps.consent.strings.gpp import Gpp, read_gpp
from apps.consent.strings.meaning import Signal, signal_of
from apps.consent.strings.tcf import Tcf, read_tcf
from apps.consent.strings.usp import Usp, read_usp

__all__ = ["Gpp", "Signal", "Tcf", "Usp", "read_gpp", "read_tcf", "read_usp", "signal_of"]
