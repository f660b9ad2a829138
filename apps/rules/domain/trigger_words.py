"""A trigger as a sentence. Pure."""

from dataclasses import dataclass

from engine.capping import span_words


@dataclass(frozen=True, slots=True)
class Said:
    """What the sentence is made of. Empty texts and None: it does not do that. Spans in ms."""

    segment: str
    has_left: bool
    for_ms: int
    variant: str
    placement: str
    tells_pages: bool
    webhook_host: str
    most: int | None
    window_ms: int | None
    cooldown_ms: int


def sentence(said: Said) -> str:
    """Return "When somebody comes into “Cart left”: tell open pages. At most once in 7 days."."""
    return f"When somebody {_when(said)}: {_then(said)}. {_often(said)}."


def _when(said: Said) -> str:
    verb = "leaves" if said.has_left else "comes into"
    text = f"{verb} “{said.segment}”"
    if said.for_ms:
        text += f" and stays {'away' if said.has_left else ''} for {span_words(said.for_ms)}"
    return text.replace("stays  for", "stays for")


def _then(said: Said) -> str:
    deeds = []
    if said.variant:
        deeds.append(f"show “{said.variant}” in {said.placement}")
    if said.tells_pages:
        deeds.append("tell their open pages")
    if said.webhook_host:
        deeds.append(f"call {said.webhook_host}")
    if not deeds:
        return "do nothing yet"
    return deeds[0] if len(deeds) == 1 else f"{', '.join(deeds[:-1])} and {deeds[-1]}"


def _often(said: Said) -> str:
    if said.most is None:
        text = "As often as it happens"
    else:
        count = {1: "once", 2: "twice"}.get(said.most, f"{said.most} times")
        span = "90 days" if said.window_ms is None else span_words(said.window_ms)
        text = f"At most {count} in {span} for one visitor"
    return text + (
        f", and not again for {span_words(said.cooldown_ms)}" if said.cooldown_ms else ""
    )
