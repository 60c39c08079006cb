"""WSGI entry point: `gunicorn curation.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "curation.settings")
application = get_wsgi_application()

if not settings.configured or not settings.SECRET_KEY:
    raise SystemExit("No secret key yet. Start once with `python3 dev.py up`, or set SECRET_KEY.")
