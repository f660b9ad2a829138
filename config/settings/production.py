"""Behind a TLS-ending proxy."""

from config.env import ENV
from config.settings.base import *

DEBUG = False
SECOND_FACTOR = ENV.second_factor or "required"
SESSION_COOKIE_SECURE = True
# Browsers take these names from this very host and over TLS only.
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_SECURE = True
SECURE_HSTS_SECONDS = 31_536_000
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# No https redirect inside the app: clients replay a redirected POST as a GET.
SECURE_SSL_REDIRECT = False
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "apps.demo"]
