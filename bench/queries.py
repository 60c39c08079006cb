"""Counts the queries of a page, inside a process that has the instance's tables."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def count(path: str) -> int:
    """How often the superuser's page asks the database."""
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(User.objects.filter(is_superuser=True)[0])
    with CaptureQueriesContext(connection) as asked:
        response = client.get(path)
    if response.status_code != 200:
        raise SystemExit(f"{path} was answered with {response.status_code}.")
    return len(asked)
