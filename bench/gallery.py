"""The gallery at a million frames: pages at any depth, filters, histogram, counts, first paint, echo, memory.

On SQLite and on PostgreSQL, each behind a whole instance with its web server. Fills a data set first (minutes).
"""

from __future__ import annotations

import json
import statistics
import sys
from argparse import Namespace
from functools import partial
from itertools import accumulate
from urllib.parse import urlencode

from bench import browser
from bench.instance import Client, Instance
from bench.load import CURSOR, SLUG, instances, parser, report, set_reviewed, timed
from bench.report import figure

BENCH = "gallery"
PAGE = f"/d/{SLUG}/frames/"
REVIEWED = (0.02, 0.5, 0.95)
FILTERS = (
    "",
    "verdict=unreviewed",
    "verdict=reviewed",
    "verdict=out",
    "side=above",
    "side=below&verdict=unreviewed",
    "low=40&high=60",
    "sort=ood",
    "sort=ood&verdict=reviewed",
    "sort=probability",
    "copies=all",
)


def main(arguments: list[str]) -> int:
    args = parser(BENCH, __doc__).parse_args(arguments)
    for case, instance in instances(BENCH, args):
        client = Client(instance)
        for share in REVIEWED:
            set_reviewed(instance, share)
            _measure(f"{case}, {share:.0%} reviewed", client, args)
        set_reviewed(instance, REVIEWED[0])
        _queries(case, instance)
        if not args.no_browser:
            browser.measure_gallery(BENCH, case, instance, f"{PAGE}?verdict=unreviewed")
    return 0


def _measure(case: str, client: Client, args: Namespace) -> None:
    pages: list[float] = []
    ratios = []
    for asked in FILTERS:
        first, deep, last = (timed(args.rounds, partial(client.wait_for, p, htmx=True)) for p in _places(client, asked))
        pages += first + deep + last
        ratios.append(statistics.median(last) / statistics.median(first))
        depths = {"first": first, "middle": deep, "last": last}
        medians = {name: round(statistics.median(spent), 1) for name, spent in depths.items()}
        report(BENCH, f"{case}, {asked or 'all'}", "page of 60", first + deep + last, **medians)
    report(BENCH, case, "page of 60, any filter and depth", pages)
    spread = [round(min(ratios), 2), round(max(ratios), 2)]
    figure(BENCH, case, "last page / first page", round(statistics.median(ratios), 2), "ratio", spread=spread)
    lists = [ms for asked in FILTERS for ms in timed(3, partial(client.wait_for, f"{PAGE}?{asked}", htmx=True))]
    report(BENCH, case, "filter or sort", lists)
    report(BENCH, case, "whole page", timed(args.rounds, partial(client.wait_for, PAGE)))
    report(BENCH, case, "histogram", timed(args.rounds, partial(client.wait_for, f"{PAGE}histogram.json")))
    report(BENCH, case, "counts", timed(args.rounds, partial(client.wait_for, f"{PAGE}?part=progress")))


def _places(client: Client, asked: str) -> tuple[str, str, str]:
    """Addresses of the page after the first, of one in the middle, and of the last 59 frames. A cursor names a frame,
    so that of the list from its other end will do."""
    parts = dict(part.split("=") for part in asked.split("&") if part)
    backward = urlencode({**parts, "sort": f"{parts.get('sort', 'loss')}_asc"})
    queries = (asked, f"{asked}&from={_middle(client, parts)}", backward)
    first, deep, last = (f"{PAGE}?{asked}&after={_cursor(client, query)}" for query in queries)
    return first, deep, last


def _middle(client: Client, parts: dict[str, str]) -> float:
    """The score with half of the frames above that pass the filters, as far as the histogram tells."""
    drawn = json.loads(client.get(f"{PAGE}histogram.json?bins=400&sort={parts.get('sort', 'loss')}")[0])
    names = {"unreviewed": ["none"], "reviewed": ["in", "out", "unsure"], "": ["none", "in", "out", "unsure"]}
    verdict = parts.get("verdict", "")
    counts = [sum(column) for column in zip(*(drawn[name] for name in names.get(verdict, [verdict])), strict=True)]
    low = float(parts.get("low", drawn["threshold"] if parts.get("side") == "above" else "-inf"))
    high = float(parts.get("high", drawn["threshold"] if parts.get("side") == "below" else "inf"))
    inside = [count if low <= edge <= high else 0 for edge, count in zip(drawn["edges"], counts, strict=False)]
    half = next(n for n, total in enumerate(accumulate(inside)) if total * 2 >= sum(inside))
    return float(drawn["edges"][half])


def _cursor(client: Client, query: str) -> str:
    found = CURSOR.search(client.get(f"{PAGE}?{query}", htmx=True)[0])
    if found is None:
        sys.exit(f"The gallery has no second page under {query!r}: fill more frames.")
    return found[1].replace("%7E", "~")


def _queries(case: str, instance: Instance) -> None:
    """Queries of the whole page, of data sets of 60 and of 600 videos."""
    for videos in (60, 600):
        slug = f"videos-{videos}"
        known = instance.python(
            f"from curation.models import Dataset; print(Dataset.objects.filter(slug='{slug}').count())"
        )
        if int(known) == 0:
            instance.manage("fill", "--frames", str(videos * 10), "--videos", str(videos), "--dataset", slug)
        said = instance.python(f"from bench.queries import count; print(count('/d/{slug}/frames/'))")
        figure(BENCH, case, f"queries of a page, {videos} videos", int(said), "queries")
