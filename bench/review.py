"""Reviewing at a million frames: how soon a verdict is acknowledged and echoed, and what the review queue takes.

On SQLite and on PostgreSQL, each behind a whole instance with its web server. Fills a data set first (minutes).
"""

from __future__ import annotations

import json
import re
from argparse import Namespace
from functools import partial
from itertools import cycle
from uuid import uuid4

from bench import browser
from bench.instance import Client, Instance
from bench.load import SLUG, instances, parser, report, set_reviewed, timed
from bench.report import figure

BENCH = "review"
BASE = f"/d/{SLUG}"
REVIEWED = (0.02, 0.5)
ORDERS = ("worst", "uncertain", "diverse", "audit", "newest")
TILE = re.compile(r'data-frame="(\d+)" data-version="(\d+)"')
ME = "from django.contrib.auth.models import User; print(User.objects.get(username='admin').pk)"


def main(arguments: list[str]) -> int:
    args = parser(BENCH, __doc__).parse_args(arguments)
    for case, instance in instances(BENCH, args):
        user = int(instance.python(ME))
        client = Client(instance)
        for share in REVIEWED:
            set_reviewed(instance, share)
            _verdicts(f"{case}, {share:.0%} reviewed", client, user, args)
        set_reviewed(instance, REVIEWED[0])
        instance.python(SEGMENTS)
        _segments(case, client, instance, user, args)
        if not args.no_browser:
            _on_screen(case, instance)
    return 0


SEGMENTS = f"from bench.progress import find_segments; find_segments({SLUG!r})"


def _verdicts(case: str, client: Client, user: int, args: Namespace) -> None:
    """One frame at a time, as keys send them; then fifty at once."""
    tiles = TILE.findall(client.get(f"{BASE}/frames/?verdict=unreviewed&copies=all", htmx=True)[0])
    versions = {int(frame): int(version) for frame, version in tiles}
    frames = cycle(list(versions))

    def judge(count: int) -> float:
        chosen = [next(frames) for _ in range(count)]
        rows = [
            {"uuid": str(uuid4()), "frame": pk, "verdict": "out", "seen": versions[pk], "source": "gallery"}
            for pk in chosen
        ]
        text, spent = client.post(f"{BASE}/reviews/", {"user": user, "reviews": rows})
        for outcome in json.loads(text)["outcomes"]:
            versions[outcome["frame"]] = outcome["version"]
        return spent

    report(BENCH, case, "verdict acknowledged", timed(2 * args.rounds, lambda: judge(1)))
    report(BENCH, case, "fifty verdicts acknowledged", timed(10, lambda: judge(50)))


def _segments(case: str, client: Client, instance: Instance, user: int, args: Namespace) -> None:
    for order in ORDERS:
        report(
            BENCH, case, f"queue page, {order}", timed(10, partial(client.wait_for, f"{BASE}/review/?order={order}"))
        )
    found = instance.python(
        f"from bench.progress import open_segments; print(open_segments({SLUG!r}, {args.rounds + 1}))"
    )
    segments = iter(json.loads(found))

    def decide() -> float:
        video, first, last, seen = next(segments)
        said = {"uuid": str(uuid4()), "kind": "segment", "video": video, "first": first, "last": last}
        body = {"user": user, "decisions": [{**said, "verdict": "out", "seen": seen}]}
        return client.post(f"{BASE}/decisions/", body)[1]

    report(BENCH, case, "segment acknowledged", timed(args.rounds, decide))
    said = instance.python(f"from bench.queries import count; print(count('{BASE}/review/'))")
    figure(BENCH, case, "queries of the queue page", int(said), "queries")


def _on_screen(case: str, instance: Instance) -> None:
    with browser.page_of(instance) as page:
        browser.first_paint(BENCH, case, page, f"{instance.url}{BASE}/review/", "main img")
        browser.echo(BENCH, case, page, "main", ["a", "d", "d"])
