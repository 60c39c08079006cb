"""Every role x every URL: as declared here, and a URL that is not declared fails the build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from curation.models import Dataset, Frame, Membership, Role, SavedView, Upload
from tests import seed
from tests.conftest import member, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

VIEWER, CURATOR, ADMIN = Role.VIEWER, Role.CURATOR, Role.ADMIN
PUBLIC, SIGNED_IN = "public", "signed in"

# url name -> {method: the least role that may}
MATRIX: dict[str, dict[str, str]] = {
    "home": {"GET": SIGNED_IN},
    "dataset-new": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "password": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "preferences": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "login": {"GET": PUBLIC, "POST": PUBLIC},
    "logout": {"POST": PUBLIC},
    "healthz": {"GET": PUBLIC},
    "readyz": {"GET": PUBLIC},
    "metrics": {"GET": PUBLIC},  # answers to loopback, staff and a token only: tests/curation/test_pages_errors.py
    "dataset": {"GET": VIEWER},
    "dataset-settings": {"GET": ADMIN, "POST": ADMIN},
    "members": {"GET": ADMIN, "POST": ADMIN},
    "member": {"POST": ADMIN},
    "video": {"GET": VIEWER},
    "timeline": {"GET": VIEWER},
    "video-reference": {"POST": CURATOR},
    "video-retry": {"POST": CURATOR},
    "video-crop": {"POST": CURATOR},
    "video-delete": {"POST": ADMIN},
    "gallery": {"GET": VIEWER},
    "gallery-histogram": {"GET": VIEWER},
    "frame": {"GET": VIEWER},
    "thumbnail": {"GET": VIEWER},
    "similar": {"GET": VIEWER, "POST": VIEWER},
    "explanation": {"GET": VIEWER},
    "explanation-image": {"GET": VIEWER},
    "review": {"GET": VIEWER},
    "audit": {"GET": VIEWER},
    "rates": {"GET": VIEWER, "POST": ADMIN},
    "second-look": {"GET": VIEWER, "POST": CURATOR},
    "conflicts": {"GET": VIEWER},
    "segment-edge": {"POST": CURATOR},
    "reviews": {"POST": CURATOR},
    "decisions": {"POST": CURATOR},
    "selections": {"POST": CURATOR},
    "saved-views": {"GET": VIEWER, "POST": VIEWER},
    "saved-view": {"POST": ADMIN},  # of somebody else's; one's own anybody: tests/curation/test_saved_views.py
    "models": {"GET": VIEWER, "POST": ADMIN},
    "train": {"GET": ADMIN, "POST": ADMIN},
    "threshold": {"GET": VIEWER, "POST": ADMIN},
    "calibrate": {"GET": VIEWER, "POST": CURATOR},
    "live-fit": {"GET": VIEWER, "POST": ADMIN},
    "model": {"GET": VIEWER},
    "activate": {"POST": ADMIN},
    "run": {"GET": VIEWER, "POST": ADMIN},
    "run-metrics": {"GET": VIEWER},
    "run-samples": {"GET": VIEWER},
    "exports": {"GET": VIEWER, "POST": VIEWER},
    "export-download": {"GET": VIEWER},
    "export-manifest": {"GET": VIEWER},
    "jobs": {"GET": VIEWER},
    "job": {"GET": VIEWER},
    "job-cancel": {"POST": CURATOR},
    "job-retry": {"POST": CURATOR},
    "uploads": {"POST": CURATOR},
    "upload": {"GET": CURATOR, "DELETE": CURATOR},
    "upload-sign": {"POST": CURATOR},
    "upload-complete": {"POST": CURATOR},
}
ROLES: tuple[str, ...] = (VIEWER, CURATOR, ADMIN)


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name not in ("admin", "ninja"):
                yield from names(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def test_it_declares_every_url() -> None:
    assert set(names(get_resolver().url_patterns)) == set(MATRIX)


class World:
    """One data set with one of everything, and the URL of each."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.video = seed.video_with_frames(dataset, with_objects=True)
        self.version = seed.version_with_scores(dataset)
        self.run = seed.finished_run(dataset, self.version)
        self.export = seed.finished_export(dataset)
        self.job = seed.failed_job(self.video)
        self.frame = Frame.objects.filter(video=self.video).first()
        self.segment = seed.segment_of(self.video)
        self.stranger = person("stan")
        self.view = SavedView.objects.create(dataset=dataset, user=self.stranger, name="shared", is_shared=True)

    def args(self, name: str) -> dict[str, object]:
        slug: dict[str, object] = {"slug": self.dataset.slug}
        assert self.frame is not None
        membership = Membership.objects.filter(dataset=self.dataset).order_by("pk").first()
        special: dict[str, dict[str, object]] = {
            "member": {"pk": membership.pk if membership else 0},
            "model": {"number": self.version.number},
            "activate": {"number": self.version.number},
            "run-samples": {"pk": self.run.pk, "epoch": 1},
            "saved-view": {"pk": self.view.pk},
            "timeline": {"pk": self.video.pk},
            "segment-edge": {"pk": self.segment.pk},
            "explanation": {"pk": self.frame.pk, "version": self.version.pk},
            "explanation-image": {"pk": self.frame.pk, "version": self.version.pk, "kind": "input"},
        }
        if name in special:
            return slug | special[name]
        prefixes = {
            "video": self.video, "frame": self.frame, "similar": self.frame, "thumbnail": self.frame, "run": self.run,
            "export-": self.export, "job": self.job,
        }  # fmt: skip
        found = next((row for prefix, row in prefixes.items() if name.startswith(prefix) and name != "jobs"), None)
        return slug | {"pk": found.pk} if found is not None else slug

    def url(self, name: str, user: User | None) -> str:
        if name in ("upload", "upload-sign", "upload-complete"):
            return reverse(name, kwargs={"pk": self.upload_of(user).pk})
        if name == "uploads" or not MATRIX[name].keys() or name in ("home", "dataset-new", "password", "preferences"):
            return reverse(name)
        if set(MATRIX[name].values()) <= {PUBLIC}:
            return reverse(name)
        return reverse(name, kwargs=self.args(name))

    def upload_of(self, user: User | None) -> Upload:
        owner = user or self.stranger
        found = Upload.objects.filter(user=owner).first()
        return found or Upload.objects.create(
            dataset=self.dataset, user=owner, name="a.mp4", fingerprint="f", size_bytes=10, part_size_bytes=10,
            content_type="video/mp4", key=f"uploads/{uuid4()}", s3_upload_id="gone",
        )  # fmt: skip


@pytest.fixture
def world(dataset: Dataset) -> World:
    return World(dataset)


def call(client: Client, method: str, url: str, name: str, world: World) -> HttpResponseBase:
    bodies: dict[str, object] = {
        "uploads": {"dataset": world.dataset.slug, "name": "b.mp4", "size": 10, "fingerprint": "b"},
        "upload-sign": {"parts": [1]},
        "reviews": {"reviews": []},
        "decisions": {"decisions": []},
    }
    body = json.dumps(bodies.get(name, {}))
    return client.generic(method, url, body, content_type="application/json")


CASES = [(name, method) for name, methods in MATRIX.items() for method in methods if methods[method] in ROLES]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_it_lets_in_who_is_declared_and_nobody_else(world: World, name: str, method: str) -> None:
    least = MATRIX[name][method]
    anonymous = call(Client(), method, world.url(name, None), name, world)
    assert anonymous.status_code in (302, 401, 403), "anonymous"
    if anonymous.status_code == 302:
        assert anonymous.headers["Location"].startswith("/login/")
    stranger = call(signed_in(world.stranger), method, world.url(name, world.stranger), name, world)
    assert stranger.status_code == 404, "stranger"
    for role in ROLES:
        user = member(world.dataset, f"member-{role}", Role(role))
        status = call(signed_in(user), method, world.url(name, user), name, world).status_code
        if ROLES.index(role) < ROLES.index(least):
            assert status == 403, role
        else:
            assert status not in (401, 403, 500), role
            assert status != 404 or name in ("explanation-image",), role


@pytest.mark.parametrize("name", [name for name, methods in MATRIX.items() if SIGNED_IN in methods.values()])
def test_it_asks_strangers_to_sign_in(world: World, name: str) -> None:
    assert Client().get(reverse(name)).headers["Location"].startswith("/login/")
    assert signed_in(world.stranger).get(reverse(name)).status_code == 200


def test_it_hides_the_objects_of_another_data_set(world: World) -> None:
    """An admin of one data set finds nothing of another behind his own slug."""
    other = Dataset.objects.create(name="Other", slug="other")
    client = signed_in(member(other, "otto", ADMIN))
    for name, method in CASES:
        if name.startswith("upload") or ("pk" not in world.args(name) and "number" not in world.args(name)):
            continue
        url = reverse(name, kwargs={**world.args(name), "slug": "other"})
        assert call(client, method, url, name, world).status_code == 404, name


def test_it_changes_nothing_on_a_get(world: World, owner: User) -> None:
    client = signed_in(owner)
    for name, methods in MATRIX.items():
        if "POST" in methods and "GET" not in methods and methods["POST"] in ROLES and not name.startswith("upload"):
            assert client.get(world.url(name, owner)).status_code == 405, name


@pytest.mark.parametrize("name", [name for name, methods in MATRIX.items() if methods.get("POST") in ROLES])
def test_it_refuses_a_post_without_a_token(world: World, owner: User, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert call(client, "POST", world.url(name, owner), name, world).status_code == 403
