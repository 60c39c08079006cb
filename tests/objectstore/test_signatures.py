"""Who may do what: signatures, their time, and what they cover."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from tests.objectstore.instance import (
    ACCESS_KEY,
    BUCKET,
    SECRET_KEY,
    Answer,
    Instance,
    authorized,
    client,
    presign,
    send,
    signing_key,
)

DAY_S = 24 * 3600
PATH = f"/{BUCKET}/signed"
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture(autouse=True)
def stored(s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="signed", Body=b"frame")


def signed_put(server: Instance, payload: str, body: bytes, **extra: str) -> Answer:
    """A PUT of `body` under the payload hash `payload`, with further signed headers."""
    more = {name.replace("_", "-"): value for name, value in extra.items()}
    headers = authorized(server.endpoint, "PUT", PATH, payload=payload, extra=more)
    return send(f"{server.endpoint}{PATH}", "PUT", body, headers)


def test_only_health_and_preflight_answer_strangers(server: Instance) -> None:
    assert send(f"{server.endpoint}/-/healthz").body == b"ok\n"
    for method, path in (
        ("GET", "/"),
        ("GET", f"/{BUCKET}"),
        ("HEAD", f"/{BUCKET}"),
        ("GET", PATH),
        ("PUT", PATH),
        ("DELETE", PATH),
        ("POST", f"/{BUCKET}?delete"),
        ("GET", "/no-such-bucket/key"),
        ("PUT", "/-/healthz"),
    ):
        answer = send(f"{server.endpoint}{path}", method)
        assert (answer.status, answer.code) == (403, "" if method == "HEAD" else "AccessDenied"), (method, path)


def test_a_wrong_secret_or_key_opens_nothing(server: Instance) -> None:
    for access_key, secret_key, code in (
        (ACCESS_KEY, SECRET_KEY + "x", "SignatureDoesNotMatch"),
        ("someone", SECRET_KEY, "InvalidAccessKeyId"),
    ):
        with pytest.raises(ClientError) as error:
            client(server.endpoint, access_key, secret_key).list_objects_v2(Bucket=BUCKET)
        assert error.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(("age_s", "code"), [(-14 * 60, ""), (14 * 60, ""), (16 * 60, "skew"), (-16 * 60, "skew")])
def test_a_clock_may_be_a_quarter_of_an_hour_off(server: Instance, age_s: float, code: str) -> None:
    headers = authorized(server.endpoint, "GET", PATH, payload=EMPTY, age_s=age_s)
    answer = send(f"{server.endpoint}{PATH}", headers=headers)
    assert answer.code == ("RequestTimeTooSkewed" if code else "")
    assert answer.status == (403 if code else 200)


@pytest.mark.parametrize(
    ("age_s", "expires", "status", "code"),
    [
        (0, "300", 200, ""),
        (6 * DAY_S, str(7 * DAY_S), 200, ""),
        (302, "300", 403, "AccessDenied"),
        (7 * DAY_S + 5, str(7 * DAY_S), 403, "AccessDenied"),
        (-16 * 60, "300", 403, "AccessDenied"),
        (0, str(7 * DAY_S + 1), 400, "AuthorizationQueryParametersError"),
        (0, "0", 400, "AuthorizationQueryParametersError"),
        (0, "-5", 400, "AuthorizationQueryParametersError"),
        (0, "x", 400, "AuthorizationQueryParametersError"),
    ],
)
def test_a_presigned_url_has_its_time(server: Instance, age_s: float, expires: str, status: int, code: str) -> None:
    answer = send(presign(server.endpoint, "GET", PATH, age_s=age_s, expires=expires))
    assert (answer.status, answer.code) == (status, code)


def test_a_presigned_url_opens_one_method_and_one_key(server: Instance) -> None:
    url = presign(server.endpoint, "GET", PATH)
    assert send(url, "PUT", b"x").code == "SignatureDoesNotMatch"
    assert send(url, "HEAD").status == 403
    assert send(url.replace("/signed?", "/other?")).code == "SignatureDoesNotMatch"
    assert send(url + "&response-content-type=text/html").code == "SignatureDoesNotMatch"
    assert send(presign(server.endpoint, "PUT", PATH)).code == "SignatureDoesNotMatch"


def test_a_part_url_opens_one_part_of_one_upload_with_one_length(server: Instance, s3: S3Client) -> None:
    upload, other = (s3.create_multipart_upload(Bucket=BUCKET, Key="p")["UploadId"] for _ in range(2))
    url = s3.generate_presigned_url(
        "upload_part",
        Params={"Bucket": BUCKET, "Key": "p", "UploadId": upload, "PartNumber": 1, "ContentLength": 10},
    )
    for wrong, body in (
        (url, b"x" * 11),
        (url, b"x" * 9),
        (url.replace("partNumber=1", "partNumber=2"), b"x" * 10),
        (url.replace(upload, other), b"x" * 10),
        (url.replace("/p?", "/q?"), b"x" * 10),
    ):
        assert send(wrong, "PUT", body).code == "SignatureDoesNotMatch"
    assert send(url).status == 403
    assert "Parts" not in s3.list_parts(Bucket=BUCKET, Key="p", UploadId=upload)
    assert send(url, "PUT", b"x" * 10).status == 200
    for open_upload in (upload, other):
        s3.abort_multipart_upload(Bucket=BUCKET, Key="p", UploadId=open_upload)


def test_the_holder_of_an_upload_url_can_not_turn_it_into_a_copy(server: Instance, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="secret", Body=b"secret")
    url = presign(server.endpoint, "PUT", PATH)
    answer = send(url, "PUT", headers={"x-amz-copy-source": f"/{BUCKET}/secret"})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert s3.get_object(Bucket=BUCKET, Key="signed")["Body"].read() == b"frame"


def test_a_signed_body_arrives_as_signed_or_not_at_all(server: Instance, s3: S3Client) -> None:
    body = b"what was signed"
    right = hashlib.sha256(body).hexdigest()
    assert signed_put(server, right, body).status == 200
    assert signed_put(server, right, b"what was change").code == "XAmzContentSHA256Mismatch"
    assert signed_put(server, "nonsense", body).code == "InvalidArgument"
    assert s3.get_object(Bucket=BUCKET, Key="signed")["Body"].read() == body


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("content_md5", lambda body: hashlib.md5(body, usedforsecurity=False).digest()),
        ("x_amz_checksum_crc32", lambda body: zlib.crc32(body).to_bytes(4, "big")),
        ("x_amz_checksum_sha1", lambda body: hashlib.sha1(body, usedforsecurity=False).digest()),
        ("x_amz_checksum_sha256", lambda body: hashlib.sha256(body).digest()),
    ],
)
def test_a_checksum_holds_or_nothing_is_stored(server: Instance, name: str, digest) -> None:  # type: ignore[no-untyped-def]
    body = b"twelve bytes"
    promised = {name: base64.b64encode(digest(body)).decode()}
    assert signed_put(server, "UNSIGNED-PAYLOAD", body, **promised).status == 200
    assert signed_put(server, "UNSIGNED-PAYLOAD", body[::-1], **promised).code == "BadDigest"
    assert signed_put(server, "UNSIGNED-PAYLOAD", body, **{name: "not base64!"}).code == "InvalidDigest"


def test_it_says_which_checksums_it_lacks(server: Instance) -> None:
    answer = signed_put(server, "UNSIGNED-PAYLOAD", b"x", x_amz_checksum_crc32c="AAAAAA==")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    answer = signed_put(server, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", b"x", x_amz_decoded_content_length="1")
    assert (answer.status, answer.code) == (501, "NotImplemented")


def trailed(body: bytes, checksum: bytes) -> bytes:
    return b"5\r\n%b\r\n%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (
        body[:5],
        len(body) - 5,
        body[5:],
        base64.b64encode(checksum),
    )


def test_it_reads_chunks_with_a_checksum_behind_them(server: Instance, s3: S3Client) -> None:
    body = b"a body in two chunks"
    extra = {"x_amz_trailer": "x-amz-checksum-crc32", "x_amz_decoded_content_length": str(len(body))}
    payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    good = trailed(body, zlib.crc32(body).to_bytes(4, "big"))
    assert signed_put(server, payload, good, content_encoding="aws-chunked", **extra).status == 200
    found = s3.get_object(Bucket=BUCKET, Key="signed")
    assert found["Body"].read() == body
    assert "ContentEncoding" not in found
    assert signed_put(server, payload, trailed(body, bytes(4)), **extra).code == "BadDigest"
    assert signed_put(server, payload, good[:-30], **extra).code == "IncompleteBody"
    extra["x_amz_decoded_content_length"] = "19"
    assert signed_put(server, payload, good, **extra).code == "IncompleteBody"


def chunk_signed(body: bytes, headers: dict[str, str], *, flip: bool) -> bytes:
    """`body` in chunks of 8, each signed onto the one before; `flip` changes a byte after signing."""
    when, previous = headers["x-amz-date"], headers["Authorization"].rpartition("=")[2]
    wire = b""
    for start in range(0, len(body) + 8, 8):
        chunk = body[start : start + 8]
        scope = f"{when[:8]}/us-east-1/s3/aws4_request"
        lines = ["AWS4-HMAC-SHA256-PAYLOAD", when, scope, previous, EMPTY, hashlib.sha256(chunk).hexdigest()]
        previous = hmac.digest(signing_key(when), "\n".join(lines).encode(), "sha256").hex()
        sent = b"X" + chunk[1:] if flip and start == 8 else chunk
        wire += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), previous.encode(), sent)
    return wire


@pytest.mark.parametrize("flip", [False, True])
def test_each_signed_chunk_is_checked(server: Instance, s3: S3Client, flip: bool) -> None:
    body = b"sixteen bytes ..and eight"[:24]
    extra = {"x-amz-decoded-content-length": "24"}
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    headers = authorized(server.endpoint, "PUT", PATH, payload=payload, extra=extra)
    answer = send(f"{server.endpoint}{PATH}", "PUT", chunk_signed(body, headers, flip=flip), headers)
    assert answer.code == ("SignatureDoesNotMatch" if flip else "")
    assert s3.get_object(Bucket=BUCKET, Key="signed")["Body"].read() == (b"frame" if flip else body)


def test_a_log_line_names_the_fault_and_never_a_signature(server: Instance) -> None:
    url = presign(server.endpoint, "GET", PATH, age_s=900)
    answer = send(url)
    line = next(line for line in server.log().splitlines() if answer.headers["x-amz-request-id"] in line)
    assert f"GET {PATH} 403 AccessDenied: Request has expired" in line
    assert "X-Amz-Signature" not in server.log()
    assert "X-Amz-Credential" not in server.log()
    assert SECRET_KEY not in server.log()
