"""WSGI entry point: `gunicorn curation.wsgi`."""

import os

# Before NumPy is loaded. A refit (scoring/refit.py) multiplies small matrices: several threads take longer at that, on
# busy cores very much longer.
for library in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(library, "1")

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "curation.settings")
application = get_wsgi_application()

if not settings.configured or not settings.SECRET_KEY:
    raise SystemExit("No secret key yet. Start once with `python3 dev.py up`, or set SECRET_KEY.")
