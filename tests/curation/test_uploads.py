"""The upload protocol against the real object store: resume, exact parts, idempotent completion."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from django.contrib.auth.models import User

from curation import storage, uploads
from curation.models import Dataset, Job, Upload, Video
from curation.problems import Problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
PART = uploads.MIN_PART_BYTES
SIZE = PART + 1000


def start(dataset: Dataset, user: User, name: str = "match.mp4", size: int = SIZE) -> Upload:
    return uploads.create_or_resume(
        dataset=dataset, user=user, name=name, size_bytes=size, fingerprint=f"{name}|{size}|1"
    )


def put(url: str, data: bytes) -> int:
    request = urllib.request.Request(url, data=data, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def send(upload: Upload, number: int) -> int:
    return put(uploads.sign(upload=upload, numbers=[number])[number], b"x" * upload.part_length(number))


def test_it_makes_parts_of_8_mib_and_never_more_than_9000() -> None:
    assert uploads.part_size_for(1) == PART
    for size in (10**9, 10**11, 5 * 10**11, 10**12 + 1):
        part = uploads.part_size_for(size)
        assert part % uploads.MIB == 0 and -(-size // part) <= uploads.MAX_PARTS


def test_it_takes_a_file_from_parts_to_a_video_with_a_job(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator)
    assert [send(upload, 1), send(upload, 2)] == [200, 200]
    video = uploads.complete(upload=upload)
    assert storage.size_of(video.key) == SIZE
    assert video.jobs.get().kind == Job.Kind.EXTRACT


def test_it_resumes_the_same_file_with_the_parts_that_are_held(dataset: Dataset, curator: User) -> None:
    first = start(dataset, curator)
    send(first, 2)
    again = start(dataset, curator)
    assert again.pk == first.pk
    assert uploads.right_parts(again) == [2]


def test_it_starts_anew_for_another_person(dataset: Dataset, curator: User, owner: User) -> None:
    assert start(dataset, curator).pk != start(dataset, owner).pk


def test_it_signs_a_part_for_its_exact_length_only(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator)
    url = uploads.sign(upload=upload, numbers=[2])[2]
    assert put(url, b"x" * 1001) == 403
    assert put(url.replace("partNumber=2", "partNumber=1"), b"x" * 1000) == 403
    assert put(url, b"x" * 1000) == 200


def test_it_refuses_to_complete_while_a_part_is_missing(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator)
    send(upload, 2)
    with pytest.raises(uploads.MissingParts) as refusal:
        uploads.complete(upload=upload)
    assert refusal.value.missing == [1]
    assert not Video.objects.exists()


def test_it_gives_the_same_video_when_complete_is_repeated(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator)
    send(upload, 1), send(upload, 2)
    first = uploads.complete(upload=upload)
    stale = Upload.objects.get(pk=upload.pk)
    assert uploads.complete(upload=stale).pk == first.pk
    assert Job.objects.count() == 1


def test_it_completes_when_the_answer_of_the_first_try_was_lost(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator)
    send(upload, 1), send(upload, 2)
    uploads._join(upload)  # the object is whole, but nobody heard of it
    assert uploads.complete(upload=upload).size_bytes == SIZE


def test_it_throws_the_parts_away_when_cancelled(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator)
    send(upload, 1)
    uploads.abort(upload=upload)
    uploads.abort(upload=upload)
    upload.refresh_from_db()
    assert upload.state == Upload.State.ABORTED
    with pytest.raises(Problem, match="ended"):
        uploads.sign(upload=upload, numbers=[1])


def test_it_clears_uploads_that_nobody_continued(dataset: Dataset, curator: User, settings: object) -> None:
    upload = start(dataset, curator)
    assert uploads.clear_strays() == 0
    settings.UPLOAD_STRAY_HOURS = -1  # type: ignore[attr-defined]
    assert uploads.clear_strays() == 1
    upload.refresh_from_db()
    assert upload.state == Upload.State.ABORTED


@pytest.mark.parametrize(
    ("name", "size"), [("notes.txt", 10), ("match", 10), ("match.mp4", 0), ("match.mp4", 51 * 1024**3)]
)
def test_it_refuses_a_file_and_names_both_limits(dataset: Dataset, curator: User, name: str, size: int) -> None:
    with pytest.raises(Problem) as refusal:
        start(dataset, curator, name, size)
    assert "mp4" in str(refusal.value) and "54 GB" in str(refusal.value)


def test_it_never_uses_the_clients_name_as_a_key(dataset: Dataset, curator: User) -> None:
    upload = start(dataset, curator, name="../../etc/<script>\x00passwd.mp4")
    assert upload.key.startswith("uploads/") and "passwd" not in upload.key
    assert upload.name == "../../etc/<script>passwd.mp4"


def test_it_presigns_no_key_outside_uploads() -> None:
    with pytest.raises(ValueError, match="uploads/"):
        storage.presign_part(key="models/x", upload_id="u", number=1, length=1, expires_s=60)
