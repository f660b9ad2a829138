"""Every fault, in the order in which they are tried.

For two minutes after Valkey was empty nothing is served that a cap limits: so what harms Valkey
comes last, and first what has little to do with caps.
"""

import signal

from tests.faults import deaths, poison, senders, stores
from tests.faults.harm import ABSENCE_S, Fault

FAULTS = (
    Fault("stream", "kill -9 of the stream process", deaths.killing("stream")),
    Fault("beat", "kill -9 of beat", deaths.killing("beat")),
    Fault("worker", "kill -9 of the worker", deaths.killing("worker")),
    Fault("beats", "two beats", deaths.second("-m", "celery", "-A", "config", "beat")),
    Fault("publication", "a publication every few seconds", poison.publishing),
    Fault("slow", "60 clients that do not finish their bodies", senders.slow),
    Fault("huge", "bodies of 20 MB", senders.huge),
    Fault("web", "kill -9 of each web process in turn", deaths.killing_each("web")),
    Fault("web-server", "kill -9 of what keeps each in turn", deaths.killing_each("web server")),
    Fault("consumer", "kill -9 of the consumer", deaths.killing("consumer")),
    Fault("untold", "consumers die between commit and hot state", deaths.before_it_tells),
    Fault("consumers", "two consumers", deaths.second("manage.py", "consume")),
    Fault("event", "spoilt events and batches in the inbox", poison.events),
    Fault(
        "segment", "a dear segment, and one that cannot be read", poison.segments,
        heal=poison.without_segments,
    ),
    Fault("clock", "the clock an hour ahead, then an hour behind", stores.wrong_clock),
    Fault("postgres", "Postgres restarts", stores.once("postgres", signal.SIGINT)),
    Fault("postgres-kill", "kill -9 of Postgres", stores.once("postgres", signal.SIGKILL)),
    Fault(
        "postgres-away", "no Postgres", stores.absent("postgres", signal.SIGINT), seconds=ABSENCE_S
    ),
    Fault("valkey", "kill -9 of Valkey", stores.once("valkey", signal.SIGKILL)),
    Fault("flush", "FLUSHALL every two seconds", stores.flushed),
    Fault(
        "valkey-away", "no Valkey", stores.absent("valkey", signal.SIGKILL), seconds=ABSENCE_S
    ),
    Fault("valkey-old", "Valkey comes back with an old state", stores.old_state),
    Fault("disk", "no room left for Postgres", stores.full_disk, own_home=True),
)  # fmt: skip
