"""WSGI entry point: `gunicorn curation.wsgi`."""

import os

from scoring.runtime import prepare

prepare()  # before NumPy is loaded

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "curation.settings")
application = get_wsgi_application()

if not settings.configured or not settings.SECRET_KEY:
    raise SystemExit("No secret key yet. Start once with `python3 dev.py up`, or set SECRET_KEY.")
