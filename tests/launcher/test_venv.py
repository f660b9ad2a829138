"""What is missing is named in one sentence, before anything is half done."""

import importlib.util
import subprocess
import sys

import pytest

from launcher import commands, venv
from launcher.home import PROJECT_ROOT
from launcher.trouble import Trouble


def _without(module, monkeypatch):
    """Make this Python one that lacks a module."""
    real = importlib.util.find_spec

    def find(name, package=None):
        return None if name == module else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.fixture
def fresh_checkout(tmp_path, monkeypatch):
    """A checkout without a virtual environment."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text("")
    monkeypatch.setattr(venv, "PROJECT_ROOT", tmp_path)
    for name, path in (
        ("VENV", ".venv"),
        ("PYTHON", ".venv/bin/python"),
        ("STAMP", ".venv/.requirements"),
    ):
        monkeypatch.setattr(venv, name, tmp_path / path)
    return tmp_path


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_python_without_its_venv_module(fresh_checkout, monkeypatch, module):
    _without(module, monkeypatch)
    with pytest.raises(Trouble, match="apt-get install python3-venv"):
        venv.prepare()
    assert not (fresh_checkout / ".venv").exists()


def test_a_symbolic_link_is_replaced_and_its_target_kept(fresh_checkout, monkeypatch):
    elsewhere = fresh_checkout / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (fresh_checkout / ".venv").symlink_to(elsewhere)
    monkeypatch.setattr(venv, "_install", lambda pinned: None)  # the network's part
    venv.prepare()
    assert (elsewhere / "precious").exists()
    assert not (fresh_checkout / ".venv").is_symlink()
    assert venv.is_current()


def test_an_unprepared_environment_is_prepared_once(fresh_checkout, monkeypatch, capsys):
    installed = []
    monkeypatch.setattr(venv, "_install", installed.append)
    venv.prepare()
    venv.prepare()
    assert len(installed) == 1
    (fresh_checkout / "requirements" / "dev.txt").write_text("# changed\n")
    venv.prepare()
    assert len(installed) == 2
    assert capsys.readouterr().out.count("Preparing") == 2


def test_packages_beside_the_environment_are_installed_once_and_leave_it_current(
    fresh_checkout, monkeypatch
):
    installed = []

    def install(pinned, directory):  # the network's part
        directory.mkdir(parents=True)
        (directory / pinned.read_text().strip()).touch()
        installed.append(pinned.name)

    monkeypatch.setattr(venv, "_install", lambda pinned: None)
    monkeypatch.setattr(venv, "_install_beside", install)
    pinned = fresh_checkout / "requirements" / "bench.txt"
    pinned.write_text("old")
    venv.prepare()
    directory = venv.prepare_beside("bench")
    assert venv.prepare_beside("bench") == directory == venv.beside("bench")
    assert installed == ["bench.txt"]
    assert venv.is_current()
    pinned.write_text("new")
    venv.prepare_beside("bench")
    assert sorted(path.name for path in directory.iterdir()) == [".requirements", "new"]


def test_commands_that_do_not_exist_are_answered():
    result = subprocess.run(
        [sys.executable, "-m", "launcher", "fly"], cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "There is no command 'fly'; there are demo, up, down" in result.stderr


def test_what_the_launcher_starts_keeps_bytecode_whatever_was_said(monkeypatch, capsys):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert commands.main(["help"]) == 0
    script = "import sys; sys.exit(sys.dont_write_bytecode)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_sessions_that_are_no_number_are_refused_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("SESSIONS", "many")
    monkeypatch.setenv("ATTUNE_HOME", str(tmp_path / "home"))
    result = subprocess.run(
        [sys.executable, "-m", "launcher", "demo"], cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "SESSIONS is 'many'" in result.stderr
    assert not (tmp_path / "home").exists()
