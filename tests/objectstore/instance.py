"""A store in a process of its own, and requests written by hand (signed without the server's code)."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import boto3
from botocore.config import Config
from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).resolve().parents[2]
ACCESS_KEY = "conformance"
SECRET_KEY = "conformance-secret"
BUCKET = "videos"
HOST = "127.0.0.1"


def client(endpoint: str, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY, region: str = "") -> S3Client:
    """boto3 as the product uses it; no retries, so that each refusal is seen."""
    made: S3Client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region or "us-east-1",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 0},
            max_pool_connections=20,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    return made


@dataclass
class Instance:
    """`python -m objectstore` on a free port."""

    root: Path
    origins: str = "*"
    prepare: Callable[[], None] | None = None
    process: subprocess.Popen[str] = field(init=False)
    port: int = 0

    def start(self) -> Instance:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "objectstore", "--root", str(self.root), "--port", str(self.port)],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "OBJECTSTORE_ACCESS_KEY": ACCESS_KEY,
                "OBJECTSTORE_SECRET_KEY": SECRET_KEY,
                "OBJECTSTORE_BUCKET": BUCKET,
                "OBJECTSTORE_CORS_ORIGINS": self.origins,
            },
            stdout=subprocess.PIPE,
            stderr=(self.root.parent / f"{self.root.name}.log").open("a"),
            text=True,
            preexec_fn=self.prepare,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listening" in line, self.log()
        self.port = int(line.rsplit(":", 1)[1])
        return self

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def client(self) -> S3Client:
        return client(self.endpoint)

    def log(self) -> str:
        return (self.root.parent / f"{self.root.name}.log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def blobs(self) -> list[Path]:
        return [path for path in (self.root / "blobs").rglob("*") if path.is_file()]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """S3's error code, "" when the body isn't a refusal."""
        return self.body.decode().partition("<Code>")[2].partition("</Code>")[0]


def send(url: str, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """One request, exactly as given: no client library adds or repairs anything."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)
    connection.putrequest(method, parts.path + (f"?{parts.query}" if parts.query else ""), skip_accept_encoding=True)
    sent = {"Content-Length": str(len(body))} if method in ("PUT", "POST") else {}
    for name, value in (sent | (headers or {})).items():
        connection.putheader(name, value)
    connection.endheaders(body or None)
    response = connection.getresponse()
    answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    connection.close()
    return answer


def stamp(age_s: float = 0) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age_s))


def signing_key(when: str, secret: str = SECRET_KEY) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (when[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(method: str, path: str, query: str, headers: dict[str, str], payload: str, when: str) -> str:
    """The signature of the canonical request, from AWS's description of it."""
    names = sorted(headers)
    lines = [method, quote(path), query, *[f"{name}:{headers[name]}" for name in names], "", ";".join(names), payload]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{when}\n{when[:8]}/us-east-1/s3/aws4_request\n{digest}"
    return hmac.digest(signing_key(when), text.encode(), "sha256").hex()


def presign(
    endpoint: str, method: str, path: str, *, age_s: float = 0, expires: str = "300", key: str = ACCESS_KEY
) -> str:
    """A presigned URL as it would have been made `age_s` seconds ago."""
    when = stamp(age_s)
    query = "&".join(
        [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            f"X-Amz-Credential={key}%2F{when[:8]}%2Fus-east-1%2Fs3%2Faws4_request",
            f"X-Amz-Date={when}",
            f"X-Amz-Expires={expires}",
            "X-Amz-SignedHeaders=host",
        ]
    )
    host = urlsplit(endpoint).netloc
    signed = signature(method, path, query, {"host": host}, "UNSIGNED-PAYLOAD", when)
    return f"{endpoint}{quote(path)}?{query}&X-Amz-Signature={signed}"


def authorized(
    endpoint: str, method: str, path: str, *, payload: str, age_s: float = 0, extra: dict[str, str] | None = None
) -> dict[str, str]:
    """Headers of a request signed in its Authorization header."""
    when = stamp(age_s)
    headers = {"host": urlsplit(endpoint).netloc, "x-amz-content-sha256": payload, "x-amz-date": when, **(extra or {})}
    signed = signature(method, path, "", headers, payload, when)
    credential = f"{ACCESS_KEY}/{when[:8]}/us-east-1/s3/aws4_request"
    names = ";".join(sorted(headers))
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signed}"
    del headers["host"]
    return headers
