"""The privacy desk in the OpenAPI document."""

from typing import Any, Final

from apps.privacy import opendsr_openapi, visitors_openapi

PATHS: Final[dict[str, Any]] = {**visitors_openapi.PATHS, **opendsr_openapi.PATHS}
