"""Fixtures for every test: a real object store, people, and a data set with frames."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from curation import storage
from curation.models import Dataset, Membership, Role
from tests import environment

PASSWORD = "correct horse battery"
ROOT = Path(__file__).resolve().parent.parent


def wait_for(url: str, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Our object store in a process of its own; gives its endpoint."""
    root = tmp_path_factory.mktemp("store")
    command = [sys.executable, "-m", "objectstore", "--root", str(root), "--port", str(environment.STORE_PORT)]
    keys = {
        "OBJECTSTORE_ACCESS_KEY": "tests",
        "OBJECTSTORE_SECRET_KEY": "tests-secret",
        "OBJECTSTORE_BUCKET": "framesift",
    }
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **keys}) as process:
        endpoint = f"http://127.0.0.1:{environment.STORE_PORT}"
        wait_for(f"{endpoint}/-/healthz")
        storage.ensure_bucket()
        yield endpoint
        process.terminate()


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """The real hasher takes a tenth of a second by design; here it would be most of the suite."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("root", password=PASSWORD)


def person(name: str) -> User:
    return User.objects.create_user(name, password=PASSWORD)


@pytest.fixture
def dataset(db: None) -> Dataset:
    return Dataset.objects.create(name="Matches", slug="matches")


def member(dataset: Dataset, name: str, role: Role) -> User:
    user = person(name)
    Membership.objects.create(dataset=dataset, user=user, role=role)
    return user


@pytest.fixture
def curator(dataset: Dataset) -> User:
    return member(dataset, "carla", Role.CURATOR)


@pytest.fixture
def viewer(dataset: Dataset) -> User:
    return member(dataset, "vera", Role.VIEWER)


@pytest.fixture
def owner(dataset: Dataset) -> User:
    return member(dataset, "olga", Role.ADMIN)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
