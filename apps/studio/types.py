"""What the studio's pages show, as plain values. Times are aware datetimes in UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SiteChoice:
    """A site that can be looked at."""

    id: UUID
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Minute:
    """What came in during one minute."""

    at: datetime
    accepted: int
    duplicates: int
    rejected: int
    without_consent: int


@dataclass(frozen=True, slots=True)
class Intake:
    """The last hour minute by minute, and the last day in all."""

    minutes: list[Minute]
    day: Minute

    @property
    def per_minute(self) -> float:
        """Events accepted a minute, over the last five whole minutes."""
        whole = self.minutes[-6:-1]
        return sum(minute.accepted for minute in whole) / max(1, len(whole))


@dataclass(frozen=True, slots=True)
class Backlog:
    """Accepted batches that wait to be folded. `oldest_s` is seconds since the oldest came.

    `set_aside` are those that the consumer could not fold; they wait for somebody.
    """

    waiting: int
    of_site: int
    oldest_s: float
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes of each role live, on the whole server.

    Attributes:
        has_redis: whether Redis answers, which keeps it.
        is_settled: everybody who lives has had the time to say so.
    """

    alive: dict[str, int]
    has_redis: bool
    is_settled: bool

    @property
    def missing(self) -> list[str]:
        """The roles that nobody fills."""
        return [role for role, count in self.alive.items() if not count] if self.is_settled else []


@dataclass(frozen=True, slots=True)
class Held:
    """Events of one refusal code that wait in quarantine."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Learned:
    """A model and how it does.

    Attributes:
        metric: words, empty while there is none.
        trained_at: when what serves was trained.
        waits: a version waits for a person's yes.
    """

    id: UUID
    what: str
    name: str
    trained_at: datetime | None
    metric: str
    is_enabled: bool
    waits: bool
    url_name: str


@dataclass(frozen=True, slots=True)
class Published:
    """One publication, without its document. `by` is empty for the system."""

    number: int
    published_at: datetime
    by: str
    note: str
    restores: int | None
    placements: int
    blocks: int
    rules: int
    segments: int
    release_id: UUID | None = None
    release: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of asynchronous work."""

    id: UUID
    kind: str
    state: str
    done: int
    total: int
    note: str
    error: str
    run_after: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the newest calls of the last day were answered. Times in ms; None without calls."""

    calls: int
    reasons: list[tuple[str, int]]
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Senders:
    """How many sources a site has, and how many keys of theirs work."""

    sources: int
    keys: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that wants a person, in plain words.

    Attributes:
        level: "bad" (visitors notice), "warn" (they soon may) or "info".
        command: what to type, when that cures it.
        link: where to go, with `link_words` on it.
    """

    level: str
    text: str
    command: str = ""
    link: str = ""
    link_words: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """One difference inside a changed thing. `before` and `after` are shown when either is set."""

    text: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a publication would add, remove or change."""

    verb: str  # added, removed, changed
    kind: str  # placement, block, variant, rule, segment
    name: str
    details: list[Detail] = field(default_factory=list)
    key: str = ""
