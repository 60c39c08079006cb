"""Segments whose borders people draw: one made of exactly these frames, and an edge that is moved."""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from django.db.models import Exists, OuterRef

from curation.models import Frame, Score, Segment, Verdict, Video
from curation.models.segment import SegmentQuerySet
from curation.problems import Problem
from curation.segment_rows import FIGURES, Rule, drafts, lock, rule_of, track

Edge = Literal["start", "end"]
Part = tuple[int, int, Segment, bool]
WITHIN = {"video": OuterRef("video"), "number__gte": OuterRef("first"), "number__lte": OuterRef("last")}
REDRAWN = [*FIGURES, "first", "last", "verdict", "reason", "judged_by", "judged_at"]


def cover(*, video: Video, first: int, last: int) -> Segment | None:
    """Make one segment of exactly the frames `first` to `last`, both included, and give it. What its neighbours lose
    of their frames they lose at that end; what remains on both sides of it is two segments. None while the video has
    no segments yet. Raises Problem for frames that the video does not have."""
    with transaction.atomic():
        lock([video.pk])
        return _drawn(video, first, last)


def move_edge(*, segment: Segment, edge: Edge, number: int) -> None:
    """Make frame `number` the first (edge "start") or the last (edge "end") of the segment. Frames that it gains come
    from its neighbours, whole ones included unless a person judged them; frames that it loses go to the neighbour, or
    become a segment of their own beside a judged one. Raises Problem where that can't be."""
    with transaction.atomic():
        lock([segment.video_id])
        now = Segment.objects.select_related("video").filter(pk=segment.pk).first()
        if now is None:
            raise Problem("This segment is gone: the segments were found anew meanwhile.", status=409)
        first, last = (number, now.last) if edge == "start" else (now.first, number)
        _check_move(now, edge, first, last)
        _drawn(now.video, first, last, keep=now.pk)
        _give(now, edge, number)


def _check_move(now: Segment, edge: Edge, first: int, last: int) -> None:
    if edge not in ("start", "end"):
        raise Problem("A segment has a start and an end to move.")
    if first > last:
        raise Problem("A segment keeps at least one frame.")
    swallowed = now.video.segments.judged().filter(first__gte=first, last__lte=last).exclude(pk=now.pk)
    if swallowed.exists():
        raise Problem("A segment that somebody decided on lies in between; undo that decision first.", status=409)


def _give(before: Segment, edge: Edge, number: int) -> None:
    """Let the neighbour have the frames that the segment gave up."""
    beside = before.video.segments.filter(verdict=Verdict.NONE)
    if edge == "start" and number > before.first:
        neighbour = beside.filter(last=before.first - 1).first()
        if neighbour is not None:
            _drawn(before.video, neighbour.first, number - 1, keep=neighbour.pk)
    elif edge == "end" and number < before.last:
        neighbour = beside.filter(first=before.last + 1).first()
        if neighbour is not None:
            _drawn(before.video, number + 1, neighbour.last, keep=neighbour.pk)


def _drawn(video: Video, first: int, last: int, *, keep: int | None = None) -> Segment | None:
    """The segment of these frames. The row `keep` becomes it, or the one with most of its frames."""
    met = list(video.segments.filter(last__gte=first, first__lte=last).order_by("first"))
    if not met and not video.segments.exists():
        return None
    if first > last or not met or first < met[0].first or last > met[-1].last:
        raise Problem("The video doesn't have these frames.")
    if len(met) == 1 and (met[0].first, met[0].last) == (first, last):
        return met[0]
    heir = next((row for row in met if row.pk == keep), None) or max(met, key=lambda row: _shared(row, first, last))
    _redraw(video, met, _plan(met, heir, first, last))
    return Segment.objects.get(pk=heir.pk)


def _shared(row: Segment, first: int, last: int) -> int:
    return min(row.last, last) - max(row.first, first)


def _plan(met: list[Segment], heir: Segment, first: int, last: int) -> list[Part]:
    """First and last frame of each segment to be, the row whose words it takes over, and whether it becomes that row
    (a row can only become one)."""
    plan: list[Part] = [(first, last, heir, True)]
    if met[0].first < first:
        plan.insert(0, (met[0].first, first - 1, met[0], met[0] is not heir))
    if met[-1].last > last:
        plan.append((last + 1, met[-1].last, met[-1], met[-1] is not heir))
    return plan


def _redraw(video: Video, met: list[Segment], plan: list[Part]) -> None:
    going = {row.pk for row in met} - {source.pk for *_, source, stays in plan if stays}
    rows = _drafted(video, met, [first for first, *_ in plan])
    Segment.objects.filter(pk__in=going).delete()
    for row, (*_, source, stays) in zip(rows, plan, strict=True):
        _inherit(row, source, stays=stays)
    known = [row for row in rows if row.pk is not None]
    Segment.objects.bulk_create(known, update_conflicts=True, unique_fields=["id"], update_fields=REDRAWN)
    Segment.objects.bulk_create([row for row in rows if row.pk is None])
    take_back(Segment.objects.filter(video=video, first__in=[row.first for row in rows]))


def _inherit(row: Segment, source: Segment, *, stays: bool) -> None:
    """What people said, and the place in the order of the unlike ones; a row that stays keeps its draw as well."""
    for name in ("verdict", "reason", "judged_by_id", "judged_at", "diversity"):
        setattr(row, name, getattr(source, name))
    if stays:
        row.pk, row.draw = source.pk, source.draw


def _drafted(video: Video, met: list[Segment], firsts: list[int]) -> list[Segment]:
    """Rows that begin at these numbers and hold the frames of `met`."""
    rule, last = _rule(video, met[0]), met[-1].last
    found = track(video.pk, rule, first=met[0].first, last=last + 1)  # one more: a segment ends where the next begins
    goes_on = [last + 1] if found.number[-1] > last else []
    return drafts(video, rule, found, [*firsts, *goes_on])[: len(firsts)]


def _rule(video: Video, row: Segment) -> Rule:
    """What the row was found by; what flags now where that version is gone."""
    version = row.model_version
    if version is not None:
        score = Score(row.score)
        return Rule(version=version, score=score, threshold=row.threshold, quantiles=version.quantiles_of(score))
    rule = rule_of(video.dataset)
    if rule is None:
        raise Problem("The model that found these segments is gone; activate another version first.", status=409)
    return rule


def take_back(rows: SegmentQuerySet) -> None:
    """The word on a segment goes when not all of its frames carry it any more."""
    said_otherwise = Frame.objects.filter(**WITHIN).exclude(verdict=OuterRef("verdict"))
    nothing = {"verdict": Verdict.NONE, "reason": "", "judged_by": None, "judged_at": None}
    rows.judged().filter(Exists(said_otherwise)).update(**nothing)
