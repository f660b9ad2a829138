"""The JSON beside the form of a persona: the names of the site, and the segments they are in."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from apps.access.selectors import zone_of
from apps.segments import admin_views, editing, personas
from apps.segments.domain.personas import InvalidPersona, Invented, parse_persona
from apps.work import clock
from engine.conditions.parse_leaves import PURPOSES

_json = editing.json_view("segments.view_persona")

MOST: Final = 100  # segments told by name


@_json
def schema(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site"}: as for conditions, and the purposes that one may agree to."""
    found = editing.schema(admin_views.uuid_of(body.get("site")))
    seen = found["seen"]
    # What conditions ask of models and lists is a trait of whoever is asked.
    seen["traits"] = [
        *seen.get("traits", []),
        *([f"score.{name}", "a model's score"] for name, _ in seen.get("models", [])),
        *([f"list.{key}", f"on the list {name}"] for key, name in seen.get("lists", [])),
    ]
    return found | {"purposes": list(PURPOSES)}


@_json
def live(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site", "persona"}: what is wrong with it, or which segments it is in now."""
    answer: dict[str, Any] = {"words": "", "parts": {}, "problems": [], "hints": [], "note": ""}
    try:
        persona = parse_persona(body.get("persona"))
    except InvalidPersona as error:
        return answer | {"problems": [[error.path, error.problem]]}
    site_id = admin_views.uuid_of(body.get("site"))
    if site_id is None:
        return answer | {"note": "Choose the site first."}
    now, zone = clock.now(), zone_of(site_id)
    facts = personas.facts_of(persona, now, zone)
    told = {
        name: personas.answered(personas.asked_of(site_id, drafts=drafts), facts, now)
        for name, drafts in (("published", False), ("drafts", True))
    }
    return answer | {
        "words": in_words(persona),
        "segments": {
            name: {
                "of": len(found),
                "count": sum(one.is_in for one in found),
                "in": [[one.name, one.words] for one in found if one.is_in][:MOST],
            }
            for name, found in told.items()
        },
    }


def in_words(persona: Invented) -> str:
    """One line of what they did and what is known of them."""
    counted = len(persona.events)
    parts = [f"{counted} {'event' if counted == 1 else 'events'}"]
    if persona.traits:
        parts.append(f"{len(persona.traits)} known traits")
    if persona.context:
        parts.append(", ".join(str(value) for value in list(persona.context.values())[:3]))
    agreed = [purpose for purpose, given in persona.consents.items() if given]
    parts.append(f"agreed to {', '.join(agreed)}" if agreed else "has agreed to nothing")
    return "; ".join(parts)
