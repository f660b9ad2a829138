"""The stream process with a shorter patience, for tests that cannot wait for half an hour."""

from django.conf import settings

from apps.delivery.stream.serving import Application

application = Application(redis_url=settings.REDIS_URL, most=3, life_s=1.5, comment_every_s=0.3)
