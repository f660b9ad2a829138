"""Composition root: settings, URLs and process entry points. Only the processes import it."""

import django_stubs_ext

# Tasks are sent from every process, so every process has the Celery application.
from config.celery import app as celery_app

__all__ = ["celery_app"]

# Lets `ModelAdmin[Segment]` and its like be written, which mypy asks for and Django 5.2 lacks.
django_stubs_ext.monkeypatch()
