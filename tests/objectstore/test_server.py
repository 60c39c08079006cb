"""What conformance leaves out: hostile keys and requests, browsers, paging at length, and an orderly end."""

from __future__ import annotations

import http.client
import io
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from tests.objectstore.instance import BUCKET, HOST, Instance, authorized, presign, send

MIB = 1 << 20
HOSTILE_KEYS = [
    "../../../../etc/passwd",
    "..",
    ".",
    "./x",
    "/etc/passwd",
    "a/../b",
    "a\\..\\b",
    "%2e%2e%2fx",
    "null\0byte",
    "line\r\nX-Injected: yes",
    "\u202egpj.exe",
    "<script>&'\"]]>",
    "con",
    "x" * 1024,
]


@pytest.fixture
def exchange(server: Instance) -> Any:
    """Raw bytes over one connection, and all that comes back."""

    def talk(data: bytes) -> bytes:
        with socket.create_connection((HOST, server.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return talk


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_no_key_leaves_the_folder(server: Instance, s3: S3Client, key: str) -> None:
    around = sorted(path.name for path in server.root.parent.iterdir())
    s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
    assert key in [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]]
    assert sorted(path.name for path in server.root.parent.iterdir()) == around
    assert all(len(path.name) == 32 for path in server.blobs())
    s3.delete_object(Bucket=BUCKET, Key=key)


def test_a_key_has_a_longest_length(s3: S3Client) -> None:
    with pytest.raises(ClientError, match="KeyTooLongError"):
        s3.put_object(Bucket=BUCKET, Key="é" * 513, Body=b"")


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        (b"GET videos HTTP/1.1", b"InvalidURI"),
        (b"GET /%ff%fe HTTP/1.1", b"InvalidURI"),
        (b"GET /videos/x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", b"InvalidRequest"),
        (b"PUT /videos/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", b"InvalidRequest"),
        (b"PUT /videos/x HTTP/1.1\r\nContent-Length: +5", b"InvalidRequest"),
        (b"GET /videos/x HTTP/1.1\r\nX-Folded: a\r\n b", b"InvalidRequest"),
        (b"GET /videos/x HTTP/9.9", b"InvalidRequest"),
        (b"BREW /videos/x HTTP/1.1", b"InvalidRequest"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"InvalidRequest"),
    ],
)
def test_a_request_that_can_not_be_trusted_is_refused(exchange: Any, request_line: bytes, code: bytes) -> None:
    answer = exchange(request_line + b"\r\nHost: x\r\n\r\n")
    assert b"<Code>" + code + b"</Code>" in answer
    assert b"Connection: close" in answer


def test_what_is_not_implemented_is_refused_and_not_guessed(server: Instance, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"frame")
    calls: list[Any] = [
        lambda: s3.put_object_tagging(Bucket=BUCKET, Key="a", Tagging={"TagSet": []}),
        lambda: s3.get_bucket_policy(Bucket=BUCKET),
        lambda: s3.get_object(Bucket=BUCKET, Key="a", VersionId="1"),
        lambda: s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", ServerSideEncryption="AES256"),
        lambda: s3.delete_bucket(Bucket=BUCKET),
    ]
    for call in calls:
        with pytest.raises(ClientError, match=r"NotImplemented|MethodNotAllowed"):
            call()
    with pytest.raises(ClientError, match="AccessControlListNotSupported"):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", ACL="public-read")
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"frame"


def test_a_page_elsewhere_may_upload_and_read_etags(server: Instance) -> None:
    origin = {"Origin": "https://app.example"}
    asked = origin | {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,x-amz-checksum-sha256",
    }
    answer = send(f"{server.endpoint}/{BUCKET}/a", "OPTIONS", headers=asked)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type,x-amz-checksum-sha256"
    assert int(answer.headers["access-control-max-age"]) > 0
    stored = send(presign(server.endpoint, "PUT", f"/{BUCKET}/a"), "PUT", b"x", origin)
    assert "etag" in stored.headers
    assert "ETag" in stored.headers["access-control-expose-headers"]
    refused = send(f"{server.endpoint}/{BUCKET}/a", "PUT", b"x", origin)
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (403, "*")


def test_only_the_named_origins_may(launch: Callable[..., Instance]) -> None:
    server = launch(origins="https://app.example, https://other.example")
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    answer = send(f"{server.endpoint}/{BUCKET}/a", "OPTIONS", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    answer = send(f"{server.endpoint}/{BUCKET}/a", "OPTIONS", headers=asked | {"Origin": "https://evil.example"})
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert server.stop() == 0


def test_stored_bytes_are_never_run_as_a_page(server: Instance, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="page", Body=b"<script>", ContentType="text/html")
    answer = send(presign(server.endpoint, "GET", f"/{BUCKET}/page"))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox"
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.get_object(Bucket=BUCKET, Key="page", ResponseContentDisposition="a\r\nSet-Cookie: b=c")


def test_parts_are_named_in_order_and_completed_once(s3: S3Client) -> None:
    named: Any = {"Bucket": BUCKET, "Key": "ordered"}
    named["UploadId"] = s3.create_multipart_upload(**named)["UploadId"]
    parts: list[Any] = [
        {"PartNumber": number, "ETag": s3.upload_part(**named, PartNumber=number, Body=bytes(5 * MIB))["ETag"]}
        for number in (1, 2)
    ]
    with pytest.raises(ClientError, match="InvalidPartOrder"):
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts[::-1]})
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    s3.delete_object(Bucket=BUCKET, Key="ordered")


def test_a_copy_outlives_its_source_and_the_source_its_copy(server: Instance, s3: S3Client) -> None:
    before = len(server.blobs())
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"shared", ContentType="video/mp4")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/source")
    s3.delete_object(Bucket=BUCKET, Key="source")
    answer = s3.get_object(Bucket=BUCKET, Key="copy")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"shared", "video/mp4")
    s3.copy_object(
        Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/copy", MetadataDirective="REPLACE", ContentType="text/plain"
    )
    assert s3.head_object(Bucket=BUCKET, Key="copy")["ContentType"] == "text/plain"
    s3.delete_object(Bucket=BUCKET, Key="copy")
    assert len(server.blobs()) == before


def test_a_read_under_way_is_not_hurt_by_a_delete(server: Instance, s3: S3Client) -> None:
    body = os.urandom(24 * MIB)
    s3.upload_fileobj(io.BytesIO(body), BUCKET, "long")
    before = len(server.blobs())
    stream = s3.get_object(Bucket=BUCKET, Key="long")["Body"]
    head = stream.read(MIB)
    s3.put_object(Bucket=BUCKET, Key="long", Body=b"new")
    assert head + stream.read() == body
    s3.delete_object(Bucket=BUCKET, Key="long")
    until = time.monotonic() + 5
    while len(server.blobs()) != before - 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(server.blobs()) == before - 3


def test_a_long_listing_comes_page_by_page(s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="many/seed", Body=b"x")
    names = [f"many/{n % 7}/{n:05}" for n in range(230)]
    with_four = [threading.Thread(target=copy_to, args=(s3, names[start::4])) for start in range(4)]
    for thread in with_four:
        thread.start()
    for thread in with_four:
        thread.join()
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="many/", PaginationConfig={"PageSize": 99})
    )
    assert [page["KeyCount"] for page in pages] == [99, 99, 33]
    assert [item["Key"] for page in pages for item in page["Contents"]] == sorted([*names, "many/seed"])
    assert s3.list_objects_v2(Bucket=BUCKET, MaxKeys=9999)["MaxKeys"] == 1000
    folded = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", Delimiter="/")
    assert [item["Prefix"] for item in folded["CommonPrefixes"]] == [f"many/{n}/" for n in range(7)]
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", StartAfter="many/6/00230", MaxKeys=5)
    assert [item["Key"] for item in after["Contents"]] == ["many/seed"]
    for page in pages:
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": item["Key"]} for item in page["Contents"]]})
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="many/")["KeyCount"] == 0


def copy_to(s3: S3Client, names: list[str]) -> None:
    for name in names:
        s3.copy_object(Bucket=BUCKET, Key=name, CopySource=f"{BUCKET}/many/seed")


def test_one_connection_carries_many_requests(server: Instance) -> None:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    path = f"/{BUCKET}/kept"
    sockets = set()
    for _ in range(3):
        for method, body in (("PUT", b"x" * 100_000), ("GET", None), ("HEAD", None)):
            headers = authorized(server.endpoint, method, path, payload="UNSIGNED-PAYLOAD")
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (200, 100_000 if method == "GET" else 0)
            sockets.add(connection.sock.getsockname())
    assert len(sockets) == 1
    connection.close()


def test_a_refused_body_is_not_asked_for(server: Instance, exchange: Any) -> None:
    ask = f"PUT /{BUCKET}/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    assert exchange(ask.encode()).startswith(b"HTTP/1.1 403 ")


def test_sigterm_lets_a_request_finish(launch: Callable[..., Instance]) -> None:
    server = launch()
    body = b"x" * 100_000
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    headers = authorized(server.endpoint, "PUT", f"/{BUCKET}/a", payload="UNSIGNED-PAYLOAD")
    connection.putrequest("PUT", f"/{BUCKET}/a")
    for name, value in (headers | {"Content-Length": str(len(body))}).items():
        connection.putheader(name, value)
    connection.endheaders(body[:50_000])
    time.sleep(0.3)
    server.process.terminate()
    time.sleep(0.5)
    connection.send(body[50_000:])
    assert connection.getresponse().status == 200
    assert server.process.wait(timeout=15) == 0
    assert [path.read_bytes() for path in server.blobs()] == [body]
