"""One visitor, one arm: dealt by the engine, by its twin at the edge, and by GrowthBook's SDK.

The SDK is not the product's: `make bench-segments` installs it beside `.venv`'s own packages.
"""

import json
import random
import subprocess
import sys
from typing import Any, Final, NamedTuple

import pytest

from engine.allocation import Layer, assign, ranges
from launcher import venv
from tests.sdk.node import HERE, NODE, ROOT

ALLOCATION: Final = ROOT / "sdk" / "src" / "edge" / "allocation.js"
PEOPLE: Final = 12_000  # of each design


class Design(NamedTuple):
    """One way of dealing visitors."""

    seed: str
    weights: tuple[float, ...]
    coverage: float = 1.0
    layer: tuple[str, float, float] | None = None


THIRDS = (1 / 3, 1 / 3, 1 / 3)
DESIGNS: Final = (
    Design("0196a5.1", (0.5, 0.5)),
    Design("0196a5.2", (0.5, 0.5), 0.3),
    Design("0196b7.1", THIRDS, 0.999),
    Design("0196b7.2", (0.1, 0.2, 0.3, 0.4), 0.07),
    Design("0196b7.3", (0.0, 1.0)),
    Design("Zürich-🛒", (0.05, 0.95), 0.5),
    Design("0196c1.1", (0.5, 0.5), 1.0, ("prices", 0.0, 0.25)),
    Design("0196c1.2", (0.25, 0.75), 0.6, ("prices", 0.25, 1.0)),
    Design("0196c1.3", THIRDS, 0.123, ("words on the page", 0.333, 0.667)),
    Design("0196c1.4", (0.7, 0.3), 0.0, ("prices", 0.0, 1.0)),
)


def units(seed: int) -> list[str]:
    """Ids of all kinds: numbers, UUIDs, addresses, other alphabets."""
    draw = random.Random(seed)  # nosec B311
    made = []
    for number in range(PEOPLE):
        kind = number % 4
        if kind == 0:
            made.append(f"visitor-{draw.randrange(10**9)}")
        elif kind == 1:
            made.append(f"{draw.getrandbits(128):032x}")
        elif kind == 2:
            made.append(f"anna.{draw.randrange(10**6)}@beispiel.de")
        else:
            made.append("".join(draw.choices("aäßжλ漢🛒 -_", k=draw.randrange(1, 12))))
    return made


def ours(design: Design, ids: list[str]) -> list[int]:
    arms = ranges(design.weights, design.coverage)
    layer = None if design.layer is None else Layer(*design.layer)
    return [assign(one, seed=design.seed, arms=arms, layer=layer) for one in ids]


@pytest.fixture(scope="module")
def dealt() -> list[tuple[Design, list[str], list[int]]]:
    """120,000 visitors, and where the engine puts each."""
    made = [(design, units(number)) for number, design in enumerate(DESIGNS)]
    return [(design, ids, ours(design, ids)) for design, ids in made]


def test_it_is_about_something(dealt: list[tuple[Design, list[str], list[int]]]) -> None:
    assert sum(len(found) for _, _, found in dealt) >= 100_000
    for design, _, found in dealt:
        wanted = {n for n, weight in enumerate(design.weights) if weight * design.coverage > 0}
        assert wanted <= set(found)
        assert (-1 in found) is (design.coverage < 1 or design.layer is not None)


def test_the_edge_deals_everybody_alike(dealt: list[tuple[Design, list[str], list[int]]]) -> None:
    lines = [json.dumps({**design._asdict(), "units": ids}) for design, ids, _ in dealt]
    done = subprocess.run(
        [str(NODE), str(HERE / "assignments.mjs"), str(ALLOCATION)],
        input="".join(f"{line}\n" for line in lines).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    assert theirs == [found for _, _, found in dealt]


def test_growthbooks_own_sdk_deals_everybody_alike(
    dealt: list[tuple[Design, list[str], list[int]]],
) -> None:
    directory = str(venv.beside("bench"))
    if directory not in sys.path:
        sys.path.append(directory)
    growthbook: Any = pytest.importorskip("growthbook", reason="`make bench-segments` installs it")
    differ = []
    for design, ids, found in dealt:
        experiment = growthbook.Experiment(
            key="any",
            variations=list(range(len(design.weights))),
            seed=design.seed,
            hashVersion=2,
            weights=list(design.weights),
            coverage=design.coverage,
            namespace=design.layer,
        )
        client = growthbook.GrowthBook(attributes={})
        for unit, arm in zip(ids, found, strict=True):
            client.set_attributes({"id": unit})
            result = client.run(experiment)
            theirs = result.variationId if result.inExperiment else -1
            if theirs != arm:
                differ.append((design, unit, arm, theirs))
        client.destroy()
    assert differ == []
