"""Addresses of profile reads, mounted at the root."""

from django.urls import re_path

from apps.profiles import api

urlpatterns = [
    re_path(r"^v1/profiles/(?P<identity>[^/]{3,1200})/(?P<part>[a-z_]{1,30})/?$", api.read),
]
