"""Models answered without the libraries that learned them: one row at a time, in microseconds.

Trees are LightGBM's own text, scored by its C library through ctypes: neither `lightgbm` nor numpy
is imported, so web processes may do it. Linear and network documents are answered in Python.

A row is the features in their order; NaN (or None) where there is nothing to measure. An infinity
is refused: it is a fault of whoever worked the feature out, and trees would answer it all the same.
"""

import ctypes
import importlib.util
import threading
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isinf
from pathlib import Path
from typing import Any, Final, Protocol, Self

from apps.predictions.domain.documents import Network
from apps.predictions.errors import ModelUnavailable, RowRefused

_RAW, _CONTRIBUTIONS = 1, 3  # LightGBM's kinds of prediction
_FLOAT64: Final = 1
_ONE_THREAD: Final = b"num_threads=1"
_NAN: Final = float("nan")


class Native(Protocol):
    """A model that answers single rows. Any number of threads may ask at once."""

    features: int

    def raw(self, row: Sequence[float | None]) -> float:
        """Return the raw score of a row: log-odds."""
        ...

    def contributions(self, row: Sequence[float | None]) -> list[float] | None:
        """Return what each feature adds, and last the score of nobody; None: not to be told."""
        ...


def restored(text: str, features: int) -> Native:
    """Return the model that a stored text holds: LightGBM's, or a document.

    Raises:
        ModelUnavailable: it cannot be answered in this process.
    """
    if text.startswith("{"):
        try:
            return Network.of(text, features)
        except (ValueError, LookupError, TypeError) as error:
            raise ModelUnavailable(f"The stored document cannot be read: {error}") from error
    return Booster.load(text, features)


class Booster:
    """LightGBM's trees, in the C library's memory until nobody holds them any more."""

    __slots__ = ("_handle", "_own", "features")

    def __init__(self, handle: "_Handle", features: int) -> None:
        self.features = features
        self._handle = handle
        self._own = threading.local()

    @classmethod
    def load(cls, text: str, features: int) -> Self:
        """Load trees of this many features.

        Raises:
            ModelUnavailable: no library, or one that does not take the text.
        """
        handle = _Handle(text)
        if handle.features != features:
            raise ModelUnavailable(
                f"The trees want {handle.features} features, and {features} are named."
            )
        return cls(handle, features)

    def raw(self, row: Sequence[float | None]) -> float:
        """Return the sum of the trees' leaves: what LightGBM gives as `raw_score`.

        Raises:
            RowRefused: another number of features, or an infinity.
        """
        try:
            asked = self._own.raw
        except AttributeError:
            asked = self._own.raw = _Asked(self._handle, _RAW)
        return float(asked(row)[0])

    def contributions(self, row: Sequence[float | None]) -> list[float]:
        """Return exact SHAP values of the raw score, and last the score of nobody in particular.

        Raises:
            RowRefused: another number of features, or an infinity.
        """
        try:
            asked = self._own.contributions
        except AttributeError:
            asked = self._own.contributions = _Asked(self._handle, _CONTRIBUTIONS)
        return list(asked(row))


class _Handle:
    """The trees themselves. Freed with the last question that could still be asked of them."""

    __slots__ = ("_free", "features", "library", "pointer")

    def __init__(self, text: str) -> None:
        self.pointer = ctypes.c_void_p()
        self.library = library()
        self._free = self.library.LGBM_BoosterFree
        rounds, features = ctypes.c_int(), ctypes.c_int()
        _check(
            self.library,
            self.library.LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(rounds), ctypes.byref(self.pointer)
            ),
        )
        _check(
            self.library,
            self.library.LGBM_BoosterGetNumFeature(self.pointer, ctypes.byref(features)),
        )
        self.features = features.value

    def __del__(self) -> None:
        if self.pointer:
            self._free(self.pointer)
            self.pointer = ctypes.c_void_p()


class _Asked:
    """One kind of question of one thread: the library keeps what it needs between two rows."""

    __slots__ = ("_ask", "_config", "_free", "_handle", "_input", "_length", "_output", "_row")

    def __init__(self, handle: _Handle, kind: int) -> None:
        self._config = ctypes.c_void_p()
        self._handle = handle  # the trees must outlive what was made of them
        found = handle.library
        self._free = found.LGBM_FastConfigFree
        self._ask = found.LGBM_BoosterPredictForMatSingleRowFast
        _check(
            found,
            found.LGBM_BoosterPredictForMatSingleRowFastInit(
                handle.pointer, kind, 0, -1, _FLOAT64, handle.features, _ONE_THREAD,
                ctypes.byref(self._config),
            ),
        )  # fmt: skip
        width = 1 if kind == _RAW else handle.features + 1
        # Made once: a row is written into the same memory, and answered into the same.
        self._row = array("d", bytes(8 * handle.features))
        self._input = (ctypes.c_double * handle.features).from_buffer(self._row)
        self._output = (ctypes.c_double * width)()
        self._length = ctypes.c_int64()

    def __call__(self, row: Sequence[float | None]) -> Any:
        if len(row) != self._handle.features:
            raise RowRefused(f"A row has {self._handle.features} features, not {len(row)}.")
        for place, value in enumerate(row):
            if value is None:
                value = _NAN
            elif isinf(value):
                raise RowRefused(f"Feature {place + 1} is infinite.")
            self._row[place] = value
        if self._ask(self._config, self._input, ctypes.byref(self._length), self._output):
            _check(self._handle.library, -1)
        return self._output

    def __del__(self) -> None:
        if self._config:
            self._free(self._config)
            self._config = ctypes.c_void_p()


def _check(found: ctypes.CDLL, status: int) -> None:
    if status:
        raise ModelUnavailable(found.LGBM_GetLastError().decode(errors="replace"))


def is_available() -> bool:
    """Whether trees can be answered in this process."""
    try:
        library()
    except ModelUnavailable:
        return False
    return True


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Return LightGBM's C library, loaded once for the process: 4 MB.

    Never before a process forks: what its threads hold would be held for ever in the child.

    Raises:
        ModelUnavailable: it is not installed, or something that it needs is not (libgomp).
    """
    path = _path()
    try:
        found = ctypes.CDLL(str(path))
        for name, arguments in _SIGNATURES.items():
            function = getattr(found, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
    except (OSError, AttributeError) as error:
        raise ModelUnavailable(f"LightGBM's library cannot be loaded: {error}") from error
    found.LGBM_GetLastError.restype = ctypes.c_char_p
    return found


def _path() -> Path:
    # Found, not imported: importing it would bring numpy and scipy.
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise ModelUnavailable("LightGBM is not installed.")
    return Path(spec.origin).parent / "lib" / "lib_lightgbm.so"


_VOID: Final = ctypes.c_void_p
_POINTER: Final = ctypes.POINTER(ctypes.c_void_p)
_INT: Final = ctypes.c_int
_DOUBLES: Final = ctypes.POINTER(ctypes.c_double)
_SIGNATURES: Final[Mapping[str, list[Any]]] = {
    "LGBM_BoosterLoadModelFromString": [ctypes.c_char_p, ctypes.POINTER(_INT), _POINTER],
    "LGBM_BoosterGetNumFeature": [_VOID, ctypes.POINTER(_INT)],
    "LGBM_BoosterFree": [_VOID],
    "LGBM_BoosterPredictForMatSingleRowFastInit": [
        _VOID, _INT, _INT, _INT, _INT, ctypes.c_int32, ctypes.c_char_p, _POINTER,
    ],
    "LGBM_BoosterPredictForMatSingleRowFast": [
        _VOID, _VOID, ctypes.POINTER(ctypes.c_int64), _DOUBLES,
    ],
    "LGBM_FastConfigFree": [_VOID],
}  # fmt: skip
