"""Pages for people while the database is away."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import get_resolver

pytestmark = pytest.mark.django_db


def page_after(error: Exception) -> HttpResponse:
    """What Django answers to a page whose view raised this, by its own way of finding the page."""
    handler = get_resolver().resolve_error_handler(500)
    try:
        raise error
    except type(error):
        response: HttpResponse = handler(RequestFactory().get("/demo/"))
        return response


def test_a_page_that_needs_the_database_says_503_and_when_to_come_back() -> None:
    response = page_after(OperationalError("the server closed the connection: SELECT 1"))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "away" in response.content.decode() and "SELECT" not in response.content.decode()


def test_a_fault_of_ours_is_still_a_500() -> None:
    assert page_after(KeyError("colour")).status_code == 500
