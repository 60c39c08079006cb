"""Preferences: keys that a person chose, conflicts in words, the way back; no page knows a key that cannot be moved."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from curation import preferences
from curation.models import Preference
from curation.preferences import ACTIONS
from curation.problems import Problem
from tests.conftest import signed_in

URL = "/preferences/"
USUAL = {action.name: action.usual for action in ACTIONS}
FIXED = set("?") | {"←", "→", "↑", "↓", "Home", "End", "Enter", "Esc", "Tab", "Shift", "Ctrl", "{{"}


def keys_of(client: Client) -> dict[str, str] | None:
    """The key map that comes with a page; None when it comes with none."""
    found = re.search(r'<meta name="keys" content="([^"]*)">', client.get(URL).content.decode())
    return json.loads(html.unescape(found[1])) if found else None


@pytest.mark.django_db
def test_it_brings_the_chosen_keys_with_every_page(owner: User) -> None:
    client = signed_in(owner)
    assert keys_of(client) is None
    assert client.post(URL, USUAL | {"out": "f", "skip": "a", "in": "Q"}).status_code == 302
    assert keys_of(client) == {"f": "a", "a": "Space", "Space": "", "q": "d", "d": ""}
    assert Preference.objects.get(user=owner).keys == {"out": "f", "skip": "a", "in": "q"}


@pytest.mark.django_db
def test_it_keeps_the_keys_of_one_person_from_another(owner: User, viewer: User) -> None:
    signed_in(owner).post(URL, USUAL | {"out": "f"})
    assert keys_of(signed_in(viewer)) is None


@pytest.mark.django_db
def test_it_gives_the_usual_keys_back(owner: User) -> None:
    client = signed_in(owner)
    client.post(URL, USUAL | {"out": "f"})
    client.post(URL, {"reset": "1"})
    assert keys_of(client) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"out": "d"}, "The same key as “In distribution”"),
        ({"out": ""}, "Press a key for it"),
        ({"undo": "3"}, "1 to 9 give a reason"),
        ({"undo": "?"}, "? shows the keys"),
        ({"undo": "enter"}, "a letter, a sign or Space"),
        ({"undo": "é"}, "a letter, a sign or Space"),
        ({"undo": "<b>"}, "a letter, a sign or Space"),
    ],
)
def test_it_refuses_a_key_with_a_sentence_beside_it(owner: User, asked: dict[str, str], words: str) -> None:
    answer = signed_in(owner).post(URL, USUAL | asked)
    assert answer.status_code == 400 and words in answer.content.decode()
    assert not Preference.objects.filter(user=owner).exists()


@pytest.mark.django_db
def test_it_refuses_a_post_that_leaves_an_action_without_a_key(owner: User) -> None:
    assert signed_in(owner).post(URL, {"out": "f"}).status_code == 400


@pytest.mark.django_db
def test_it_remembers_the_width_of_tiles_and_leaves_the_keys_alone(owner: User) -> None:
    client = signed_in(owner)
    client.post(URL, USUAL | {"out": "f"})
    assert client.post(URL, {"tile": "320"}).status_code == 204
    assert Preference.objects.get(user=owner).tile == 320
    assert keys_of(client) == {"f": "a", "a": ""}
    for width in ("5", "9999", "wide", "-1", "", "9" * 40):
        answer = client.post(URL, {"tile": width})
        assert answer.status_code == 400 and answer.json()["error"]
    assert Preference.objects.get(user=owner).tile == 320


KEYS = st.sampled_from(["Space", *"abcdefghijklmnopqrstuvwxyz[];'#-="])


@given(st.lists(KEYS, min_size=len(ACTIONS), max_size=len(ACTIONS), unique=True))
def test_it_reaches_every_action_by_exactly_one_key(keys: list[str]) -> None:
    """The map as static/js/keys.js applies it."""
    chosen = dict(zip(USUAL, keys, strict=True))
    assert not preferences.mistakes(chosen)
    found = preferences.key_map(chosen)
    everything = {"Space", *"abcdefghijklmnopqrstuvwxyz[];'#-="}
    reached = {pressed: found.get(pressed, pressed) for pressed in everything}
    for action in ACTIONS:
        assert [key for key, usual in reached.items() if usual == action.usual] == [chosen[action.name]]


@pytest.mark.django_db
def test_it_names_what_is_wrong_to_code_that_asks(owner: User) -> None:
    with pytest.raises(Problem, match="Undo the last decision: Press a key"):
        preferences.save_keys(user=owner, chosen=USUAL | {"undo": ""})


def test_it_knows_every_key_that_a_page_shows() -> None:
    """A key that isn't here couldn't be moved, and would be lost to who has put something else on it."""
    known = {action.usual for action in ACTIONS} | FIXED | set(preferences.REASON_KEYS)
    for template in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        for keys in re.findall(r'data-key="([^"]+)"', template.read_text()):
            shown = {key if len(key) > 1 else key.lower() for key in keys.split()}
            assert shown <= known | {"forloop.counter", "}}"}, f"{template.name}: {keys}"


def test_it_knows_every_key_that_a_page_listens_for() -> None:
    known = {action.usual for action in ACTIONS} | set(preferences.REASON_KEYS)
    for module in Path(settings.BASE_DIR, "static/js").glob("*.js"):
        for handlers in re.findall(r"\bonKeys\(\{(.*?)^\}", module.read_text(), re.S | re.M):
            single = re.findall(r'^\s*(?:"([^"])"|([a-z])):', handlers, re.M)
            assert {one or other for one, other in single} <= known, module.name
