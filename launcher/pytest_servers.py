"""Pytest plugin: real servers for the session, in a home of its own that is removed afterwards.

Loaded by `-p` in pyproject.toml, because Django's settings are read before any conftest.py. With
DATABASE_URL and REDIS_URL set it starts nothing. With pytest-xdist each worker starts its own: what
a long transaction holds up, and who is paused or cut off, is not told apart by database. On servers
of yours a worker has a database, and a number in Valkey.
"""

import contextlib
import os
import sys
from collections.abc import Generator

import pytest

from launcher.home import (
    DATABASE_NAME,
    SECRET_NAMES,
    Home,
    openmp_directory,
    replace_environment,
)
from launcher.servers import running
from launcher.testhome import remove, temporary_home

_XDIST_WORKER = "PYTEST_XDIST_WORKER"


def _adopt_library_path() -> None:
    """Start pytest again when LightGBM's OpenMP library needs LD_LIBRARY_PATH."""
    directory = openmp_directory(Home.locate())
    current = os.environ.get("LD_LIBRARY_PATH", "")
    if directory is not None and str(directory) not in current.split(":"):
        os.environ["LD_LIBRARY_PATH"] = f"{directory}:{current}" if current else str(directory)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if _XDIST_WORKER not in os.environ:
    # At import: a later moment would find pytest's output capture in the way.
    _adopt_library_path()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Have servers before pytest-django reads the settings."""
    worker = os.environ.get(_XDIST_WORKER)
    options = early_config.known_args_namespace
    if worker is not None:
        early_config.add_cleanup(_start_beside(worker).close)
    elif not (options.help or options.version or options.collectonly):
        early_config.add_cleanup(_start(serving=not getattr(options, "numprocesses", None)).close)
    return (yield)


def _start(*, serving: bool) -> contextlib.ExitStack:
    """Start what the environment lacks and point it there; closing the result removes it.

    Not `serving` there is only the home: workers start their own.
    """
    stack = contextlib.ExitStack()
    wanted = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    home = stack.enter_context(temporary_home(Home.locate()))
    if wanted and serving:
        stack.enter_context(running(home, throwaway=True))
    values = home.environment()
    # Tests have fixed keys and settings of their own: see config/env.py. Stacks that they start
    # listen on ports of their own.
    own = {"DJANGO_SETTINGS_MODULE", "STREAM_PORT", "STREAM_ORIGIN", *SECRET_NAMES}
    own -= set(os.environ)
    replace_environment({name: text for name, text in values.items() if name not in own})
    return stack


def _start_beside(worker: str) -> contextlib.ExitStack:
    """Give a worker servers of its own, in a home inside the controller's; closing removes them."""
    stack = contextlib.ExitStack()
    shared = Home.locate()
    own = Home(shared.root / worker)
    stack.callback(remove, own)
    for name, text in _addresses(shared).items():
        if os.environ[name] == text:
            del os.environ[name]
    if "REDIS_URL" in os.environ:
        base = os.environ["REDIS_URL"].partition("?")[0]
        os.environ["REDIS_URL"] = f"{base}?db={1 + int(worker.removeprefix('gw')) % 15}"
    stack.enter_context(running(own, throwaway=True))
    os.environ.update({**_addresses(own), **os.environ, "ATTUNE_HOME": str(own.root)})
    return stack


def _addresses(home: Home) -> dict[str, str]:
    """The addresses of a home's own servers."""
    return {
        "DATABASE_URL": f"postgres:///{home.postgres_run}/{DATABASE_NAME}",
        "REDIS_URL": f"unix://{home.valkey_socket}",
    }
