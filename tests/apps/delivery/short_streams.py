"""The stream process with a shorter patience, for tests that cannot wait for half an hour."""

from django.conf import settings

from apps.delivery.stream import hub
from apps.delivery.stream.room import Room
from apps.delivery.stream.serving import Application

hub.LOOK_S, hub.LOOK_AGAIN_S = 0.1, 0.2  # type: ignore[misc]  # constants of a process of its own

application = Application(
    redis_url=settings.REDIS_URL, room=Room(3, of_site=3), life_s=4, comment_every_s=0.6
)
