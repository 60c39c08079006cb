"""Errors in the form the client reads, health for machines, and the template filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.template import Context, Template
from django.test import Client, RequestFactory

from curation.models import Dataset
from curation.templatetags import framesift
from curation.templatetags.icons import ICONS
from curation.views import errors, health
from tests.conftest import signed_in

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.django_db
def test_it_answers_a_missing_page_as_page_toast_or_json(viewer: User) -> None:
    client = signed_in(viewer)
    page = client.get("/d/nowhere/")
    assert page.status_code == 404 and "<html" in page.content.decode()
    toast = client.get("/d/nowhere/", headers={"HX-Request": "true"})
    assert (toast.status_code, toast["HX-Retarget"], toast["HX-Reswap"]) == (404, "#toasts", "beforeend")
    assert "<html" not in toast.content.decode()
    answer = client.get("/d/nowhere/", headers={"Accept": "application/json"})
    assert answer.status_code == 404 and answer.json()["error"]


@pytest.mark.django_db
def test_it_says_which_role_is_needed(dataset: Dataset, viewer: User) -> None:
    page = signed_in(viewer).get("/d/matches/settings/")
    assert page.status_code == 403 and "This needs the role admin" in page.content.decode()


def test_it_shows_an_id_for_a_crash_and_logs_it_without_touching_the_database(caplog: Any) -> None:
    request = RequestFactory().get("/boom")
    response = errors.server_error(request)  # no database mark: a query would fail the test
    assert response.status_code == 500
    shown = response.content.decode().split("logged as ")[1][:8]
    assert int(shown, 16) >= 0


@pytest.mark.django_db
def test_it_explains_a_stale_form(curator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(curator)
    assert client.post("/datasets/new/", {}).status_code == 403
    assert "open for too long" in errors.csrf_failure(RequestFactory().get("/")).content.decode()


def test_it_is_alive_without_asking_anything() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


@pytest.mark.django_db
@pytest.mark.usefixtures("store")
def test_it_names_the_parts_that_are_missing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (503, {"ready": False, "missing": ["broker"]})
    monkeypatch.setitem(health.CHECKS, "broker", lambda: None)
    response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "missing": []})


@pytest.mark.django_db
def test_it_gives_metrics_to_staff_and_to_this_machine_only(admin: User, viewer: User) -> None:
    assert b"django_http" in Client().get("/metrics").content
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 403
    for user, status in ((viewer, 403), (admin, 200)):
        client = Client(REMOTE_ADDR="192.0.2.7")
        client.force_login(user)
        assert client.get("/metrics").status_code == status
    cache.clear()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ 0|clock }}", "0:00"),
        ("{{ 59.9|clock }}", "0:59"),
        ("{{ 3725|clock }}", "1:02:05"),
        ("{{ none|clock }}", "–"),  # noqa: RUF001
        ("{{ 999|bytes }}", "999 B"),
        ("{{ 1500000|bytes }}", "1.5 MB"),
        ("{{ 12.345|loss }}", "12.3"),
        ("{{ nan|loss }}", "–"),  # noqa: RUF001
        ("{{ 0.5|percent }}", "50 %"),
        ("{{ 0.9996|percent }}", "99 %"),
        ("{{ 0.12345|percent:1 }}", "12.3 %"),
        ("{{ 1|percent }}", "100 %"),
    ],
)
def test_it_writes_numbers_as_people_read_them(text: str, shown: str) -> None:
    assert Template(text).render(Context({"nan": float("nan"), "none": None})) == shown


@pytest.mark.parametrize(("value", "word"), [("in", "IN"), ("out", "OUT"), ("unsure", "?"), ("", "unreviewed")])
def test_it_never_shows_a_verdict_by_colour_alone(value: str, word: str) -> None:
    assert f">{word}</span>" in framesift.verdict(value)


def test_it_draws_every_icon_that_a_template_names() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        for name in path.read_text().split('{% icon "')[1:]:
            assert name.split('"')[0] in ICONS, path


def test_it_keeps_templates_free_of_what_the_content_policy_forbids() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        for forbidden in (" style=", "<style", "javascript:", "hx-on", " onclick=", "js:"):
            assert forbidden not in text, (path, forbidden)
