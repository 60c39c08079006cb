"""The exports page: asking, watching, fetching."""

from __future__ import annotations

import urllib.request

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import exports
from curation.leases import work
from curation.models import Export, Job
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, scored_dataset

pytestmark = pytest.mark.django_db
PAGE = "/d/cup/exports/"


def client_of(name: str) -> Client:
    return signed_in(User.objects.get(username=name))


def cup() -> Client:
    scored_dataset([10.0, 60.0, 30.0], ana="curator", vic="viewer")
    return client_of("vic")


def ask(client: Client, **form: object) -> Export:
    client.post(PAGE, {"format": "csv"} | form)
    return Export.objects.latest("id")


def carry_out(export: Export) -> None:
    with work(export.jobs.get().pk) as lease:
        assert lease is not None and lease.job.export is not None
        exports.write(lease.job.export, lease)


def fragment(client: Client) -> str:
    return " ".join(client.get(PAGE, headers={"HX-Request": "true"}).content.decode().split())


def test_it_lets_any_member_ask_for_an_export() -> None:
    client = cup()
    export = ask(client, verdict="out", side="above")
    assert export.filters == {"verdict": "out", "side": "above", "video": None}
    assert (export.requested_by, export.jobs.get().kind) == (User.objects.get(username="vic"), Job.Kind.EXPORT)
    page = fragment(client)
    assert 'hx-trigger="every 1s"' in page and "Queued" in page
    assert "Out of distribution, above the threshold" in page


def test_it_answers_htmx_with_the_list_and_others_with_the_page() -> None:
    client = cup()
    answer = client.post(PAGE, {"format": "json"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and b"<html" not in answer.content and b"export-list" in answer.content
    assert client.post(PAGE, {"format": "json"}).headers["Location"] == PAGE


@pytest.mark.parametrize("form", [{"format": "xlsx"}, {"verdict": "perhaps"}, {"video": "77"}, {"side": "left"}])
def test_it_refuses_in_a_sentence(form: dict[str, str]) -> None:
    client = cup()
    answer = client.post(PAGE, {"format": "csv"} | form)
    assert answer.status_code == 400 and "note-danger" in answer.content.decode()
    assert not Export.objects.exists()


def test_it_hands_out_the_file_and_its_manifest_once_they_are_written(store: str) -> None:
    client = cup()
    export = ask(client)
    for name in ("download/", "manifest.json"):
        assert client.get(f"{PAGE}{export.pk}/{name}").status_code == 404
    carry_out(export)
    link = client.get(f"{PAGE}{export.pk}/download/").headers["Location"]
    with urllib.request.urlopen(link, timeout=5) as answer:
        assert answer.read().decode().count("\r\n") == 4
        assert "attachment" in answer.headers["Content-Disposition"] and ".csv" in answer.headers["Content-Disposition"]
    assert client.get(f"{PAGE}{export.pk}/manifest.json").json()["rows"] == 3
    page = fragment(client)
    assert "hx-trigger" not in page and "Download" in page


def test_it_hides_the_exports_of_other_datasets(store: str) -> None:
    export = ask(cup())
    carry_out(export)
    make_dataset("other", bob="admin")
    for name in ("", f"{export.pk}/download/", f"{export.pk}/manifest.json"):
        assert client_of("bob").get(f"{PAGE}{name}").status_code == 404
    assert client_of("bob").get(f"/d/other/exports/{export.pk}/download/").status_code == 404


def test_it_documents_every_column_on_the_page() -> None:
    page = cup().get(PAGE).content.decode()
    assert all(f">{name}</dt>" in page for name in exports.COLUMNS)


def test_it_says_why_an_export_failed() -> None:
    client = cup()
    export = ask(client)
    Export.objects.filter(pk=export.pk).update(state=Export.State.FAILED, note="The object store does not answer.")
    assert "The object store does not answer." in fragment(client)
