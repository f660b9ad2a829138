"""Addresses of segments and lists, mounted at the root."""

from typing import Final

from django.urls import path

from apps.access.http import HotView
from apps.segments import api

HOT_ROUTES: Final[dict[str, HotView]] = {
    "/v1/segments": api.segment_list,
    "/v1/segments/changes": api.change_list,
}

urlpatterns = [
    path(f"v1/{address}{slash}", view)
    for address, view in (
        ("segments", api.segment_list),
        ("segments/changes", api.change_list),
        ("segments/<slug:key>/members", api.member_list),
        ("lists/<slug:key>/uploads", api.upload),
        ("lists/<slug:key>/uploads/<uuid:upload_id>", api.upload_read),
        ("lists/<slug:key>/uploads/<uuid:upload_id>/undo", api.upload_undo),
    )
    for slash in ("", "/")
]
