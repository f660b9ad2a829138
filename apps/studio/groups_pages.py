"""/admin/learning/groups/: the groups of visitors that were found, and segments made of them."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.small_cells import words as counted_words
from apps.predictions import found_groups
from apps.predictions.found_groups import Found, Model, State, Version
from apps.segments.errors import StudyTooSlow
from apps.segments.studies.boxed import within
from apps.studio import groups_segments, sites
from apps.studio.domain.group_pictures import SHADES, group_map, told
from apps.studio.groups_segments import FIDELITY, Measured
from apps.studio.segments_pages import ADD, HURRY_S
from apps.work import clock
from engine.errors import PersonalizationError

VIEW: Final = "predictions.view_modelspec"
CHANGE: Final = "predictions.change_modelspec"
KINDS: Final = ("groups",)
RUNNING: Final = "running"


def groups_page(request: HttpRequest) -> HttpResponse:
    """What was found; a POST of `rename` names a group, of `rule` or `follow` makes a segment."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    models = found_groups.models_of(site.id, KINDS)
    asked = request.POST if request.method == "POST" else request.GET
    model = next((one for one in models if one.key == asked.get("model")), None)
    model = model or (models[0] if models else None)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Groups of visitors",
        "site": site,
        "sites": all_sites,
        "models": models,
        "model": model,
        "may_change": request.user.has_perm(CHANGE),
        "may_segment": request.user.has_perm(ADD),
        "add_url": f"{reverse('admin:predictions_modelspec_add')}?kind=groups",
        "fidelity_pct": round(100 * FIDELITY),
    }
    if model is not None:
        state = found_groups.state_of(model)
        groups = found_groups.groups_of(state.shown.id) if state.shown else []
        if request.method == "POST":
            return _answered(request, site.id, model, groups)
        context |= _state(model, state)
        context |= _found(site.id, model, state, groups)
    return TemplateResponse(request, "admin/studio/groups.html", context)


def _answered(
    request: HttpRequest, site_id: UUID, model: Model, groups: list[Found]
) -> HttpResponse:
    asked, now = request.POST, clock.now()
    here = f"{reverse('admin:learning_groups')}?model={model.key}"
    if "train" in asked:
        _require(request, CHANGE)
        found_groups.look_again(model=model, now=now)
        messages.success(request, "Groups are looked for. It takes some minutes.")
        return redirect(here)
    key = asked.get("rename") or asked.get("rule") or asked.get("follow") or ""
    group = next((one for one in groups if one.key == key), None)
    if group is None:
        messages.error(request, "This group is not there any more.")
        return redirect(here)
    user: Any = request.user
    if "rename" in asked:
        _require(request, CHANGE)
        name = asked.get("name", "").strip()
        if name:
            found_groups.rename(model=model, key=key, name=name, actor=user, now=now)
            messages.success(request, f"{key} is called {name} now.")
        return redirect(here)
    _require(request, ADD)
    by_rule = "rule" in asked
    try:
        if by_rule:
            _faithful(site_id, model, group)
        made = groups_segments.make_segment(
            site_id, model, group, by_rule=by_rule, actor=user, now=now
        )
    except PersonalizationError as refusal:
        messages.error(request, str(refusal))
        return redirect(here)
    messages.success(request, f"{group.name} is a new draft. Publish it to use it.")
    return redirect("admin:segments_segment_change", made)


def _faithful(site_id: UUID, model: Model, group: Found) -> None:
    """Refuse a rule that is not measured to come near enough.

    Raises:
        PersonalizationError: it does not, or it could not be measured in time.
    """
    found = groups_segments.measured(site_id, model, [group], now=clock.now()).get(group.key)
    if found is None or not found.is_faithful:
        raise groups_segments.NotFaithful(group.name, None if found is None else found.fidelity)


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _state(model: Model, state: State) -> dict[str, Any]:
    """What the model is doing, and where it is looked after."""
    return {
        "state": state,
        "is_serving": state.shown is not None and state.shown.state == "champion",
        "is_running": state.run_state == RUNNING or state.work is not None,
        "is_refused": state.run_state == "refused",
        "model_url": reverse("admin:predictions_modelspec_change", args=[model.id]),
        "version_url": None
        if state.shown is None
        else reverse("admin:predictions_modelversion_change", args=[state.shown.id]),
    }


def _found(site_id: UUID, model: Model, state: State, groups: list[Found]) -> dict[str, Any]:
    card: Mapping[str, Any] = state.shown.card if state.shown else {}
    tried = card.get("tried") or state.report.get("tried") or []
    best = card.get("best") or {}
    fits: Mapping[str, Measured] = {}
    too_slow = False
    is_scored = any(group.members for group in groups)
    if state.shown is not None and state.shown.state == "champion" and is_scored:
        try:
            with within(4 * HURRY_S):
                fits = groups_segments.measured(site_id, model, groups, now=clock.now())
        except StudyTooSlow:
            too_slow = True
    people = int(card.get("people") or 0)
    shades = {group.key: place % SHADES for place, group in enumerate(groups)}
    return {
        "people": people,
        "nobody": counted_words(int(card.get("nobody") or 0)),
        "best": best,
        "tried": [_tried(one, best) for one in tried],
        "groups": [_group(one, people, fits.get(one.key), shades) for one in groups],
        "map": group_map(card.get("map") or {}, shades, {one.key: one.name for one in groups}),
        "history": _history(model),
        "not_measured": too_slow,
        "is_scored": is_scored,
    }


def _tried(one: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    gap = one.get("gap")
    return {
        "method": _METHODS.get(one["method"], one["method"]),
        "k": one["groups"] if one["method"] in _OWN_NUMBER else one["k"],
        "is_clear": one["is_clear"],
        "is_best": bool(best) and (one["method"], one["k"]) == (best["method"], best["k"]),
        "why": _why(one),
        "figures": [
            told(one["inertia"]),
            told(one["silhouette"]),
            told(one["reference"] if one["reference"] >= 0 else None),
            told(None if gap is None else gap[0]),
            told(one["calinski_harabasz"]),
            told(one["davies_bouldin"]),
            told(one["bic"]),
            told(one["valley"]),
            told(one["stability"]),
            f"{100 * one['noise']:.0f} %",
        ],
    }


def _why(one: Mapping[str, Any]) -> str:
    """What keeps it from being clear, in a few words."""
    if one["is_clear"]:
        return "clear"
    if one["silhouette"] is None:
        return "one group only"
    if one["silhouette"] <= one["reference"]:
        return "no clearer than chance"
    if one["noise"] > 0.3:
        return "too many in no group"
    if one["valley"] is not None and one["valley"] > 0.5:
        return "one runs into the other"
    return "not there again in samples"


_METHODS: Final = {
    "kmeans": "K-means",
    "minibatch": "K-means in small batches",
    "mixture": "Gaussian mixture",
    "hierarchical": "Hierarchical (Ward)",
    "density": "Density (HDBSCAN)",
    "dbscan": "Density (DBSCAN)",
}
_OWN_NUMBER: Final = ("density", "dbscan")


def _group(
    one: Found, people: int, fit: Measured | None, shades: Mapping[str, int]
) -> dict[str, Any]:
    share = one.size / people if people and one.size >= 10 else 0.0
    return {
        "group": one,
        "shade": shades[one.key],
        "size": counted_words(one.size),
        "members": counted_words(one.members),
        "pct": round(100 * share, 1),
        "stability": told(one.stability),
        "words": [
            {
                "words": each["words"],
                "mean": told(each["mean"]),
                "others": told(each["others"]),
                "is_more": each["by"] > 0,
            }
            for each in one.words
        ],
        "rule": groups_segments.sentence(one),
        "fidelity": None if one.fidelity is None else round(100 * one.fidelity),
        "fit": fit,
        "fit_pct": None if fit is None else round(100 * fit.fidelity),
        "segment_url": None
        if not one.segment_key
        else f"{reverse('admin:segments_segment_changelist')}?q={one.segment_key}",
    }


def _history(model: Model) -> dict[str, Any]:
    versions, rows = found_groups.history_of(model)
    return {
        "versions": [(one.number, one.trained_at, _is_serving(one)) for one in versions],
        "rows": [
            (key, name, ["" if size is None else counted_words(size) for size in sizes])
            for key, name, sizes in rows
        ],
    }


def _is_serving(one: Version) -> bool:
    return one.state == "champion"
