"""Decisions: one word on many frames at once, a segment or a frozen list, and the undo of it.

Each writes one Review per frame through curation/reviews.py, with an id made from the decision's own and the frame's:
so a repeat is the same decision, and one that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone

from curation import jobs, reasons, reviews, segments, selections
from curation.leases import Lease
from curation.models import Dataset, Decision, Frame, Job, Review, Segment, Selection, Verdict, Video
from curation.problems import Problem
from curation.reviews import BULK_LIMIT, Outcome, ReviewRequest
from curation.undoing import in_force
from curation.versions_seen import Runs, versions

if TYPE_CHECKING:
    from django.contrib.auth.models import User

AT_ONCE = 2_000  # frames of a list that are decided on while somebody waits; more are a job
MOST_FRAMES = 50_000  # of a segment
SAID = (Verdict.IN, Verdict.OUT, Verdict.UNSURE)


@dataclass(frozen=True, kw_only=True)
class DecisionRequest:
    """What the client sent. A segment: `video`, `first`, `last`, and `seen`, the versions of these frames as the client
    saw them, as runs. A list: `selection`. An undo: `undoes`, the id of the decision to take back."""

    uuid: UUID
    kind: str
    verdict: str = ""
    reason: str = ""
    video: int = 0
    first: int = 0
    last: int = 0
    seen: Runs = ()
    selection: UUID | None = None
    undoes: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionOutcome:
    """What became of it. status: "applied", "repeated" (it was made before), "queued" (a job applies it), "conflict"
    (others changed every frame meanwhile) or "missing" (nothing to undo). kept: frames that others changed meanwhile,
    which were left as they are; `by`: one of these others. versions: of the frames of a segment now, as runs."""

    uuid: UUID
    status: str
    applied: int = 0
    kept: int = 0
    verdict: str = ""
    reason: str = ""
    message: str = ""
    by: str = ""
    versions: Runs = ()
    segment: int | None = None


def decide(*, dataset: Dataset, user: User, request: DecisionRequest) -> DecisionOutcome:
    """Write the decision and its reviews, in one transaction; a large one is queued. Raises Problem for what can't be
    decided."""
    try:
        with transaction.atomic():
            return _again(dataset, request) or _KINDS[_kind(request)](dataset, user, request)
    except IntegrityError:  # the same decision, sent twice at the same time
        again = _again(dataset, request)
        if again is None:
            raise
        return again


def _again(dataset: Dataset, request: DecisionRequest) -> DecisionOutcome | None:
    """The answer to a decision that was made before; None for a new one."""
    earlier = Decision.objects.filter(uuid=request.uuid).select_related("video").first()
    if earlier is None:
        return None
    if earlier.dataset_id != dataset.pk:
        raise Problem("This decision's id was used in another data set.", status=409)
    return _outcome(earlier, "queued" if earlier.state == Decision.State.QUEUED else "repeated")


def _kind(request: DecisionRequest) -> str:
    if request.kind not in _KINDS:
        raise Problem("A decision is on a segment or a selection, or an undo.")
    if request.kind != Decision.Kind.UNDO and request.verdict not in SAID:
        raise Problem("A verdict is in, out or unsure. To take one back, undo it.")
    return request.kind


def _on_segment(dataset: Dataset, user: User, request: DecisionRequest) -> DecisionOutcome:
    video = Video.objects.filter(dataset=dataset, pk=request.video).first()
    if video is None:
        raise Problem("This video isn't in the data set any more.", status=404)
    segments.lock([video.pk])
    frames = _frames_seen(video, request)
    decision = _begun(dataset, user, request, video=video, first=request.first, last=request.last)
    outcomes = _recorded(decision, user, _asked(decision, frames, _seen(request)))
    _noted(decision, outcomes)
    if decision.applied:
        decision.segment = _drawn(decision, video)
        decision.save(update_fields=["segment"])
    return _outcome(decision, "applied" if decision.applied else "conflict", by=_winner(outcomes))


def _frames_seen(video: Video, request: DecisionRequest) -> list[Frame]:
    """The frames of the range, in order. Raises Problem unless they are just those that the client saw."""
    if not 0 <= request.last - request.first < MOST_FRAMES:
        raise Problem(f"A segment has between one and {MOST_FRAMES:,} frames.")
    found = Frame.objects.filter(video=video, number__range=(request.first, request.last)).order_by("number")
    frames = list(found)
    if not len(frames) == request.last - request.first + 1 == sum(count for _, count in request.seen):
        raise Problem("The video's frames are other ones than the page showed. Load it again.", status=409)
    return frames


def _seen(request: DecisionRequest) -> Iterator[int]:
    for version, count in request.seen:
        yield from [version] * count


def _asked(decision: Decision, frames: list[Frame], seen: Iterator[int]) -> list[ReviewRequest]:
    """The frames that nobody judged, and those that changed since they were seen, so that the log keeps what was said
    of them. When all were judged and seen like that it is a change of mind: then all of them."""
    pairs = list(zip(frames, seen, strict=True))
    chosen = [(f, version) for f, version in pairs if f.verdict == Verdict.NONE or f.review_version != version]
    return [_review(decision, frame.pk, version, source=Review.Source.SEGMENT) for frame, version in chosen or pairs]


def _review(
    decision: Decision, frame_id: int, seen_version: int, *, source: str, undoes: UUID | None = None
) -> ReviewRequest:
    return ReviewRequest(
        frame_id=frame_id,
        verdict=decision.verdict,
        reason=decision.reason,
        client_uuid=uuid5(decision.uuid, str(frame_id)),
        seen_version=seen_version,
        source=source,
        undoes=undoes,
    )


def _drawn(decision: Decision, video: Video) -> Segment | None:
    """The segment with the decision's edges; the word is on it when all of its frames carry it."""
    assert decision.first is not None and decision.last is not None
    row = segments.cover(video=video, first=decision.first, last=decision.last)
    inside = Frame.objects.filter(video=video, number__range=(decision.first, decision.last))
    if row is None or inside.exclude(verdict=decision.verdict).exists():
        return row
    row.verdict, row.reason = decision.verdict, decision.reason
    row.judged_by, row.judged_at = decision.user, timezone.now()
    row.save(update_fields=["verdict", "reason", "judged_by", "judged_at"])
    return row


def _on_selection(dataset: Dataset, user: User, request: DecisionRequest) -> DecisionOutcome:
    selection = request.selection and Selection.objects.filter(dataset=dataset, uuid=request.selection).first()
    if not selection:
        raise Problem("This list of frames is gone. Select the frames again.", status=404)
    decision = _begun(dataset, user, request, selection=selection)
    return _at_once_or_queued(decision, selection.count)


def _undo(dataset: Dataset, user: User, request: DecisionRequest) -> DecisionOutcome:
    known = Decision.objects.filter(dataset=dataset).select_related("video", "segment")
    undone = request.undoes and known.filter(uuid=request.undoes).first()
    if not undone or undone.kind == Decision.Kind.UNDO:
        return DecisionOutcome(uuid=request.uuid, status="missing", message="There is no such decision to undo.")
    if undone.undone_by.exists():
        return DecisionOutcome(uuid=request.uuid, status="missing", message="This decision was taken back already.")
    if undone.state == Decision.State.QUEUED:
        raise Problem("This decision is still being applied. Undo it when that is done.", status=409)
    decision = _begun(dataset, user, request, undoes=undone, **_where(undone))
    return _at_once_or_queued(decision, undone.applied)


def _where(decision: Decision) -> dict[str, object]:
    return {"segment": decision.segment, "video": decision.video, "first": decision.first, "last": decision.last}


def _begun(dataset: Dataset, user: User, request: DecisionRequest, **subject: object) -> Decision:
    verdict, reason = ("", "") if request.kind == Decision.Kind.UNDO else (request.verdict, request.reason)
    reasons.check(dataset, verdict=verdict, reason=reason)
    return Decision.objects.create(
        dataset=dataset,
        uuid=request.uuid,
        user=user,
        kind=request.kind,
        verdict=verdict,
        reason=reason,
        **subject,
    )


def _at_once_or_queued(decision: Decision, frames: int) -> DecisionOutcome:
    if frames > AT_ONCE:
        decision.state = Decision.State.QUEUED
        decision.save(update_fields=["state"])
        name = decision.user.get_username() if decision.user else ""
        jobs.request(kind=Job.Kind.DECIDE, dataset=decision.dataset, by=name, decision=decision)
        return _outcome(decision, "queued")
    outcomes = [outcome for part in _parts(decision) for outcome in _recorded(decision, decision.user, part)]
    _noted(decision, outcomes)
    return _outcome(decision, "applied" if decision.applied else "conflict", by=_winner(outcomes))


def apply(decision: Decision, lease: Lease) -> None:
    """The body of a queued decision's job. Reviews that an earlier attempt wrote are repeats."""
    parts, outcomes = list(_parts(decision)), list[Outcome]()
    for turn, part in enumerate(parts):
        with lease.transaction():
            outcomes += _recorded(decision, decision.user, part)
        lease.progress((turn + 1) / len(parts), f"{len(outcomes):,} frames decided")
    with lease.transaction():
        _noted(decision, outcomes)


def _parts(decision: Decision) -> Iterator[list[ReviewRequest]]:
    """What the decision asks for, at most 500 frames at a time."""
    requests = _of_undo(decision) if decision.undoes else _of_selection(decision)
    while part := [request for _, request in zip(range(BULK_LIMIT), requests, strict=False)]:
        yield part


def _of_selection(decision: Decision) -> Iterator[ReviewRequest]:
    assert decision.selection is not None
    for frame_id, version in selections.frames_of(decision.selection):
        yield _review(decision, frame_id, version, source=Review.Source.BULK)


def _of_undo(decision: Decision) -> Iterator[ReviewRequest]:
    """Seen is the version that the decision made, or one at which it is in force again: frames that somebody changed
    since are left as they are."""
    rows = Review.objects.applied().filter(decision=decision.undoes).order_by("frame_id", "id")
    said = list(rows.values_list("pk", "frame_id", "seen_version", "frame__review_version", "client_uuid"))
    standing = in_force([(pk, frame, seen) for pk, frame, seen, now, _ in said if seen + 1 != now])
    for pk, frame_id, seen, now, client_uuid in said:
        version = now if pk in standing else seen + 1
        yield _review(decision, frame_id, version, source=Review.Source.UNDO, undoes=client_uuid)


def _recorded(decision: Decision, user: User | None, requests: list[ReviewRequest]) -> list[Outcome]:
    found: list[Outcome] = []
    for start in range(0, len(requests), BULK_LIMIT):
        part = requests[start : start + BULK_LIMIT]
        found += reviews.record(dataset=decision.dataset, user=user, requests=part, decision=decision)
    return found


def _noted(decision: Decision, outcomes: list[Outcome]) -> None:
    """What became of the frames, on the decision; a repeat counts by what the log says it did."""
    stale = [outcome for outcome in outcomes if outcome.status == "conflict"]
    decision.applied = sum(outcome.status in ("applied", "repeated") for outcome in outcomes)
    decision.kept = len(stale)
    decision.message = _told(decision, stale) if stale else ""
    decision.state = Decision.State.DONE
    decision.save(update_fields=["applied", "kept", "message", "state"])


def _told(decision: Decision, stale: list[Outcome]) -> str:
    who = stale[0].message or "They have changed since you saw them."
    if not decision.applied:
        return f"Somebody was faster: {who}"
    frames = "1 frame keeps its" if len(stale) == 1 else f"{len(stale)} frames keep their"
    return f"{frames} verdict: {who}"


def _winner(outcomes: list[Outcome]) -> str:
    return next((outcome.by for outcome in outcomes if outcome.status == "conflict"), "")


def _outcome(decision: Decision, status: str, *, by: str = "") -> DecisionOutcome:
    return DecisionOutcome(
        uuid=decision.uuid,
        status=status,
        applied=decision.applied,
        kept=decision.kept,
        verdict=decision.verdict,
        reason=decision.reason,
        message=decision.message,
        by=by,
        versions=versions(decision.video, decision.first, decision.last),
        segment=decision.segment_id,
    )


_KINDS = {
    Decision.Kind.SEGMENT.value: _on_segment,
    Decision.Kind.SELECTION.value: _on_selection,
    Decision.Kind.UNDO.value: _undo,
}
