"""A route that will go says so in every answer, long enough ahead."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apps.access.deprecation import NOTICE, goodbye
from apps.access.http import authenticate, hot, json_response

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
SUNSET = datetime(2026, 9, 1, tzinfo=UTC)


@hot("GET", route="old", ends=goodbye(since=SINCE, sunset=SUNSET, instead="/docs/#new"))
def old(request: HttpRequest) -> HttpResponse:
    authenticate(request)
    return json_response(b"{}")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_answer_of_it_says_when_it_goes_and_what_comes_instead(
    db: None, factory: RequestFactory, method: str
) -> None:
    answer = old(factory.generic(method, "/v1/old"))
    assert answer.status_code in (401, 405)  # refusals, too
    assert datetime.fromtimestamp(int(answer["Deprecation"].removeprefix("@")), UTC) == SINCE
    assert parsedate_to_datetime(answer["Sunset"]) == SUNSET
    assert answer["Link"].startswith('</docs/#new>; rel="deprecation"')


@pytest.mark.parametrize(
    ("since", "sunset", "instead"),
    [
        (SINCE, SINCE + NOTICE - timedelta(seconds=1), "/docs/"),
        (SINCE, SUNSET.replace(tzinfo=None), "/docs/"),
        (SINCE, SUNSET, ""),
        (SINCE, SUNSET, "/docs/>; rel=x"),
    ],
    ids=["too soon", "without a zone", "nothing instead", "no address"],
)
def test_what_would_mislead_is_refused(since: datetime, sunset: datetime, instead: str) -> None:
    with pytest.raises(ValueError):
        goodbye(since=since, sunset=sunset, instead=instead)
