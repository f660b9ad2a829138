"""The stream process: live notices for open pages, beside the web processes and without their work.

Django's settings are read; its apps are not loaded, and its request cycle has no part in this.
"""

import gc
import logging.config
import os
import resource

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

from django.conf import settings

from apps.delivery.stream.room import Room
from apps.delivery.stream.serving import Application
from apps.work import alive
from config.env import ENV

# A stream is an open file, and many systems allow a process a thousand.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))

logging.config.dictConfig(settings.LOGGING)
# One line for each client that left while something was on its way to it.
logging.getLogger("_granian").setLevel(logging.WARNING)

alive.keep_saying("stream")
application = Application(
    redis_url=settings.REDIS_URL,
    room=Room(ENV.stream_connections, of_address=ENV.stream_per_address),
)

gc.collect()
gc.freeze()
