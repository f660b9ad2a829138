"""Tests: the same parts, cheaper passwords."""

from config.settings.base import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
EVENTS_IN_BACKGROUND = False  # no threads with database sessions of their own
