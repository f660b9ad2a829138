"""/admin/rules/order/: the rules of one placement in the order in which they are asked."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.rules.errors import OrderChanged
from apps.rules.selectors import (
    condition_words,
    digest_of,
    order_of,
    schedule_words,
    triggers_in,
)
from apps.rules.services import reorder, switch
from apps.studio.pages import require
from apps.studio.rules_pages import CHANGE, Opened, chosen_placement, opened
from apps.work import clock

_UNDO: Final = "rules_order_undo"


def order(request: HttpRequest) -> HttpResponse:
    """The page. POST `order` (keys, in order) with `seen`; or `up`, `down`, `on`, `off`, `undo`."""
    page = opened(request, "rules_order", "Order of rules")
    if page is None:
        return redirect("admin:index")
    placement = chosen_placement(request, page)
    if placement is None:
        return TemplateResponse(request, "admin/rules/order.html", page.context)
    if request.method == "POST":
        require(request, CHANGE)
        _change(request, page, placement)
        query = urlencode({"site": page.site.key, "placement": placement.key})
        return HttpResponseRedirect(f"{reverse('admin:rules_order')}?{query}")
    rules = order_of(page.site.id, placement.pk)
    now = clock.now()
    digest = digest_of(rules)
    kept = request.session.get(_UNDO) or {}
    page.context |= {
        "rows": [
            {"rule": one, "words": condition_words(one), "state": schedule_words(one, now)}
            for one in rules
        ],
        "seen": digest,
        "triggers": triggers_in(page.site.id, placement.pk),
        "default": _default_of(placement),
        "may_undo": kept.get("placement") == str(placement.pk) and kept.get("seen") == digest,
        "are_equal": len({one.priority for one in rules}) < len(rules),
    }
    return TemplateResponse(request, "admin/rules/order.html", page.context)


def _default_of(placement: Any) -> str:
    """The name of what is shown where no rule holds."""
    if placement.block is None:
        return ""
    found = placement.block.variants.filter(is_default=True).values_list("name", flat=True)
    return str(found.first() or "")


def _change(request: HttpRequest, page: Opened, placement: Any) -> None:
    asked = request.POST
    for word in ("on", "off"):
        if word in asked:
            _switch(request, page, asked[word], is_on=word == "on")
            return
    rules = [one.key for one in order_of(page.site.id, placement.pk)]
    kept = request.session.get(_UNDO) or {}
    if "undo" in asked:
        keys, seen = list(kept.get("keys") or ()), str(kept.get("seen") or "")
    else:
        keys, seen = _moved(rules, asked), asked.get("seen", "")
    try:
        before = reorder(
            site_id=page.site.id,
            placement_id=placement.pk,
            keys=keys,
            seen=seen,
            actor=request.user,
            now=clock.now(),
        )
    except OrderChanged as error:
        messages.error(request, str(error))
        return
    if before == keys:
        messages.info(request, "That is the order already.")
        return
    after = order_of(page.site.id, placement.pk)
    request.session[_UNDO] = {
        "placement": str(placement.pk),
        "keys": before,
        "seen": digest_of(after),
    }
    messages.success(request, "The order is saved. Publish to use it.")


def _moved(rules: list[str], asked: Any) -> list[str]:
    """The order that is asked for: a whole one, or one rule a place up or down."""
    for word, step in (("up", -1), ("down", 1)):
        if asked.get(word) in rules:
            place = rules.index(asked[word])
            other = place + step
            if 0 <= other < len(rules):
                rules[place], rules[other] = rules[other], rules[place]
            return rules
    return [key for key in asked.get("order", "").split(",") if key]


def _switch(request: HttpRequest, page: Opened, rule_id: str, *, is_on: bool) -> None:
    try:
        found = UUID(rule_id)
    except ValueError:
        return
    rule = switch(
        site_id=page.site.id,
        rule_id=found,
        is_enabled=is_on,
        actor=request.user,
        now=clock.now(),
    )
    if rule is not None:
        word = "on" if is_on else "off"
        messages.success(request, f"“{rule.name}” is switched {word}. Publish to use it.")
