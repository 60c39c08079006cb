"""Every setting, read from the environment; the rest comes from the embedded instance (docs/settings.md)."""

import os
from pathlib import Path

import dj_database_url

from curation.local.state import data_dir, read_run, read_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_dir()
_run = read_run(DATA_DIR)
_secrets = read_secrets(DATA_DIR)


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def env_flag(name: str, default: bool = False) -> bool:
    return env(name, "1" if default else "0").lower() in ("1", "true", "yes", "on")


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


# Web
DEBUG = env_flag("DEBUG")
SECRET_KEY = env("SECRET_KEY") or (_secrets.secret_key if _secrets else "")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "curation.views.errors.csrf_failure"
HTTPS = env_flag("HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-framesift" if HTTPS else "framesift"
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_flag("BEHIND_PROXY") else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
ROOT_URLCONF = "curation.urls"
WSGI_APPLICATION = "curation.wsgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

INSTALLED_APPS = [
    "django_prometheus",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "storages",
    "curation",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "curation.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
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
            "builtins": ["curation.templatetags.framesift"],
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env("TIME_ZONE", "UTC")
USE_TZ = True

# Database: WAL and IMMEDIATE, because without them writers meet "database is locked" within seconds.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-64000",
}
if env("DATABASE_URL"):
    DATABASES = {"default": dj_database_url.parse(env("DATABASE_URL"), conn_max_age=60, conn_health_checks=True)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "framesift.sqlite3"),
            "OPTIONS": _SQLITE_OPTIONS,
            "CONN_MAX_AGE": 60,
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Object store
S3_BUCKET = env("S3_BUCKET", "framesift")
S3_ENDPOINT = env("S3_ENDPOINT") or (_run.s3_endpoint if _run else "")
S3_ON_AWS = bool(env("S3_BUCKET")) and not S3_ENDPOINT
S3_REGION = env("S3_REGION", "us-east-1")
S3_PUBLIC_ENDPOINT = (
    env("S3_PUBLIC_ENDPOINT")
    or (_run.s3_public_endpoint if _run and not env("S3_ENDPOINT") else "")
    or S3_ENDPOINT
    or f"https://s3.{S3_REGION}.amazonaws.com"
)
S3_ACCESS_KEY = env("S3_ACCESS_KEY") or (_secrets.s3_access_key if _secrets else "")
S3_SECRET_KEY = env("S3_SECRET_KEY") or (_secrets.s3_secret_key if _secrets else "")
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": S3_ENDPOINT or None,
            "access_key": S3_ACCESS_KEY,
            "secret_key": S3_SECRET_KEY,
            "region_name": S3_REGION,
            "addressing_style": "path",
            "signature_version": "s3v4",
            "default_acl": None,
            "file_overwrite": True,
        },
    },
    "staticfiles": {"BACKEND": "curation.static_files.HashedStaticFiles"},
}
STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT") or DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]

# Uploads
UPLOAD_MAX_BYTES = int(env("UPLOAD_MAX_BYTES", str(50 * 1024**3)))
UPLOAD_KINDS = env_list("UPLOAD_KINDS", "mp4,m4v,mov,mkv,webm,avi,ts,m2ts,mts,mpg,mpeg,3gp,3g2,flv,ogv,wmv")
UPLOAD_URL_EXPIRES_S = 15 * 60
UPLOAD_STRAY_HOURS = int(env("UPLOAD_STRAY_HOURS", "168"))

# Jobs
REDIS_URL = env("REDIS_URL") or (_run.redis_url if _run else "")
JOB_LEASE_S = float(env("JOB_LEASE_S", "60"))
JOB_HEARTBEAT_S = float(env("JOB_HEARTBEAT_S", "5"))
JOB_SWEEP_S = float(env("JOB_SWEEP_S", "15"))
JOB_MAX_ATTEMPTS = 3
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A page must not wait for a broker that is away: the Job row stands, and the sweep sends the hint later.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 10,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_TASK_PUBLISH_RETRY = False
# Housekeeping goes to the queue whose tasks are short: a sweep must not wait behind an extraction of an hour.
_HOUSEKEEPING = {"queue": "inspect", "expires": 60}
CELERY_BEAT_SCHEDULE = {
    "sweep-jobs": {"task": "curation.tasks.sweep_jobs", "schedule": JOB_SWEEP_S, "options": _HOUSEKEEPING},
    "fold-tallies": {"task": "curation.tasks.fold_tallies", "schedule": 15.0, "options": _HOUSEKEEPING},
    "clear-stray-uploads": {"task": "curation.tasks.clear_stray_uploads", "schedule": 3600.0, "options": _HOUSEKEEPING},
    "clear-explanations": {"task": "curation.tasks.clear_explanations", "schedule": 86400.0, "options": _HOUSEKEEPING},
}
CELERY_TASK_DEFAULT_QUEUE = "media"

# Engine
SCRATCH_DIR = Path(env("SCRATCH_DIR") or DATA_DIR / "scratch")
TRAIN_PROCESSES = env("TRAIN_PROCESSES", "auto")

LOG_LEVEL = env("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processors": "ext://curation.logs.RENDER",
            "foreign_pre_chain": "ext://curation.logs.PRE_CHAIN",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "botocore": {"level": "WARNING"},
        "boto3": {"level": "WARNING"},
    },
}
