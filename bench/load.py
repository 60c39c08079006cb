"""What the benchmarks of the pages share: a filled instance per database, how far its review is, and percentiles."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.instance import DATABASES, Instance, running
from bench.report import figure

SLUG = "load"
CURSOR = re.compile(r'[?;&]after=([^"&]+)')


def parser(bench: str, description: str | None) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog=f"python -m bench {bench}", description=description)
    found.add_argument("--frames", type=int, default=1_000_000)
    found.add_argument("--videos", type=int, default=2000)
    found.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    found.add_argument("--data", type=Path, help="keep the filled databases here, and use those that are there")
    found.add_argument("--rounds", type=int, default=40, help="requests per case")
    found.add_argument("--no-browser", action="store_true", help="leave out what needs a Chromium")
    return found


def instances(bench: str, args: argparse.Namespace) -> Iterator[tuple[str, Instance]]:
    """A filled instance on each database; the data set is filled where it isn't there, which is a figure as well."""
    for database in DATABASES if args.database == "both" else [args.database]:
        with running(database, args.data) as instance:
            case = f"{database}, {args.frames:,} frames of {args.videos:,} videos"
            _fill(bench, case, instance, args)
            yield case, instance


def _fill(bench: str, case: str, instance: Instance, args: argparse.Namespace) -> None:
    known = instance.python(
        f"from curation.models import Frame; print(Frame.objects.filter(video__dataset__slug='{SLUG}').count())"
    )
    if int(known) == args.frames:
        return
    began = time.perf_counter()
    instance.manage("fill", "--frames", str(args.frames), "--videos", str(args.videos), "--dataset", SLUG)
    spent = time.perf_counter() - began
    figure(bench, case, "fill", round(args.frames / spent), "frames/s", seconds=round(spent, 1))


def set_reviewed(instance: Instance, share: float) -> None:
    """As if so many frames were judged. The log knows nothing of it: for benchmarks only."""
    instance.python(f"from bench.progress import set_reviewed; set_reviewed({SLUG!r}, {share})")


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def timed(rounds: int, ask: Callable[[], float]) -> list[float]:
    """Milliseconds of so many requests, after one to warm up."""
    ask()
    return [ask() for _ in range(rounds)]


def report(bench: str, case: str, name: str, spent: Sequence[float], **more: object) -> None:
    """Median and 95th percentile of milliseconds; how busy the machine was, because others may share it."""
    busy = round(os.getloadavg()[0], 1)
    figure(
        bench, case, f"{name}, p95", round(percentile(spent, 0.95), 1), "ms", median=round(statistics.median(spent), 1),
        n=len(spent), load=busy, **more,
    )  # fmt: skip
