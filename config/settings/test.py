"""Tests: the same parts, cheaper passwords."""

from config.env import ENV
from config.settings.base import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
EVENTS_IN_BACKGROUND = False  # no threads with database sessions of their own

# Test databases begin as copies of one with all tables, where the launcher has made it: see
# launcher/head_start.py. `migrate` then applies what is newer. A server of yours has none.
_NOTE = ENV.home / "template"
if _NOTE.exists():
    _TEMPLATE, _SERVER = _NOTE.read_text(encoding="utf-8").splitlines()
    if ENV.database.get("HOST") == _SERVER:
        DATABASES["default"]["TEST"] = {"TEMPLATE": _TEMPLATE}
