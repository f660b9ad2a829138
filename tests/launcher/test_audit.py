"""`make audit`: what is known is told, and silence of the service is not taken for peace."""

import json
from pathlib import Path

import pytest

from launcher import commands, venv


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 0, "1 packages, 0 known"),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [
                {"id": "CVE-1", "fix_versions": ["2"]}]}]},
            1, "a 1: CVE-1; mended in 2",
        ),
        ({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, 2, "nothing: not found"),
        (None, 2, "did not answer"),
    ],
    ids=["nothing known", "a flaw", "nobody was asked", "no answer at all"],
)  # fmt: skip
def test_each_outcome_has_its_status_and_its_words(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: object,
    status: int,
    words: str,
) -> None:
    said = "" if answer is None else json.dumps(answer)
    (tmp_path / "pip_audit.py").write_text(f"print({said!r})\n")
    monkeypatch.setattr(venv, "prepare", lambda: None)
    monkeypatch.setattr(venv, "prepare_beside", lambda name: tmp_path)
    assert commands.audit([]) == status
    assert words in capsys.readouterr().out
