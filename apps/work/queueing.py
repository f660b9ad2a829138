"""Hurrying intents through Celery. The row is the truth: the sweeper finds what a queue lost."""

import logging
from typing import Any, Final
from uuid import UUID

from celery import current_app

from apps.work.redis import RedisAway, exchange

logger = logging.getLogger(__name__)

RUN_TASK: Final = "work.run_intent"
# While this lives in Redis a message for the intent is probably on its way. It lies beside the
# queue itself, so that a Redis that forgot the queue has forgotten this too.
SENT_S: Final = 60


def hurry(intent_id: UUID, queue: str) -> None:
    """Send the intent to a worker unless that happened a moment ago. Never raises."""
    try:
        if exchange(("SET", f"attune:sent:{intent_id}", 1, "NX", "EX", SENT_S))[0] is None:
            return
        send(RUN_TASK, queue=queue, kwargs={"intent_id": str(intent_id)})
    except RedisAway:
        logger.warning("work.not_hurried", extra={"intent": intent_id})


def arrived(intent_id: UUID) -> None:
    """Note that the message has been taken from the queue."""
    try:
        exchange(("DEL", f"attune:sent:{intent_id}"))
    except RedisAway:
        return


def send(task: str, *, queue: str, kwargs: dict[str, Any]) -> bool:
    """Put a task on a queue; return False, without waiting, when the broker is away."""
    try:
        current_app.send_task(task, kwargs=kwargs, queue=queue, retry=False)
    except Exception as error:  # kombu lets every transport raise what it likes
        logger.warning("work.broker_away", extra={"task": task, "error": type(error).__name__})
        return False
    return True
