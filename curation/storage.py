"""The object store, always S3 through boto3. One place knows the client's settings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD_PREFIX = "uploads/"
DELETE_BATCH = 1000


class StoreUnavailable(Exception):
    """The object store does not answer; the work should be tried again later."""


class MissingObject(Exception):
    """No object has that key."""


def _client(endpoint: str) -> S3Client:
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=2,
        read_timeout=10,
        max_pool_connections=32,
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        aws_access_key_id=settings.S3_ACCESS_KEY or None,
        aws_secret_access_key=settings.S3_SECRET_KEY or None,
        region_name=settings.S3_REGION,
        config=config,
    )


@lru_cache(maxsize=4)
def _cached_client(endpoint: str, _access_key: str, _secret_key: str) -> S3Client:
    return _client(endpoint)


def client() -> S3Client:
    """For calls from the server; boto3 clients are safe to share between threads. Raises StoreUnavailable."""
    if not settings.S3_ENDPOINT and not settings.S3_ON_AWS:
        raise StoreUnavailable("Framesift does not run here. Start it with `python3 dev.py up`, or set S3_ENDPOINT.")
    return _cached_client(settings.S3_ENDPOINT, settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY)


def public_client() -> S3Client:
    """For presigning only: URLs must name the host that browsers reach."""
    return _cached_client(settings.S3_PUBLIC_ENDPOINT, settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY)


def is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404", "NotFound", "NoSuchUpload")


def read(key: str, start: int | None = None, length: int | None = None) -> bytes:
    """The object's bytes, or `length` bytes from `start`. Raises MissingObject or StoreUnavailable."""
    window = {"Range": f"bytes={start}-{start + length - 1}"} if start is not None and length else {}
    try:
        return client().get_object(Bucket=settings.S3_BUCKET, Key=key, **window)["Body"].read()  # type: ignore[arg-type]
    except ClientError as error:
        raise MissingObject(key) if is_missing(error) else StoreUnavailable(str(error)) from error
    except BotoCoreError as error:
        raise StoreUnavailable(str(error)) from error


def write(key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
    try:
        client().put_object(Bucket=settings.S3_BUCKET, Key=key, Body=data, ContentType=content_type)
    except (ClientError, BotoCoreError) as error:
        raise StoreUnavailable(str(error)) from error


def upload_file(key: str, path: Path, content_type: str = "application/octet-stream") -> None:
    """Send a file of any size, in parts when it is large."""
    try:
        client().upload_file(str(path), settings.S3_BUCKET, key, ExtraArgs={"ContentType": content_type})
    except (ClientError, BotoCoreError) as error:
        raise StoreUnavailable(str(error)) from error


def download(key: str, file: BinaryIO) -> None:
    try:
        client().download_fileobj(settings.S3_BUCKET, key, file)
    except ClientError as error:
        raise MissingObject(key) if is_missing(error) else StoreUnavailable(str(error)) from error
    except BotoCoreError as error:
        raise StoreUnavailable(str(error)) from error


def size_of(key: str) -> int | None:
    """Bytes of the object, or None when there is none."""
    try:
        return client().head_object(Bucket=settings.S3_BUCKET, Key=key)["ContentLength"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise StoreUnavailable(str(error)) from error
    except BotoCoreError as error:
        raise StoreUnavailable(str(error)) from error


def exists(key: str) -> bool:
    return size_of(key) is not None


def delete(keys: Iterable[str]) -> None:
    """Remove objects; those that are gone already are fine."""
    left = list(keys)
    for start in range(0, len(left), DELETE_BATCH):
        objects = [{"Key": key} for key in left[start : start + DELETE_BATCH]]
        try:
            client().delete_objects(Bucket=settings.S3_BUCKET, Delete={"Objects": objects, "Quiet": True})  # type: ignore[typeddict-item]
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(str(error)) from error


def keys_under(prefix: str) -> list[str]:
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=settings.S3_BUCKET, Prefix=prefix)
    try:
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    except (ClientError, BotoCoreError) as error:
        raise StoreUnavailable(str(error)) from error


def presign_get(key: str, *, content_type: str, file_name: str = "", expires_s: int = 300, inline: bool = True) -> str:
    """A URL that lets a browser read one object for a while. Check the permission before you call this."""
    params = {"Bucket": settings.S3_BUCKET, "Key": key, "ResponseContentType": content_type}
    if not inline:
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in file_name)
        params["ResponseContentDisposition"] = f'attachment; filename="{safe}"'
    return public_client().generate_presigned_url("get_object", Params=params, ExpiresIn=expires_s)


def presign_part(*, key: str, upload_id: str, number: int, length: int, expires_s: int) -> str:
    """A URL for exactly one part: its key, upload, number and length are all signed. Refuses keys outside uploads/."""
    if not key.startswith(UPLOAD_PREFIX):
        raise ValueError("Only keys under uploads/ can be written from outside.")
    params = {
        "Bucket": settings.S3_BUCKET,
        "Key": key,
        "UploadId": upload_id,
        "PartNumber": number,
        "ContentLength": length,
    }
    return public_client().generate_presigned_url("upload_part", Params=params, ExpiresIn=expires_s)


def ensure_bucket() -> None:
    """Make the bucket if it is not there; a no-op with a bucket that exists."""
    try:
        client().head_bucket(Bucket=settings.S3_BUCKET)
    except ClientError as error:
        if not is_missing(error) and error.response.get("Error", {}).get("Code") != "NoSuchBucket":
            raise
        client().create_bucket(Bucket=settings.S3_BUCKET)
