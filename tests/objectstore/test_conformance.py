"""What the product needs of an object store, asked of every backend in `backends`."""

from __future__ import annotations

import hashlib
import io
import os
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.objectstore.backends import Backend, code_of, fetch, get, keys, put

MIB = 1 << 20


def test_it_keeps_bytes_type_and_metadata(backend: Backend) -> None:
    etag = put(backend, "a.mp4", b"abc", ContentType="video/mp4", Metadata={"source": "upload"})
    head = backend.s3.head_object(Bucket=backend.bucket, Key=backend.key("a.mp4"))
    assert etag == f'"{hashlib.md5(b"abc", usedforsecurity=False).hexdigest()}"' == head["ETag"]
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (3, "video/mp4", {"source": "upload"})
    assert get(backend, "a.mp4") == b"abc"


def test_it_keeps_empty_objects_and_replaces_whole_ones(backend: Backend) -> None:
    put(backend, "a", b"")
    assert get(backend, "a") == b""
    put(backend, "a", b"second")
    assert get(backend, "a") == b"second"


@pytest.mark.parametrize("name", ["ü/ö ½.mp4", "a b+c&d=e%20f?.mp4", "x//y", "z/", "日本/🎬"])
def test_it_takes_any_readable_key(backend: Backend, name: str) -> None:
    put(backend, name, name.encode())
    assert get(backend, name) == name.encode()
    assert keys(backend) == [name]


@pytest.mark.parametrize(
    ("spec", "expected", "content_range"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_it_serves_ranges(backend: Backend, spec: str, expected: bytes, content_range: str) -> None:
    put(backend, "a", b"0123456789")
    answer = backend.s3.get_object(Bucket=backend.bucket, Key=backend.key("a"), Range=spec)
    assert (answer["Body"].read(), answer["ContentRange"]) == (expected, content_range)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_it_refuses_a_range_behind_the_end(backend: Backend) -> None:
    put(backend, "a", b"0123456789")
    with pytest.raises(ClientError) as error:
        get(backend, "a", Range="bytes=10-")
    assert code_of(error) == "InvalidRange"


def test_it_answers_an_unchanged_object_with_304(backend: Backend) -> None:
    etag = put(backend, "a")
    with pytest.raises(ClientError) as error:
        get(backend, "a", IfNoneMatch=etag)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304


def test_it_names_what_is_missing(backend: Backend) -> None:
    with pytest.raises(ClientError) as error:
        get(backend, "absent")
    assert code_of(error) == "NoSuchKey"
    with pytest.raises(ClientError) as error:
        backend.s3.head_object(Bucket=backend.bucket, Key=backend.key("absent"))
    assert code_of(error) == "404"
    with pytest.raises(ClientError) as error:
        backend.s3.list_objects_v2(Bucket="no-such-bucket-of-ours")
    assert code_of(error) == "NoSuchBucket"


def test_it_deletes_one_and_many(backend: Backend) -> None:
    for name in "abcd":
        put(backend, name)
    backend.s3.delete_object(Bucket=backend.bucket, Key=backend.key("a"))
    backend.s3.delete_object(Bucket=backend.bucket, Key=backend.key("never was"))
    doomed = [{"Key": backend.key(name)} for name in ("b", "c", "never was")]
    answer = backend.s3.delete_objects(Bucket=backend.bucket, Delete={"Objects": doomed})  # type: ignore[typeddict-item]
    assert {"b", "c"} <= {item["Key"].removeprefix(backend.prefix) for item in answer["Deleted"]}
    assert "Errors" not in answer
    assert keys(backend) == ["d"]


def test_it_lists_in_byte_order_page_by_page(backend: Backend) -> None:
    names = ["B", "a", "a/1", "a0", "b", "~", "é", "\uff5e", "\U0001f3ac"]
    for name in reversed(names):
        put(backend, name)
    pages = backend.s3.get_paginator("list_objects_v2").paginate(
        Bucket=backend.bucket, Prefix=backend.prefix, PaginationConfig={"PageSize": 2}
    )
    listed = [item["Key"].removeprefix(backend.prefix) for page in pages for item in page.get("Contents", [])]
    assert listed == names


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_it_folds_keys_at_the_delimiter(backend: Backend, operation: Any) -> None:
    for name in ("1/x", "1/y/z", "2", "3/x", "3/y"):
        put(backend, name)
    pages = backend.s3.get_paginator(operation).paginate(
        Bucket=backend.bucket, Prefix=backend.prefix, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    folders, files = [], []
    for page in pages:
        folders += [item["Prefix"].removeprefix(backend.prefix) for item in page.get("CommonPrefixes", [])]
        files += [item["Key"].removeprefix(backend.prefix) for item in page.get("Contents", [])]
    assert (folders, files) == (["1/", "3/"], ["2"])


def test_it_copies_an_object(backend: Backend) -> None:
    put(backend, "a", b"abc", ContentType="video/mp4")
    source = {"Bucket": backend.bucket, "Key": backend.key("a")}
    backend.s3.copy_object(Bucket=backend.bucket, Key=backend.key("b"), CopySource=source)  # type: ignore[arg-type]
    backend.s3.delete_object(Bucket=backend.bucket, Key=backend.key("a"))
    assert get(backend, "b") == b"abc"


def test_a_presigned_get_can_choose_type_and_disposition(backend: Backend) -> None:
    put(backend, "a", b"0123456789")
    params = {
        "Bucket": backend.bucket,
        "Key": backend.key("a"),
        "ResponseContentType": "video/mp4",
        "ResponseContentDisposition": 'attachment; filename="a b.mp4"',
    }
    status, headers, body = fetch(backend.s3.generate_presigned_url("get_object", Params=params))
    assert (status, body) == (200, b"0123456789")
    assert headers["content-type"] == "video/mp4"
    assert headers["content-disposition"] == 'attachment; filename="a b.mp4"'


def test_nobody_reads_or_writes_without_a_signature(backend: Backend) -> None:
    put(backend, "a")
    url = backend.s3.generate_presigned_url("get_object", Params={"Bucket": backend.bucket, "Key": backend.key("a")})
    assert fetch(url)[0] == 200
    bare = url.partition("?")[0]
    last = "0" if url[-1] != "0" else "1"
    assert fetch(bare)[0] == fetch(bare, "PUT", b"x")[0] == fetch(bare, "DELETE")[0] == 403
    assert backend.refuses(fetch(url[:-1] + last)[0])
    assert backend.refuses(fetch(url, "DELETE")[0])


def test_a_presigned_url_ends(backend: Backend) -> None:
    put(backend, "a")
    params = {"Bucket": backend.bucket, "Key": backend.key("a")}
    url = backend.s3.generate_presigned_url("get_object", Params=params, ExpiresIn=1)
    time.sleep(1.2)
    assert backend.refuses(fetch(url)[0])


def test_it_refuses_bytes_that_do_not_match_their_digest(backend: Backend) -> None:
    wrong = "1B2M2Y8AsgTpgAmY7PhCfg=="
    try:
        put(backend, "a", b"abc", ContentMD5=wrong)
        accepted = True
    except ClientError as error:
        accepted = error.response["Error"]["Code"] != "BadDigest"
    assert accepted != backend.checks_requests


def upload(backend: Backend, name: str, *parts: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An upload with its parts sent, not completed: the parameters that name it, and the parts."""
    named: dict[str, Any] = {"Bucket": backend.bucket, "Key": backend.key(name)}
    named["UploadId"] = backend.s3.create_multipart_upload(**named, ContentType="video/mp4")["UploadId"]
    sent = [
        {"PartNumber": number, "ETag": backend.s3.upload_part(**named, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(parts, start=1)
    ]
    return named, sent


def complete(backend: Backend, named: dict[str, Any], parts: list[dict[str, Any]]) -> str:
    listed: Any = {"Parts": parts}
    return backend.s3.complete_multipart_upload(**named, MultipartUpload=listed)["ETag"]


def test_it_joins_parts(backend: Backend) -> None:
    first, last = os.urandom(5 * MIB), os.urandom(1000)
    named, parts = upload(backend, "a.mp4", first, last)
    etag = complete(backend, named, parts)
    digests = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in (first, last))
    assert etag == f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-2"'
    head = backend.s3.head_object(Bucket=backend.bucket, Key=backend.key("a.mp4"))
    assert (head["ETag"], head["ContentLength"], head["ContentType"]) == (etag, 5 * MIB + 1000, "video/mp4")
    assert get(backend, "a.mp4") == first + last
    across = get(backend, "a.mp4", Range=f"bytes={5 * MIB - 5}-{5 * MIB + 4}")
    assert across == first[-5:] + last[:5]


def test_it_lists_parts_and_open_uploads(backend: Backend) -> None:
    named, parts = upload(backend, "a", b"1", b"22", b"333")
    pages = backend.s3.get_paginator("list_parts").paginate(**named, PaginationConfig={"PageSize": 2})
    listed = [(part["PartNumber"], part["ETag"], part["Size"]) for page in pages for part in page["Parts"]]
    assert listed == [(part["PartNumber"], part["ETag"], size) for part, size in zip(parts, (1, 2, 3), strict=True)]
    found = backend.s3.list_multipart_uploads(Bucket=backend.bucket, Prefix=backend.prefix)["Uploads"]
    assert [(item["Key"], item["UploadId"]) for item in found] == [(named["Key"], named["UploadId"])]


def test_a_part_sent_again_replaces_the_first(backend: Backend) -> None:
    named, _ = upload(backend, "a", b"first")
    part = {"PartNumber": 1, "ETag": backend.s3.upload_part(**named, PartNumber=1, Body=b"second")["ETag"]}
    complete(backend, named, [part])
    assert get(backend, "a") == b"second"


def test_it_completes_nothing_but_what_was_sent(backend: Backend) -> None:
    named, parts = upload(backend, "a", b"only", b"last")
    for wrong, code in (
        ([{**parts[0], "ETag": '"00000000000000000000000000000000"'}], "InvalidPart"),
        ([parts[0], {**parts[1], "PartNumber": 3}], "InvalidPart"),
    ):
        with pytest.raises(ClientError) as error:
            complete(backend, named, wrong)
        assert code_of(error) == code
    assert keys(backend) == []


def test_only_the_last_part_may_be_small(backend: Backend) -> None:
    named, parts = upload(backend, "a", b"small", b"last")
    with pytest.raises(ClientError) as error:
        complete(backend, named, parts)
    assert code_of(error) == "EntityTooSmall"
    assert complete(backend, named, parts[1:]).endswith('-1"')


def test_an_aborted_upload_is_gone(backend: Backend) -> None:
    named, _ = upload(backend, "a", b"1")
    backend.s3.abort_multipart_upload(**named)
    for call in (backend.s3.list_parts, backend.s3.abort_multipart_upload):
        with pytest.raises(ClientError) as error:
            call(**named)
        assert code_of(error) == "NoSuchUpload"
    assert "Uploads" not in backend.s3.list_multipart_uploads(Bucket=backend.bucket, Prefix=backend.prefix)


def test_it_takes_boto3s_own_transfers(backend: Backend) -> None:
    body = os.urandom(9 * MIB)
    backend.s3.upload_fileobj(io.BytesIO(body), backend.bucket, backend.key("a"))
    received = io.BytesIO()
    backend.s3.download_fileobj(backend.bucket, backend.key("a"), received)
    assert received.getvalue() == body


def test_a_part_url_binds_key_part_and_length(backend: Backend) -> None:
    named, _ = upload(backend, "a")
    params = {**named, "PartNumber": 1, "ContentLength": 10}
    url = backend.s3.generate_presigned_url("upload_part", Params=params)
    assert backend.refuses(fetch(url, "PUT", b"x" * 11)[0])
    assert backend.refuses(fetch(url, "PUT", b"x" * 9)[0])
    assert backend.refuses(fetch(url.replace("partNumber=1", "partNumber=2"), "PUT", b"x" * 10)[0])
    status, headers, _ = fetch(url, "PUT", b"0123456789")
    assert status == 200
    complete(backend, named, [{"PartNumber": 1, "ETag": headers["etag"]}])
    assert get(backend, "a") == b"0123456789"
