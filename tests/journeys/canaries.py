"""Fifty people with a marker of their own in every field that anybody may fill in."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from apps.consent.models import Recipient
from apps.content import services as content
from apps.content.models import Cap, Placement
from apps.decisions import records
from apps.delivery import exposure_log
from apps.events import fold as event_fold
from apps.events import inbox, journal
from apps.experiments import running, tasks, what_ifs
from apps.experiments.models import Arm, Experiment, Goal, Holdout, Metric
from apps.pipeline import fold
from apps.pipeline.triggering import Follower
from apps.privacy import carrying_out, requests
from apps.profiles.models import Identity
from apps.recommendations import services as recommendations
from apps.rules.models import Trigger
from apps.rules.services import save_trigger
from apps.segments.refresh import refresh_site
from apps.work import clock, performing
from apps.work import services as work
from apps.work.models import Intent
from engine.allocation import position_of
from tests.apps.delivery.conftest import World

PEOPLE = 50
# Whoever is erased is one in the middle: neither the first row of anything nor the last.
ERASED = 23


def mark_of(number: int) -> str:
    """The marker of one person, which stands in every field of theirs."""
    return f"canary-{number:02d}-{(number + 7) * 7919:06x}"


@dataclass(frozen=True, slots=True)
class Canary:
    """One person."""

    mark: str

    @property
    def device(self) -> str:
        """Their anonymous id."""
        return f"device-{self.mark}"

    @property
    def user(self) -> str:
        """Their login."""
        return f"user-{self.mark}"

    @property
    def names(self) -> list[tuple[str, str]]:
        """What they are known by."""
        return [("user_id", self.user), ("anonymous_id", self.device)]

    def context(self) -> dict[str, Any]:
        """Of a page, with something of theirs in each field."""
        return {
            "page": {
                "url": f"https://shop.example/{self.mark}", "title": f"Title {self.mark}",
                "path": f"/{self.mark}", "referrer": f"https://from.example/{self.mark}",
            },
            "campaign": {"name": self.mark, "source": self.mark, "term": f"término {self.mark}"},
            "locale": "de-DE", "userAgent": f"Mozilla/5.0 {self.mark}",
            "device": {"id": self.mark, "model": self.mark},
        }  # fmt: skip

    def event(self, kind: str, number: int, **fields: Any) -> dict[str, Any]:
        """One event of theirs."""
        return {
            "type": kind, "messageId": f"{kind}-{number}-{self.mark}",
            "anonymousId": self.device, "context": self.context(), **fields,
        }  # fmt: skip

    def events(self) -> list[dict[str, Any]]:
        """What they did in this hour."""
        properties = {
            "product_id": f"item-{self.mark}", "category": f"category-{self.mark}",
            "name": self.mark, "deep": {"list": [{"value": f"Zoë {self.mark}"}]}, "price": 12.5,
        }  # fmt: skip
        mail = f"{self.mark}@example.com"
        traits = {
            "email": mail, "phone": f"+49 171 {self.mark}", "name": f"Name {self.mark}",
            "plan": "premium", "nickname": f"Ñick {self.mark}",
            "address": {"street": f"Street {self.mark}"}, "tags": [self.mark, "new"],
        }  # fmt: skip
        common = {"category": "blouses", "product_id": "blouse-1"}
        return [
            self.event("page", 1, name=f"Page {self.mark}"),
            self.event("track", 2, event=f"Event {self.mark}", properties=properties),
            self.event("track", 3, event="Product Viewed", properties=properties),
            self.event("track", 4, event="Product Viewed", properties=common),
            self.event("identify", 5, userId=self.user, traits=traits),
            self.event("group", 6, userId=self.user, groupId=f"group-{self.mark}"),
            self.event("alias", 7, userId=self.user, previousId=f"older-{self.mark}"),
            self.event("track", 8, userId=self.user, event="Order Completed", properties=common),
        ]


class Shop:
    """A shop in which all of them are, and everything that Attune does for it."""

    def __init__(self, world: World, sink: str) -> None:
        self.world = world
        self.site_id = world.site.pk
        self.people = [Canary(mark_of(number)) for number in range(PEOPLE)]
        segment = world.hero()
        recipient = Recipient.objects.create(
            site_id=self.site_id,
            key="mailer",
            name="Mailer Inc",
            is_third_party=False,
            purposes=["triggers"],
            endpoint=sink,
        )
        save_trigger(
            Trigger(
                site_id=self.site_id, key="blouses-came", name="Came", segment=segment,
                is_enabled=True, message={"show": "thanks"}, webhook_address=sink,
                recipient=recipient,
            )
        )  # fmt: skip
        Cap.objects.create(site_id=self.site_id, number=1, key="once", name="Once", most=3)
        self.recommender = recommendations.create_recommender(
            site_id=self.site_id, key="next", name="Next"
        )
        refresh_site(site_id=self.site_id)
        self.metric = self.compare()
        world.publish()
        self.follower = Follower()
        self.follower.act(clock.now())  # its cursor begins here

    def compare(self) -> Metric:
        """An experiment in one place, and a holdout in another: everybody is in both."""
        for key in ("note", "worth"):
            block = content.create_block(site_id=self.site_id, key=key)
            for number in range(2):
                content.create_variant(
                    block=block, key=f"v{number}", is_default=number == 0, template="<p>Hello</p>"
                )
            content.create_placement(site_id=self.site_id, key=f"{key}.place", block=block)
        metric = Metric.objects.create(
            site_id=self.site_id, key="orders", name="Orders", event="Order Completed"
        )
        now = clock.now()
        place = Placement.objects.get(key="note.place")
        experiment = Experiment.objects.create(
            site_id=self.site_id, key="words", name="Words", placement=place, created_at=now,
            per_arm=1_000,
        )  # fmt: skip
        assert place.block is not None
        for number, variant in enumerate(place.block.variants.order_by("key")):
            Arm.objects.create(
                experiment=experiment, number=number, key=f"arm{number}", name=f"Arm {number}",
                variant=variant, weight=0.5, is_control=number == 0,
            )  # fmt: skip
        Goal.objects.create(experiment=experiment, metric=metric, added_at=now)
        running.start(experiment_id=experiment.pk, actor=None, now=now)
        # Whoever is to be erased is held out, so that models know of it, too.
        device = Canary(mark_of(ERASED)).device
        seeds = (f"seed-{number}" for number in range(100))
        seed = next(one for one in seeds if position_of(device, seed=one) < 0.5)
        Holdout.objects.create(
            site_id=self.site_id, key="half", name="Half", share=0.5, seed=seed, started_at=now,
            placements=["worth.place"],
        )  # fmt: skip
        return metric

    def count_experiments(self) -> None:
        """What workers count of experiments and holdouts, as often as they like."""
        later = clock.now() + timedelta(hours=1)  # the log is read up to then
        for kind in (tasks.REFRESH, tasks.WORTH):
            asked = work.ask(kind, key="site", site_id=self.site_id, now=clock.now())
            assert performing.perform(asked.pk, now=later)

    def ask_what_if(self) -> None:
        """Ask the log what another rule would have earned, once everybody's time is over."""
        later = clock.now() + timedelta(days=9)
        asked = what_ifs.ask(
            site_id=self.site_id, placement="note.place", metric_id=self.metric.pk, days=28,
            policy={"what": "always", "variant": "v1"}, everybody=True, actor=None, now=later,
        )  # fmt: skip
        assert asked.intent_id is not None
        assert performing.perform(asked.intent_id, now=later)

    def live_an_hour(self) -> None:
        """Everybody does everything, and the shop works with it."""
        for one in self.people:
            self.send(one.events())
            self.choose(one)
            self.look(one)
        self.work()
        self.work()  # what the follower of the feed has asked for
        refresh_site(site_id=self.site_id)
        recommendations.train_now(recommenders=[self.recommender], now=clock.now())
        for one in self.people:
            self.look(one)
            self.go_wrong(one)
        records.flush()
        exposure_log.flush()
        self.work()
        self.count_experiments()
        self.ask_what_if()

    def send(self, events: list[dict[str, Any]]) -> None:
        """Take a call in and fold it."""
        answer = self.world.post("/v1/batch", {"batch": events}, key=self.world.sk)
        assert answer.status_code == 200 and not answer.json()["rejected"], answer.content
        self.fold()

    def fold(self) -> None:
        """Fold what waits."""
        while fold.fold_once(now=clock.now()) is not fold.NOTHING:
            pass

    def choose(self, one: Canary) -> None:
        """Say something about consent, with evidence."""
        body = {
            "anonymousId": one.device, "purposes": {"functional": True, "sale": False},
            "proof": f"banner {one.mark}", "policyVersion": "v1",
        }  # fmt: skip
        assert self.world.post("/v1/consent", body).status_code == 200

    def look(self, one: Canary) -> None:
        """Open the page: decisions, with facts of the call and a call that may be sent again."""
        body = {
            "placements": ["home.hero", "note.place", "worth.place"],
            "anonymousId": one.device, "userId": one.user,
            "context": one.context(), "facts": {"cart": f"cart-{one.mark}"},
        }  # fmt: skip
        answer = self.world.post("/v1/decide", body, key=self.world.sk)
        assert answer.status_code == 200, answer.content
        seen = answer.json()["placements"]["note.place"]["decisionId"]
        told = self.world.post(
            "/v1/exposures", {"exposures": [{"decisionId": seen}]}, key=self.world.sk
        )
        assert told.status_code in (200, 202), told.content

    def go_wrong(self, one: Canary) -> None:
        """What cannot be stored: in quarantine, set aside in the inbox, refused by the journal."""
        bad = {**one.event("track", 20), "event": None, "properties": {"note": one.mark}}
        self.world.post("/v1/batch", {"batch": [bad]}, key=self.world.sk)
        waits = one.event("track", 21, event=f"Waits {one.mark}")
        assert self.world.post("/v1/batch", {"batch": [waits]}, key=self.world.sk).json()
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM events_inbox WHERE part >= 0")
            for (number,) in cursor.fetchall():
                event_fold.set_aside(number)
            cursor.execute("SELECT body FROM events_inbox ORDER BY id DESC LIMIT 1")
            body = json.loads(cursor.fetchone()[0])
        packed = inbox.Packed("0" * 32, json.dumps(body["e"][0]).encode(), 0, body["r"])
        journal.directory().mkdir(parents=True, exist_ok=True)
        with (journal.directory() / f"old{journal.REFUSED}").open("ab") as file:
            file.write(journal.framed(journal.Owner(self.site_id, self.world.source.pk), [packed]))

    def work(self) -> None:
        """Do what workers would: everything that is asked for, until nothing is."""
        for _ in range(20):
            waiting = Intent.objects.filter(state="waiting", run_after__lte=clock.now())
            ids = list(waiting.values_list("pk", flat=True))
            for pk in ids:
                performing.perform(pk, now=clock.now())
            self.fold()
            self.follower.act(clock.now())
            if not ids:
                return

    def hand_out(self, one: Canary) -> None:
        """An access request that ends in a package."""
        request = requests.receive(
            site_id=self.site_id, kind="access", route="desk", names=one.names,
            verified_how="controller", now=clock.now(),
        )  # fmt: skip
        carrying_out.carry_out(request.pk, now=clock.now())

    def visit_in_the_admin(self, one: Canary, client: Client) -> None:
        """An officer looks at the person, with a reason: it stays in the session."""
        client.force_login(User.objects.create_superuser(f"officer-{len(one.mark)}", password="x"))
        profile_id = Identity.objects.get(value=one.user).profile_id
        client.get(f"/admin/profiles/profile/{profile_id}/change/")
        session = client.session
        session["studio_looks"] = {profile_id.hex: [4e9, "Ticket 4711 asks for it"]}
        session.save()


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """Somebody's server: its address, and what it is sent."""
    calls: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lines_of_tables() -> dict[str, Counter[str]]:
    """Every row of every table, as Postgres writes it."""
    found: dict[str, Counter[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found[table] = Counter(line for (line,) in cursor.fetchall())
    return found


def of_person(line: str, one: Canary, profile_ids: set[UUID]) -> bool:
    """Whether a row names the person or one of their profiles."""
    return one.mark in line or any(form in line for pk in profile_ids for form in (str(pk), pk.hex))
