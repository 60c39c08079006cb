"""Nothing acknowledged is lost and nothing half-written is seen: kill -9, full disks, lost and shared folders."""

from __future__ import annotations

import errno
import hashlib
import http.client
import io
import os
import random
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_s3 import S3Client

from objectstore.errors import as_s3_error
from tests.objectstore.instance import BUCKET, HOST, ROOT, Instance, authorized

MIB = 1 << 20


@dataclass
class Writer:
    """Writes one key again and again until the server dies; knows what was acknowledged and what was under way."""

    s3: S3Client
    key: str
    random: random.Random
    acknowledged: str = ""
    attempted: str = ""
    count: int = 0
    thread: threading.Thread = field(init=False)

    def start(self) -> Writer:
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self) -> None:
        while True:
            body = self.random.randbytes(self.random.choice([0, 700, 90_000, 6 * MIB]))
            self.attempted = hashlib.sha256(body).hexdigest()
            try:
                self.write(body)
            except (BotoCoreError, ClientError):
                return
            self.acknowledged = self.attempted
            self.count += 1

    def write(self, body: bytes) -> None:
        if len(body) < 5 * MIB:
            self.s3.put_object(Bucket=BUCKET, Key=self.key, Body=body)
            return
        named: Any = {"Bucket": BUCKET, "Key": self.key}
        named["UploadId"] = self.s3.create_multipart_upload(**named)["UploadId"]
        halves = (body[: 5 * MIB], body[5 * MIB :])
        parts: list[Any] = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**named, PartNumber=number, Body=half)["ETag"]}
            for number, half in enumerate(halves, start=1)
        ]
        self.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


def blobs_in_catalog(root: Path) -> set[str]:
    with sqlite3.connect(root / "catalog.sqlite3") as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        return {row[0] for row in db.execute("select blob from segment union select blob from part")}


def test_kill_9_loses_nothing_acknowledged_and_shows_nothing_half(launch: Callable[..., Instance]) -> None:
    server = launch()
    acknowledged: dict[str, str] = {}
    writes = 0
    s3 = server.client()
    for round_ in range(4):
        writers = [Writer(s3, f"k{n}", random.Random(round_ * 10 + n)) for n in range(3)]
        for writer in writers:
            writer.acknowledged = acknowledged.get(writer.key, "")
            writer.start()
        until = time.monotonic() + 10
        while sum(writer.count for writer in writers) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(random.Random(round_).uniform(0, 0.1))
        server.kill()
        for writer in writers:
            writer.thread.join()
        server.start()
        listed = {item["Key"]: item["Size"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
        for writer in writers:
            writes += writer.count
            if writer.key not in listed:
                assert not writer.acknowledged
                continue
            body = s3.get_object(Bucket=BUCKET, Key=writer.key)["Body"].read()
            acknowledged[writer.key] = hashlib.sha256(body).hexdigest()
            assert len(body) == listed[writer.key]
            assert acknowledged[writer.key] in (writer.acknowledged, writer.attempted)
        assert {path.name for path in server.blobs()} == blobs_in_catalog(server.root)
    assert writes >= 20


def limited() -> None:
    """No file of the server may grow over 2 MiB: writes fail as they do on a full disk, half way through a body."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))


def test_a_full_disk_is_said_and_leaves_nothing_behind(launch: Callable[..., Instance]) -> None:
    server = launch(prepare=limited)
    s3 = server.client()
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"before")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="b")["UploadId"]
    calls: list[Callable[[], object]] = [
        lambda: s3.put_object(Bucket=BUCKET, Key="a", Body=bytes(3 * MIB)),
        lambda: s3.upload_part(Bucket=BUCKET, Key="b", UploadId=upload, PartNumber=1, Body=bytes(5 * MIB)),
    ]
    for call in calls:
        with pytest.raises(ClientError, match=r"InsufficientStorage.*disk of the object store is full"):
            call()
    assert len(server.blobs()) == 1
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"before"
    s3.put_object(Bucket=BUCKET, Key="c", Body=b"small still fits")
    assert server.stop() == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_every_kind_of_full_is_507(number: int) -> None:
    assert as_s3_error(OSError(number, os.strerror(number))).status == 507


def test_a_body_cut_off_leaves_nothing_behind(server: Instance, s3: S3Client) -> None:
    before = len(server.blobs())
    path = f"/{BUCKET}/cut"
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    connection.putrequest("PUT", path)
    for name, value in authorized(server.endpoint, "PUT", path, payload="UNSIGNED-PAYLOAD").items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", "5000000")
    connection.endheaders(bytes(2 * MIB))
    connection.close()
    until = time.monotonic() + 5
    while f"{path} 400 IncompleteBody" not in server.log() and time.monotonic() < until:
        time.sleep(0.02)
    assert len(server.blobs()) == before
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=BUCKET, Key="cut")


def test_a_damaged_object_is_an_error_and_not_other_bytes(server: Instance, s3: S3Client) -> None:
    known = set(server.blobs())
    s3.put_object(Bucket=BUCKET, Key="damaged", Body=bytes(1000))
    (blob,) = set(server.blobs()) - known
    os.truncate(blob, 999)
    with pytest.raises(ClientError, match=r"InternalError.*missing or damaged"):
        s3.get_object(Bucket=BUCKET, Key="damaged")
    s3.delete_object(Bucket=BUCKET, Key="damaged")


def run_once(root: Path, **environment: str) -> tuple[int, str]:
    """Exit status and last words of a server that should not start."""
    names = {"OBJECTSTORE_ACCESS_KEY": "a", "OBJECTSTORE_SECRET_KEY": "b"} | environment
    command = [sys.executable, "-m", "objectstore", "--root", str(root), "--port", "0"]
    ended = subprocess.run(command, cwd=ROOT, env=names, capture_output=True, text=True, timeout=20, check=False)
    return ended.returncode, ended.stderr


def test_it_does_not_start_where_it_would_do_harm(tmp_path: Path, launch: Callable[..., Instance]) -> None:
    server = launch()
    server.client().upload_fileobj(io.BytesIO(b"x"), BUCKET, "a")
    status, words = run_once(server.root)
    assert (status, words.count("\n")) == (2, 1)
    assert "Another object store already serves" in words
    assert server.stop() == 0
    for name in server.root.glob("catalog.sqlite3*"):
        name.unlink()
    status, words = run_once(server.root)
    assert status == 2
    assert "restore it first" in words
    assert run_once(server.root)[0] == 2
    assert len(server.blobs()) == 1
    status, words = run_once(tmp_path / "new", OBJECTSTORE_SECRET_KEY="")
    assert status == 2
    assert "OBJECTSTORE_SECRET_KEY" in words
    status, words = run_once(tmp_path / "new", OBJECTSTORE_BUCKET="No_Bucket")
    assert status == 2
    assert "bucket" in words
