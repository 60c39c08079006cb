"""What a pack costs: drawing its JPEGs and laying it out, and sending it to the store by boto3 and by obstore.

One pack is 256 frames: two objects. The store is ours, in a process of its own; only the client's CPU counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bench.models import frames
from bench.report import figure
from bench.turns import Run, busy, in_turns, tell_seconds, timed
from scoring.frames import SampledFrame
from scoring.packs import CHUNK, PackWriter, chunk_range
from scoring.preprocessing import Preprocessing

BENCH = "pack"
BASE = "boto3"
KEYS = {"OBJECTSTORE_ACCESS_KEY": "bench", "OBJECTSTORE_SECRET_KEY": "bench-secret", "OBJECTSTORE_BUCKET": "bench"}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench pack", description=__doc__)
    parser.add_argument("--packs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args(arguments)
    writer = _writer()
    objects = [writer.thumbnails()[0], writer.inputs()]
    sizes = "and".join(f" {len(data) / 1e6:.1f} MB " for data in objects).strip()
    with _store() as endpoint:
        ways: dict[str, Callable[[], Run]] = {
            "encoding": lambda: timed(lambda: sum(bool(_encoded()) for _ in range(args.packs))),
            "layout": lambda: timed(
                lambda: sum(bool(writer.thumbnails() and writer.inputs()) for _ in range(args.packs))
            ),
            **{name: partial(_sent, put, objects, args.packs) for name, put in _clients(endpoint).items()},
        }
        runs = in_turns(ways, args.rounds)
    tell_seconds(BENCH, f"{args.packs} packs of {CHUNK} frames, {sizes}", runs, BASE)
    share = [sent.cpu_s / (sent.cpu_s + made.cpu_s) for sent, made in zip(runs[BASE], runs["encoding"], strict=True)]
    figure(BENCH, "boto3", "share of JPEGs and sending together", round(statistics.median(share), 3), "", **busy())
    return 0


def _writer() -> PackWriter:
    writer = PackWriter(2, Preprocessing())
    pictures = zip(chunk_range(2), _encoded(), frames(CHUNK), strict=True)
    for number, jpeg, pixels in pictures:
        writer.add(SampledFrame(number, float(number), False, jpeg, pixels))
    return writer


def _encoded() -> list[bytes]:
    """The thumbnails of a pack, from their pixels."""
    from PIL import Image

    from scoring.pictures import jpeg

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((320, 180), Image.Resampling.BICUBIC)
    return [jpeg(image) for _ in range(CHUNK)]


@contextmanager
def _store() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        command = [sys.executable, "-m", "objectstore", "--root", folder, "--port", "0"]
        root = Path(__file__).resolve().parent.parent
        process = subprocess.Popen(
            command, env={**os.environ, **KEYS}, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=30)


def _clients(endpoint: str) -> dict[str, Callable[[str, bytes], object]]:
    import boto3

    key, secret, bucket = KEYS.values()
    plain = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1"
    )
    found: dict[str, Callable[[str, bytes], object]] = {
        "boto3": lambda name, data: plain.put_object(Bucket=bucket, Key=name, Body=data)
    }
    if find_spec("obstore"):
        lean = import_module("obstore.store").S3Store(
            bucket, endpoint=endpoint, access_key_id=key, secret_access_key=secret, region="us-east-1",
            client_options={"allow_http": True}, virtual_hosted_style_request=False,
        )  # fmt: skip
        found["obstore"] = lambda name, data: lean.put(name, data)
    return found


def _sent(put: Callable[[str, bytes], object], objects: list[bytes], packs: int) -> Run:
    def work() -> int:
        for pack in range(packs):
            for kind, data in zip(("thumbs", "inputs"), objects, strict=True):
                put(f"packs/{pack}/{kind}", data)
        return packs

    return timed(work)
