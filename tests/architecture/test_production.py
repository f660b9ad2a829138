"""Production runs without the showcase: nothing else may need it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_web_process_loads_with_production_settings() -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": "s" * 40,
        "SIGNING_KEY": "k" * 40,
        "TOMBSTONE_KEY": "t" * 40,
    }
    loaded = "import config.wsgi, sys; sys.exit('apps.demo.urls' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
