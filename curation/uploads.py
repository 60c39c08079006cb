"""Uploads: browser -> object store in parts, resumable. The store counts the parts; we only sign and check.

Protocol: create_or_resume -> sign (as often as needed) -> complete; abort at any time. Each step may be repeated.
"""

from __future__ import annotations

import datetime as dt
import mimetypes
import uuid
from pathlib import PurePath
from typing import TypedDict

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from curation import jobs, storage
from curation.models import Dataset, Job, Upload, Video
from curation.problems import Problem

MIB = 1024 * 1024
MIN_PART_BYTES = 8 * MIB
MAX_PARTS = 9000  # S3 allows 10 000; the rest is room
SIGN_AT_ONCE = 50


class Part(TypedDict):
    size: int
    etag: str


class MissingParts(Problem):
    """Not every part has arrived with its right length."""

    def __init__(self, missing: list[int]) -> None:
        count = len(missing)
        super().__init__(
            f"{count} part{'s are' if count > 1 else ' is'} missing; send what is missing again.", status=409
        )
        self.missing = missing


def human_bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def accepted_kinds_sentence() -> str:
    kinds = ", ".join(settings.UPLOAD_KINDS)
    return f"Accepted are video files ({kinds}) of up to {human_bytes(settings.UPLOAD_MAX_BYTES)}."


def part_size_for(size_bytes: int) -> int:
    """Bytes per part: at least 8 MiB, and few enough parts; a multiple of 1 MiB."""
    whole_mib = -(-size_bytes // (MAX_PARTS * MIB)) * MIB
    return max(MIN_PART_BYTES, whole_mib)


def check_file(name: str, size_bytes: int) -> None:
    """Raise Problem for a file that will not be taken; the sentence names the limit and the kinds."""
    kind = PurePath(name).suffix.lower().lstrip(".")
    if kind not in settings.UPLOAD_KINDS:
        shown = f".{kind}" if kind else "without an ending"
        raise Problem(f"A file {shown} can't be taken. {accepted_kinds_sentence()}")
    if size_bytes <= 0:
        raise Problem(f"The file is empty. {accepted_kinds_sentence()}")
    if size_bytes > settings.UPLOAD_MAX_BYTES:
        raise Problem(f"The file has {human_bytes(size_bytes)}. {accepted_kinds_sentence()}")


def create_or_resume(
    *, dataset: Dataset, user: User, name: str, size_bytes: int, fingerprint: str, is_reference: bool = False
) -> Upload:
    """The open upload of this very file by this user, or a new one."""
    check_file(name, size_bytes)
    name, fingerprint = name.replace("\x00", "")[:255], fingerprint.replace("\x00", "")[:200]
    found = Upload.objects.filter(dataset=dataset, user=user, fingerprint=fingerprint, state=Upload.State.OPEN).first()
    if found and found.size_bytes == size_bytes and _is_alive(found):
        Upload.objects.filter(pk=found.pk).update(touched_at=timezone.now(), is_reference=is_reference)
        return found
    if found:
        Upload.objects.filter(pk=found.pk).update(state=Upload.State.ABORTED)
    return _create(dataset, user, name, size_bytes, fingerprint, is_reference)


def _create(dataset: Dataset, user: User, name: str, size_bytes: int, fingerprint: str, is_reference: bool) -> Upload:
    key = f"{storage.UPLOAD_PREFIX}{uuid.uuid4()}"
    content_type = mimetypes.guess_type("x" + PurePath(name).suffix)[0] or "application/octet-stream"
    try:
        started = storage.client().create_multipart_upload(Bucket=settings.S3_BUCKET, Key=key, ContentType=content_type)
    except (ClientError, BotoCoreError) as error:
        raise Problem("The object store does not answer; try again in a minute.", status=503) from error
    try:
        with transaction.atomic():
            return Upload.objects.create(
                dataset=dataset,
                user=user,
                name=name,
                fingerprint=fingerprint,
                size_bytes=size_bytes,
                part_size_bytes=part_size_for(size_bytes),
                content_type=content_type,
                is_reference=is_reference,
                key=key,
                s3_upload_id=started["UploadId"],
            )
    except IntegrityError:  # the same file was picked in another tab at the same moment
        return Upload.objects.get(dataset=dataset, user=user, fingerprint=fingerprint, state=Upload.State.OPEN)


def _is_alive(upload: Upload) -> bool:
    try:
        held_parts(upload)
    except ClientError as error:
        return not storage.is_missing(error)
    return True


def held_parts(upload: Upload) -> dict[int, Part]:
    """Parts the store holds, by number. Raises ClientError NoSuchUpload once it is completed or aborted."""
    pages = (
        storage.client()
        .get_paginator("list_parts")
        .paginate(Bucket=settings.S3_BUCKET, Key=upload.key, UploadId=upload.s3_upload_id)
    )
    return {
        part["PartNumber"]: Part(size=part["Size"], etag=part["ETag"])
        for page in pages
        for part in page.get("Parts", [])
    }


def right_parts(upload: Upload) -> list[int]:
    """Numbers of the parts that are held with exactly the right length."""
    if upload.state != Upload.State.OPEN:
        return []
    held = held_parts(upload)
    return sorted(n for n, part in held.items() if n <= upload.part_count and part["size"] == upload.part_length(n))


def sign(*, upload: Upload, numbers: list[int]) -> dict[int, str]:
    """URLs for these parts, each bound to its exact length, for 15 minutes."""
    if upload.state != Upload.State.OPEN:
        raise Problem("This upload has ended; pick the file again to start a new one.", status=409)
    if not 0 < len(numbers) <= SIGN_AT_ONCE:
        raise Problem(f"Ask for 1 to {SIGN_AT_ONCE} parts at a time.")
    if any(not 1 <= number <= upload.part_count for number in numbers):
        raise Problem(f"This file has the parts 1 to {upload.part_count}.")
    Upload.objects.filter(pk=upload.pk).update(touched_at=timezone.now())
    return {
        number: storage.presign_part(
            key=upload.key,
            upload_id=upload.s3_upload_id,
            number=number,
            length=upload.part_length(number),
            expires_s=settings.UPLOAD_URL_EXPIRES_S,
        )
        for number in numbers
    }


def complete(*, upload: Upload) -> Video:
    """Join the parts, check the object, make the Video and queue its extraction. Repeating it gives the same video."""
    if upload.video:
        return upload.video
    if upload.state != Upload.State.OPEN:
        raise Problem("This upload was cancelled; pick the file again to start a new one.", status=409)
    try:
        _join(upload)
        size = storage.size_of(upload.key)
    except (ClientError, BotoCoreError, storage.StoreUnavailable) as error:
        raise Problem("The object store does not answer; try again in a minute.", status=503) from error
    if size != upload.size_bytes:
        note = f"The object store holds {size or 0} bytes, {upload.size_bytes} were announced."
        Upload.objects.filter(pk=upload.pk).update(state=Upload.State.FAILED, note=note)
        raise Problem(f"{note} Pick the file again.", status=409)
    return _take_in(upload)


def _join(upload: Upload) -> None:
    """Complete the multipart upload; one that is gone already was completed by a try whose answer got lost."""
    try:
        held = held_parts(upload)
        wrong = [
            n
            for n in range(1, upload.part_count + 1)
            if held.get(n, Part(size=-1, etag=""))["size"] != upload.part_length(n)
        ]
        if wrong:
            raise MissingParts(wrong)
        storage.client().complete_multipart_upload(
            Bucket=settings.S3_BUCKET,
            Key=upload.key,
            UploadId=upload.s3_upload_id,
            MultipartUpload={
                "Parts": [{"PartNumber": n, "ETag": held[n]["etag"]} for n in range(1, upload.part_count + 1)]
            },
        )
    except ClientError as error:
        if not storage.is_missing(error):
            raise


def _take_in(upload: Upload) -> Video:
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=upload.pk)
        if row.video:
            return row.video
        video = Video.objects.create(
            dataset=row.dataset,
            name=row.name,
            key=row.key,
            size_bytes=row.size_bytes,
            content_type=row.content_type,
            is_reference=row.is_reference,
            uploaded_by=row.user,
        )
        Upload.objects.filter(pk=row.pk).update(state=Upload.State.DONE, video=video)
        jobs.request(kind=Job.Kind.EXTRACT, dataset=row.dataset, by=row.user.get_username(), video=video)
    return video


def abort(*, upload: Upload, note: str = "") -> None:
    """Cancel: the parts are thrown away. Cancelling twice is fine; what is complete stays."""
    if upload.state == Upload.State.DONE:
        raise Problem("This upload is complete; delete the video instead.", status=409)
    try:
        storage.client().abort_multipart_upload(Bucket=settings.S3_BUCKET, Key=upload.key, UploadId=upload.s3_upload_id)
    except ClientError as error:
        if not storage.is_missing(error):
            raise Problem("The object store does not answer; try again in a minute.", status=503) from error
    except BotoCoreError as error:
        raise Problem("The object store does not answer; try again in a minute.", status=503) from error
    Upload.objects.filter(pk=upload.pk, video=None).update(state=Upload.State.ABORTED, note=note)


def clear_strays() -> int:
    """Abort uploads that nobody touched for UPLOAD_STRAY_HOURS. Returns how many."""
    before = timezone.now() - dt.timedelta(hours=settings.UPLOAD_STRAY_HOURS)
    strays = list(Upload.objects.filter(state=Upload.State.OPEN, touched_at__lt=before))
    for upload in strays:
        abort(upload=upload, note="Not continued in time.")
    return len(strays)
