"""/admin/learning/value/: what customers will be worth, held against what came; and their RFM."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.small_cells import suppress_list, words
from apps.predictions import found_groups
from apps.predictions.found_groups import Model, State
from apps.studio import sites
from apps.studio.domain.group_pictures import told, two_lines
from apps.work import clock

VIEW: Final = "predictions.view_modelspec"
CHANGE: Final = "predictions.change_modelspec"
KINDS: Final = ("lifetime", "rfm")
FEWEST: Final = 10


def value_page(request: HttpRequest) -> HttpResponse:
    """The models of value of a site, each with what it says and how far to trust it."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    models = found_groups.models_of(site.id, KINDS)
    if request.method == "POST":
        return _answered(request, models)
    add = reverse("admin:predictions_modelspec_add")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Value of customers",
        "site": site,
        "sites": all_sites,
        "models": [_shown(model, found_groups.state_of(model)) for model in models],
        "may_change": request.user.has_perm(CHANGE),
        "missing": [
            (f"{add}?kind={kind}", label)
            for kind, label in (("lifetime", "lifetime value"), ("rfm", "RFM scores"))
            if not any(model.kind == kind for model in models)
        ],
    }
    return TemplateResponse(request, "admin/studio/value.html", context)


def _answered(request: HttpRequest, models: list[Model]) -> HttpResponse:
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    model = next((one for one in models if one.key == request.POST.get("train")), None)
    if model is not None:
        found_groups.look_again(model=model, now=clock.now())
        messages.success(request, f"{model.name}: purchases are read anew.")
    return redirect("admin:learning_value")


def _shown(model: Model, state: State) -> dict[str, Any]:
    card: Mapping[str, Any] = state.shown.card if state.shown else {}
    found = {
        "model": model,
        "state": state,
        "is_serving": state.shown is not None and state.shown.state == "champion",
        "is_running": state.run_state == "running" or state.work is not None,
        "is_refused": state.run_state == "refused",
        "url": reverse("admin:predictions_modelspec_change", args=[model.id]),
        "purchase": model.target_event or "Order Completed or Purchase",
        "customers": words(int(card.get("customers") or 0)),
    }
    if model.kind == "rfm":
        return found | _rfm(card)
    tested = card.get("back_test") or state.report.get("back_test")
    return found | _lifetime(card) | ({} if not tested else {"tested": _tested(tested)})


def _lifetime(card: Mapping[str, Any]) -> dict[str, Any]:
    if not card:
        return {}
    customers, here = int(card["customers"]), int(card["here"])
    return {
        "months": card["months"],
        "discount": f"{100 * card['discount']:g}",
        "here": _share(here, customers),
        "repeaters": words(int(card["repeaters"])),
        "value": f"{card['value']:,.0f}",
        "warnings": card["warnings"],
    }


def _share(here: int, customers: int) -> str:
    """How many are still here; neither side is told where fewer than ten are on one of them."""
    if customers - here < FEWEST:
        return "nearly all"
    return "nearly none" if here < FEWEST else f"{here:,} of {customers:,}"


def _tested(tested: Mapping[str, Any]) -> dict[str, Any]:
    deciles = tested["deciles"]
    brought = sum(one[4] for one in deciles) or 1.0
    return {
        "days": tested["days"],
        "customers": f"{tested['customers']:,}",
        "foreseen": told(tested["foreseen"]),
        "came": told(tested["came"]),
        "off": None if tested["sum_error"] is None else f"{100 * tested['sum_error']:.1f}",
        "correlation": f"{tested['correlation']:.2f}",
        "mae": told(tested["mae"]),
        "before": told(tested["mae_before"]),
        "value_foreseen": told(tested["value_foreseen"]),
        "value_came": told(tested["value_came"]),
        "plot": two_lines(tested["curve"]),
        "deciles": [
            {
                "place": place + 1,
                "people": words(one[0]),
                "figures": [told(value) for value in one[1:]] if one[0] >= FEWEST else ["-"] * 4,
                "pct": round(100 * one[4] / brought, 1) if one[0] >= FEWEST else 0.0,
            }
            for place, one in enumerate(deciles)
        ],
    }


def _rfm(card: Mapping[str, Any]) -> dict[str, Any]:
    if not card:
        return {}
    counts = [int(people) for _, people in card["names"]]
    told_counts, _ = suppress_list(counts, is_total_shown=True)
    return {
        "names": [
            (name, words(people), round(100 * (people or 0) / (card["customers"] or 1), 1))
            for (name, _), people in zip(card["names"], told_counts, strict=True)
        ],
        "begins": [
            (score, told(days), told(frequency), told(monetary))
            for score, days, frequency, monetary in zip(
                range(2, 6),
                reversed(card["days"]),
                card["frequency"],
                card["monetary"],
                strict=True,
            )
        ],
    }
