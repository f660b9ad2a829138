"""Addresses of the pages about rules, below /admin/."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio import rules_order, rules_report, rules_table, rules_tree

View = Callable[..., HttpResponse]


def rules_addresses(guarded: Callable[[View], Any]) -> list[URLPattern]:
    """Return them, each view behind what guards the admin."""
    return [
        path("rules/order/", guarded(rules_order.order), name="rules_order"),
        path("rules/tree/", guarded(rules_tree.tree), name="rules_tree"),
        path("rules/table/", guarded(rules_table.table), name="rules_table"),
        path("rules/report/", guarded(rules_report.rules_report), name="rules_report"),
    ]
