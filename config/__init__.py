"""Composition root: settings, URLs and process entry points. Only the processes import it."""

import django_stubs_ext

# Lets `ModelAdmin[Segment]` and its like be written, which mypy asks for and Django 5.2 lacks.
django_stubs_ext.monkeypatch()
