"""Addresses of profile reads, mounted at the root."""

from django.urls import re_path

from apps.profiles import api

# The last segment is the part: an identity may hold slashes.
urlpatterns = [
    re_path(r"^v1/profiles/(?P<identity>[\s\S]{3,1200})/(?P<part>[a-z_]{1,30})/?$", api.read),
]
