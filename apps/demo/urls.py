"""Addresses of the demo shop. The form without the slash leads to the same page."""

from django.urls import re_path

from apps.demo import views

app_name = "demo"

urlpatterns = [
    re_path(r"^demo/?$", views.shop, name="shop"),
    re_path(r"^demo/products/(?P<code>[A-Z]\d{1,3})/?$", views.product, name="product"),
    re_path(r"^demo/(?P<category>[a-z]{1,20})/?$", views.category, name="category"),
]
