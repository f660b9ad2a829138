"""The desk in the admin: each subject registers its pages when it is imported here."""

from apps.privacy import (
    admin_erasures,  # noqa: F401
    admin_outbox,  # noqa: F401
    admin_requests,  # noqa: F401
    admin_retention,  # noqa: F401
)
