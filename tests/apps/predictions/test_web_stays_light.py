"""Model libraries cost 160 MB and seconds: a web process must come up without them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"sklearn", "lightgbm", "scipy", "numpy", "pandas", "optuna"}

SCRIPT = """
import json, sys
import config.wsgi
from django.contrib import admin
from django.urls import get_resolver
admin.autodiscover()
get_resolver().url_patterns
import apps.predictions.services, apps.recommendations.services
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_web_process_with_its_admin_imports_no_model_library():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "django" in loaded
    assert not loaded & HEAVY
