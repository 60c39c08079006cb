"""The stores that the conformance tests run against: ours, moto, and a real S3 when S3_TEST_ENDPOINT is set.

A real S3 takes S3_TEST_ENDPOINT, S3_TEST_BUCKET, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY and S3_TEST_REGION; the tests
write below prefixes of their own and remove them.
"""

from __future__ import annotations

import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from mypy_boto3_s3 import S3Client

from tests.objectstore.instance import BUCKET, Instance, client

BACKENDS = ["ours", "moto", *(["s3"] if os.environ.get("S3_TEST_ENDPOINT") else [])]


@dataclass
class Backend:
    """`checks_requests`: whether signatures, lengths and digests are verified at all (moto verifies none of them)."""

    s3: S3Client
    bucket: str
    checks_requests: bool
    prefix: str = ""

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def refuses(self, status: int) -> bool:
        """A refusal where requests are checked; where they aren't, the same request goes through."""
        return status == 403 if self.checks_requests else status < 300


@pytest.fixture(scope="module", params=BACKENDS)
def backend_store(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "ours":
        server: Instance = request.getfixturevalue("server")
        yield Backend(server.client(), BUCKET, checks_requests=True)
    elif request.param == "moto":
        yield from moto()
    else:
        yield from real_s3()


def moto() -> Iterator[Backend]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = client(f"http://{host}:{port}")
    s3.create_bucket(Bucket=BUCKET)
    yield Backend(s3, BUCKET, checks_requests=False)
    server.stop()


def real_s3() -> Iterator[Backend]:
    endpoint, access_key, secret_key = (
        os.environ[f"S3_TEST_{name}"] for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")
    )
    s3 = client(endpoint, access_key, secret_key, os.environ.get("S3_TEST_REGION", ""))
    yield Backend(s3, os.environ["S3_TEST_BUCKET"], checks_requests=True)


@pytest.fixture
def backend(backend_store: Backend) -> Iterator[Backend]:
    """The backend below a prefix that only this test has."""
    store = backend_store
    mine = Backend(store.s3, store.bucket, store.checks_requests, f"conformance-{secrets.token_hex(6)}/")
    yield mine
    for upload in store.s3.list_multipart_uploads(Bucket=store.bucket, Prefix=mine.prefix).get("Uploads", []):
        store.s3.abort_multipart_upload(Bucket=store.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for found in store.s3.list_objects_v2(Bucket=store.bucket, Prefix=mine.prefix).get("Contents", []):
        store.s3.delete_object(Bucket=store.bucket, Key=found["Key"])


def put(backend: Backend, name: str, body: bytes = b"frame", **params: Any) -> str:
    return backend.s3.put_object(Bucket=backend.bucket, Key=backend.key(name), Body=body, **params)["ETag"]


def get(backend: Backend, name: str, **params: Any) -> bytes:
    return backend.s3.get_object(Bucket=backend.bucket, Key=backend.key(name), **params)["Body"].read()


def keys(backend: Backend, **params: Any) -> list[str]:
    found = backend.s3.list_objects_v2(Bucket=backend.bucket, Prefix=backend.prefix, **params)
    return [item["Key"].removeprefix(backend.prefix) for item in found.get("Contents", [])]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    """A plain HTTP client that knows nothing but the URL."""
    # urllib would call a body a form; the empty type is what a browser sends for a typeless blob.
    headers = {"Content-Type": ""} if body is not None else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=20) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {}, error.read()
