"""Pages for people when something went wrong: 503 while the record is away, 500 for our faults."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import server_error as django_server_error

from apps.work.database import drop_if_broken

RETRY_AFTER_S = 5
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>One moment</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>One moment</h1><p>The database is away. It usually comes back by itself within seconds:
load this page again.</p></body></html>
"""


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the error is being handled."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        drop_if_broken()
        return HttpResponse(_PAGE, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
    return django_server_error(request)
