"""Every setting, from the environment or `.env`. The defaults run from a clone with no other server."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

django_stubs_ext.monkeypatch()  # so that classes of Django take type parameters

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = BASE_DIR / "var"
env = environ.Env()
env.read_env(BASE_DIR / ".env")


def setting(read: Callable[..., Any], name: str, wanted: str, default: Any) -> Any:
    """One value of the environment; a value of the wrong shape names its variable and what it should be."""
    try:
        return read(name, default=default)
    except (ValueError, KeyError, TypeError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name} is not {wanted} ({error}). Mend it in .env or the environment.") from None


def switch(name: str, default: str) -> bool:
    """On or off. Anything else is a mistake, and no quiet off."""
    value = env.str(name, default=default).lower()
    if value in ("on", "true", "yes", "1"):
        return True
    if value in ("off", "false", "no", "0"):
        return False
    raise ImproperlyConfigured(f"{name} is not on or off: {value!r}. Mend it in .env or the environment.")


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


DEBUG = switch("DEBUG", "on")
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
if DEBUG:
    if not SECRET_KEY:
        # Made once per clone, so that sessions outlive a restart.
        key_file = VAR / "secret-key"
        if not key_file.exists():
            VAR.mkdir(exist_ok=True)
            key_file.touch(mode=0o600)
            key_file.write_text(secrets.token_urlsafe(50))
        SECRET_KEY = key_file.read_text().strip()
    ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", ".localhost", "127.0.0.1", "[::1]"]
else:
    if not SECRET_KEY:
        raise ImproperlyConfigured(
            "DEBUG is off and SECRET_KEY is missing. Put 50 random characters into SECRET_KEY, or set DEBUG=on."
        )
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "DEBUG is off and ALLOWED_HOSTS names no hosts. Set it to the names this site is reached by: "
            "ALLOWED_HOSTS=alerts.example.org"
        )

SITE_NAME = env.str("SITE_NAME", default="Alerts")
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
if urlsplit(SITE_URL).scheme not in ("http", "https") or not urlsplit(SITE_URL).netloc:
    raise ImproperlyConfigured(f"SITE_URL is not a URL with http or https: {SITE_URL!r}.")

INSTALLED_APPS = [
    "daphne",  # gives runserver its ASGI server
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "accounts",
    "posts",
    "alerts",
    "consumers",
    "realtime",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "alerts.middleware.ActorMiddleware",
]
ROOT_URLCONF = "realtime.urls"
ASGI_APPLICATION = "realtime.asgi.application"
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
                "realtime.context.site",
            ]
        },
    }
]

# --- the database: SQLite with one writer at a time (trap T10), PostgreSQL by DATABASE_URL ---
DATABASE_URL = env.str("DATABASE_URL", default="") or f"sqlite:///{VAR / 'db.sqlite3'}"
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"].get("ENGINE") not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
    raise ImproperlyConfigured(
        "DATABASE_URL is not a database URL of PostgreSQL or SQLite. Write it as postgres://user:password@host:5432/name."
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR.mkdir(exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the channel layer: in memory for one process, Redis pub/sub for many ---
REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL and urlsplit(REDIS_URL).scheme not in ("redis", "rediss", "unix"):
    raise ImproperlyConfigured("REDIS_URL is not a Redis URL. Write it as redis://:password@host:6379/0.")
if REDIS_URL and not DEBUG:
    parts = urlsplit(REDIS_URL)
    if parts.scheme != "unix" and parts.hostname not in ("localhost", "127.0.0.1", "::1") and not parts.password:
        raise ImproperlyConfigured(
            "REDIS_URL names another host without a password. Set requirepass there and put it into the URL: "
            "redis://:password@host:6379/0"
        )
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # Above 5 s, else an idle reader of redis-py 8 reconnects in a loop (trap R1).
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15, "socket_connect_timeout": 2}]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# --- alerts/ and consumers/ (alerts/conf.py reads these, with the same defaults) ---
ALERTS = {
    "RELAY": env.str("ALERTS_RELAY", default="thread"),
    "ORIGINS": env.list("ALERTS_ORIGINS", default=[]),
    "WINDOW": setting(env.int, "ALERTS_WINDOW", "a whole number of alerts", 256),
    "HEARTBEAT": setting(env.int, "ALERTS_HEARTBEAT", "a whole number of seconds", 15),
    "TRUSTED_PROXY": env.list("ALERTS_TRUSTED_PROXY", default=[]),
    "SITE_NAME": SITE_NAME,
    "SITE_URL": SITE_URL,
}

# --- mail: on the console until EMAIL_URL names a server ---
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    mail = setting(env.email_url, "EMAIL_URL", "a mail URL such as smtp+tls://user:password@host:587", EMAIL_URL)
    EMAIL_HOST, EMAIL_PORT = mail["EMAIL_HOST"], mail["EMAIL_PORT"] or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = mail["EMAIL_HOST_USER"] or "", mail["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = mail.get("EMAIL_USE_TLS", False), mail.get("EMAIL_USE_SSL", False)
    EMAIL_BACKEND = mail["EMAIL_BACKEND"]
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default=EMAIL_BACKEND)
EMAIL_TIMEOUT = 10  # the default waits for ever on a silent server (trap T13)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="alerts@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- accounts ---
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.UsernameOrEmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "accounts:login"

# --- language, time, static files ---
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
if DEBUG:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of a folder that is missing
else:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "realtime.storage.HashedFiles"},
    }
WHITENOISE_USE_FINDERS = DEBUG

# --- security: everything from this site only, nothing inline ---
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [origin_of(SITE_URL)]
if not DEBUG and SITE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if ALERTS["TRUSTED_PROXY"]:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Django's default shows no INFO line of an app's logger (trap X17), and with DEBUG off no error of its own.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"terminal": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}},
    "loggers": {
        name: {"handlers": ["terminal"], "level": "INFO", "propagate": False}
        for name in ("accounts", "posts", "alerts", "consumers", "realtime", "django")
    },
}
