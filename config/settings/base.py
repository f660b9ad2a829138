"""Settings shared by every environment. The environment itself is read in config/env.py only."""

from datetime import timedelta
from pathlib import Path

from config.env import ENV

BASE_DIR = Path(__file__).resolve().parents[2]

SECRET_KEY = ENV.secret_key
SIGNING_KEY = ENV.signing_key
SIGNING_KEYS_RETIRED = ENV.signing_keys_retired
TOMBSTONE_KEY = ENV.tombstone_key
TOMBSTONE_KEYS_RETIRED = ENV.tombstone_keys_retired
MASTER_KEYS = ENV.master_keys
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
TRUSTED_PROXIES = ENV.trusted_proxies
REGION_HEADER = ENV.region_header
PRIVATE_TARGETS = ENV.private_targets
PUBLIC_ORIGIN = ENV.public_origin
STREAM_ORIGIN = ENV.stream_origin
CLOCK_FILE = ENV.clock_file
SNAPSHOT_KEY = ENV.snapshot_key
SNAPSHOT_RETIRED_KEYS = ENV.snapshot_retired_keys

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "apps.work",
    "apps.access",
    "apps.profiles",
    "apps.consent",
    "apps.events",
    "apps.predictions",
    "apps.recommendations",
    "apps.segments",
    "apps.content",
    "apps.experiments",
    "apps.rules",
    "apps.decisions",
    "apps.pipeline",
    "apps.delivery",
    "apps.integrations",
    "apps.privacy",
    "apps.insights",
    "apps.studio",
    "apps.demo",
    # Last of its kind: our templates under admin/ come first, its defaults after.
    "django.contrib.admin",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "apps.access.middleware.SignedInWhole",
    "apps.access.middleware.OnOwnSites",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.trouble.Unkeepable",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# A redirected POST is replayed as a GET and its data is gone: never on this origin.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# A server that has stopped takes connections and never greets: that wait ends, too.
_OPTIONS = {"connect_timeout": 3, **ENV.database.get("OPTIONS", {})}
DATABASES = {"default": {**ENV.database, "OPTIONS": _OPTIONS}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A block with fifty variants in five languages is one form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

REDIS_URL = ENV.redis_url
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

CELERY_BROKER_URL = ENV.broker_url
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "slow"
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 1}
CELERY_BEAT_SCHEDULER = "apps.work.beating:Scheduler"

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # counts failures, lets nobody in
    "apps.access.site_staff.StaffBackend",
]
# Failures of one account from one network; see apps/access/sign_in.py.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_HANDLER = "apps.access.sign_in.Handler"
AXES_USERNAME_CALLABLE = "apps.access.sign_in.account_of"
AXES_CLIENT_IP_CALLABLE = "apps.access.sign_in.network_of"
AXES_LOCKOUT_CALLABLE = "apps.access.sign_in.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# "required": officers and administrators set up a second factor before they see a page.
SECOND_FACTOR = ENV.second_factor or "optional"
OTP_TOTP_ISSUER = "Attune"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = ENV.home / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Files made while running (model artifacts, logs) live under the home.
ARTIFACT_DIR = ENV.home / "artifacts"
JOURNAL_DIR = ENV.home / "journal"
ANCHOR_DIR = ENV.home / "anchors"
LEDGER_DIR = ENV.ledger
ANCHOR_URL = ENV.anchor_url
# Without a mail server messages become files here, and nothing is sent.
_EMAIL = ENV.email
EMAIL_BACKEND = _EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = _EMAIL.get("EMAIL_HOST") or "localhost"
EMAIL_HOST_USER = _EMAIL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_PORT = _EMAIL.get("EMAIL_PORT") or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_TIMEOUT = 20  # seconds
EMAIL_FILE_PATH = str(ENV.home / "outbox")
# Files of the key and the certificate that sign OpenDSR answers; none: made in OPENDSR_DIR.
OPENDSR_KEY, OPENDSR_CERTIFICATE = ENV.opendsr_key, ENV.opendsr_certificate
OPENDSR_DIR = ENV.home / "opendsr"
EMAIL_FROM = DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.email_from
# Where each process leaves its counts for the one that is asked for /metrics.
METRICS_DIR = ENV.home / "run" / "metrics"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600  # seconds: a working day, then one signs in again
SESSION_IDLE_S = 2 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", *([ENV.stream_origin] if ENV.stream_origin else [])],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "config.api.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Attune",
    "DESCRIPTION": "What should this visitor see here, now, and why?",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.add_hot_paths",
    ],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.logging.LineFormatter"},
        "json": {"()": "config.logging.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": ENV.log_format}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"axes": {"level": "WARNING"}},  # it tells of every sign-in
}
