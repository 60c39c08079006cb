"""Brings a filled data set to a state of review, past the rules: for benchmarks, whose log nobody reads."""

from __future__ import annotations

import json
from itertools import groupby

from django.db import connection
from django.db.models import Case, F, QuerySet, Value, When
from django.db.models.functions import Mod

from curation import bulk, segments, tally_changes
from curation.models import Dataset, Frame, FrameProbability, FrameScore, Segment, Verdict, Video

PARTS = 1000
OUT_OF = 12


def set_reviewed(slug: str, share: float) -> None:
    """So many frames, spread over all scores, stand judged, one in twelve of them OUT; the rest unreviewed. Indexes are
    made anew after it: a million rows that move in them one by one take PostgreSQL many minutes."""
    dataset = Dataset.objects.get(slug=slug)
    tables = (Frame, FrameScore, FrameProbability)
    with bulk.without_indexes(*tables):
        _judge(Frame.objects.filter(video__dataset=dataset), "pk", share)
        _judge(FrameScore.objects.filter(model_version__dataset=dataset), "frame_id", share)
        probabilities = FrameProbability.objects.filter(calibration__model_version__dataset=dataset)
        _judge(probabilities, "frame_id", share)
    tally_changes.recount(dataset)
    bulk.settle(*tables)


def _judge(rows: QuerySet[Frame] | QuerySet[FrameScore] | QuerySet[FrameProbability], key: str, share: float) -> None:
    judged = rows.alias(part=Mod(F(key), PARTS)).filter(part__lt=round(share * PARTS))
    said = Case(When(side=0, then=Value(Verdict.OUT.value)), default=Value(Verdict.IN.value))
    fresh = judged.filter(verdict=Verdict.NONE)
    fresh.alias(side=Mod(F(key), OUT_OF)).update(verdict=said)
    rows.exclude(verdict=Verdict.NONE).alias(part=Mod(F(key), PARTS)).filter(part__gte=round(share * PARTS)).update(
        verdict=Verdict.NONE
    )


def find_segments(slug: str) -> None:
    """Segments anew, with what is open in them, after verdicts that went past the rules."""
    for video in Video.objects.filter(dataset__slug=slug):
        segments.rebuild(video=video)
    bulk.settle(Segment)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")  # now, not while somebody is timed


def open_segments(slug: str, count: int) -> str:
    """The worst open segments as JSON: video, first and last frame, review versions by run length."""
    worst = Segment.objects.filter(dataset__slug=slug, is_outlier=True).open().order_by("-worst")[:count]
    return json.dumps([[row.video_id, row.first, row.last, _seen(row)] for row in worst])


def _seen(row: Segment) -> list[tuple[int, int]]:
    frames = Frame.objects.filter(video=row.video_id, number__range=(row.first, row.last)).order_by("number")
    runs = groupby(frames.values_list("review_version", flat=True))
    return [(version, len(list(run))) for version, run in runs]
