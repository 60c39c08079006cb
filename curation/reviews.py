"""Recording what people say about frames: an append-only log, and the frame's current verdict beside it.

A review carries an id made by the client, so that a repeat is no second review, and the version of the frame that the
person saw, so that nobody overwrites what they haven't seen. The log itself is replayed by curation/review_log.py.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from curation import calibrations, reasons, scores, second_looks, segments, tally_changes
from curation.models import Dataset, Decision, Frame, FrameProbability, FrameScore, ModelVersion, Review, Score, Verdict
from curation.problems import Problem
from curation.undoing import in_force

if TYPE_CHECKING:
    from django.contrib.auth.models import User

BULK_LIMIT = 500
MISSING = "This frame isn't in the dataset any more."
UNKNOWN_UNDO = "There is no such decision on this frame to undo."
WORDS = {Verdict.NONE: "nothing", Verdict.IN: "IN", Verdict.OUT: "OUT", Verdict.UNSURE: "UNSURE"}


@dataclass(frozen=True, kw_only=True)
class ReviewRequest:
    """One decision as the client sent it. With `undoes`, verdict and reason are taken from the log, not from here."""

    frame_id: int
    verdict: str
    client_uuid: UUID
    seen_version: int
    source: str = Review.Source.GALLERY
    undoes: UUID | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one request; `verdict`, `reason` and `review_version` are the frame's own after it."""

    frame_id: int
    client_uuid: UUID
    status: str
    verdict: str = Verdict.NONE
    review_version: int = 0
    by: str = ""
    at: dt.datetime | None = None
    message: str = ""
    reason: str = ""


def record(
    *, dataset: Dataset, user: User | None, requests: list[ReviewRequest], decision: Decision | None = None
) -> list[Outcome]:
    """Write the reviews to the log and apply those that are not stale, in one transaction, in the order given.
    `decision`: the word on many frames that they are part of (curation/decisions.py).

    Status of each: "applied"; "repeated" (its id is in the log already); "conflict" (somebody else decided in between:
    kept in the log, not applied); "missing" (no such frame in this dataset, or nothing to undo; not kept).
    Raises Problem for more than 500 reviews, an unknown verdict or reason, or an id that was used for another frame.
    """
    _check(requests)
    with transaction.atomic():
        batch = _Batch.opened(dataset=dataset, user=user, requests=requests, decision=decision)
        drafts = [batch.take(request) for request in requests]
        batch.write()
        if batch.changed:
            calibrations.request_when_due(dataset)
        return _answered(drafts, batch)


def _check(requests: list[ReviewRequest]) -> None:
    if len(requests) > BULK_LIMIT:
        raise Problem(f"At most {BULK_LIMIT} reviews at a time; these are {len(requests)}.")
    for request in requests:
        if request.undoes is None and request.verdict not in (Verdict.IN, Verdict.OUT, Verdict.UNSURE):
            raise Problem("A verdict is in, out or unsure. To take one back, undo it.")
        if request.source not in Review.Source.values or request.source == Review.Source.SECOND:
            raise Problem(f"Unknown source of a review: {request.source[:20]!r}.")


@dataclass(kw_only=True)
class _Batch:
    """The frames of one call, locked, and the rows that will be written for them."""

    dataset: Dataset
    user: User | None
    decision: Decision | None
    version: ModelVersion | None
    frames: dict[int, Frame]
    losses: dict[int, float]
    flagged: dict[int, bool]
    known: dict[UUID, Review]
    standing: set[int]  # reviews that can be undone though others followed: these were undone
    rows: list[Review] = field(default_factory=list)
    before: dict[int, str] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    conflicted: set[int] = field(default_factory=set)
    applied: list[Review] = field(default_factory=list)

    @classmethod
    def opened(
        cls, *, dataset: Dataset, user: User | None, requests: list[ReviewRequest], decision: Decision | None
    ) -> _Batch:
        frames = _locked_frames(dataset, {request.frame_id for request in requests})
        known, version = _known_reviews(requests), dataset.active_version
        return cls(
            dataset=dataset,
            user=user,
            decision=decision,
            version=version,
            frames=frames,
            losses=_scores(version, Score.RECONSTRUCTION_LOSS, frames),
            flagged=_flagged(dataset, version, frames),
            known=known,
            standing=_standing([known[r.undoes] for r in requests if r.undoes in known], frames),
        )

    def take(self, request: ReviewRequest) -> tuple[ReviewRequest, str]:
        """Decide what becomes of one request: its status, with the row noted for writing where there is one."""
        frame = self.frames.get(request.frame_id)
        if frame is None:
            return request, "missing"
        earlier = self.known.get(request.client_uuid)
        if earlier is not None:
            return request, self._again(request, earlier)
        if not request.undoes:
            reasons.check(self.dataset, verdict=request.verdict, reason=request.reason)
        undone = self.known.get(request.undoes) if request.undoes else None
        if request.undoes and (undone is None or undone.frame_id != frame.pk):
            return request, "missing"
        is_conflict = self._is_stale(request, frame, undone)
        self._note(request, frame, undone, is_conflict)
        return request, "conflict" if is_conflict else "applied"

    def _again(self, request: ReviewRequest, earlier: Review) -> str:
        if earlier.frame_id != request.frame_id or earlier.dataset_id != self.dataset.pk:
            raise Problem("This review id was used for another frame.", status=409)
        return "conflict" if earlier.is_conflict else "repeated"

    def _is_stale(self, request: ReviewRequest, frame: Frame, undone: Review | None) -> bool:
        """Made on another state than the frame's; after a conflict, later ones of the same call are stale as well."""
        if frame.pk in self.conflicted or request.seen_version != frame.review_version:
            return True
        is_last = undone is None or undone.seen_version + 1 == frame.review_version or undone.pk in self.standing
        return not is_last or (undone is not None and undone.is_conflict)

    def _note(self, request: ReviewRequest, frame: Frame, undone: Review | None, is_conflict: bool) -> None:
        row = Review(
            dataset=self.dataset,
            frame=frame,
            user=self.user,
            decision=self.decision,
            client_uuid=request.client_uuid,
            verdict=undone.previous_verdict if undone else request.verdict,
            reason=undone.previous_reason if undone else request.reason,
            previous_verdict=frame.verdict,
            previous_reason=frame.reason,
            seen_version=request.seen_version,
            is_conflict=is_conflict,
            source=Review.Source.UNDO if undone else request.source,
            model_version=self.version,
            reconstruction_loss=self.losses.get(frame.pk),
            threshold=self.version.threshold if self.version else None,
            was_flagged=self.flagged.get(frame.pk),
        )
        if undone is not None and undone.pk is None:
            self._write_rows()  # an undo refers to the row it undoes, so that one must be written first
        row.undoes = undone
        self.rows.append(row)
        self.known[row.client_uuid] = row
        self._apply(frame, row)

    def _apply(self, frame: Frame, row: Review) -> None:
        if row.is_conflict:
            self.conflicted.add(frame.pk)
            return
        self.before.setdefault(frame.pk, frame.verdict)
        frame.verdict, frame.reason = row.verdict, row.reason
        frame.review_version += 1
        self.changed.add(frame.pk)
        self.applied.append(row)

    def write(self) -> None:
        self._write_rows()
        changed = [self.frames[pk] for pk in sorted(self.changed)]
        tally_changes.verdicts_changed(self.dataset, {f.pk: (self.before[f.pk], f.verdict) for f in changed})
        _write_verdicts(changed)
        segments.recount(frames=[(frame.video_id, frame.number) for frame in changed])
        second_looks.follow(dataset=self.dataset, reviews=self.applied)

    def _write_rows(self) -> None:
        Review.objects.bulk_create(self.rows)
        self.rows = []


def _locked_frames(dataset: Dataset, ids: set[int]) -> dict[int, Frame]:
    """Locked in one order, so that two calls on the same frames wait for each other instead of deadlocking."""
    segments.lock(Frame.objects.filter(pk__in=ids, video__dataset=dataset).values("video_id"))
    rows = Frame.objects.filter(pk__in=ids, video__dataset=dataset).order_by("pk")
    return {frame.pk: frame for frame in rows.select_for_update(of=("self",))}


def _scores(version: ModelVersion | None, score: str, frames: Iterable[int]) -> dict[int, float]:
    if version is None:
        return {}
    # Of a frame there are few scores, of a version a million: SQLite, asked for both, reads all of the version's.
    rows = FrameScore.objects.having(score).filter(frame__in=list(frames))
    found = rows.values_list("model_version_id", "frame_id", score)
    return {frame_id: value for version_id, frame_id, value in found if version_id == version.pk}


def _flagged(dataset: Dataset, version: ModelVersion | None, frames: Iterable[int]) -> dict[int, bool]:
    """The model's side of the threshold that the data set flags by."""
    if version is None:
        return {}
    score = scores.flag_score(dataset, version)
    threshold = version.threshold_of(score)
    if threshold is None:
        return {}
    return {pk: value > threshold for pk, value in _scores(version, score, frames).items()}


def _known_reviews(requests: list[ReviewRequest]) -> dict[UUID, Review]:
    """Reviews in the log that these requests repeat or undo, by client id."""
    ids = {request.client_uuid for request in requests} | {request.undoes for request in requests if request.undoes}
    return {review.client_uuid: review for review in Review.objects.filter(client_uuid__in=ids)}


def _standing(undone: list[Review], frames: dict[int, Frame]) -> set[int]:
    """Of these reviews, which to undo, those that were followed by others, all undone since."""
    versions = {pk: frame.review_version for pk, frame in frames.items()}
    words = [(row.pk, row.frame_id, row.seen_version) for row in undone if row.frame_id in versions]
    followed = [word for word in words if word[2] + 1 != versions[word[1]]]
    return in_force(followed) if followed else set()


def _write_verdicts(frames: list[Frame]) -> None:
    """Store verdict, reason and version of each frame, and the copies of the verdict beside every version's scores."""
    states: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    verdicts: dict[str, list[int]] = defaultdict(list)
    for frame in frames:
        states[frame.verdict, frame.reason, frame.review_version].append(frame.pk)
        verdicts[frame.verdict].append(frame.pk)
    for (verdict, reason, review_version), ids in states.items():
        Frame.objects.filter(pk__in=ids).update(verdict=verdict, reason=reason, review_version=review_version)
    for verdict, ids in verdicts.items():
        FrameScore.objects.filter(frame__in=ids).update(verdict=verdict)
        FrameProbability.objects.filter(frame__in=ids).update(verdict=verdict)


def _answered(drafts: list[tuple[ReviewRequest, str]], batch: _Batch) -> list[Outcome]:
    lost = [request.frame_id for request, status in drafts if status == "conflict"]
    winners = _last_words(lost)
    return [_outcome(request, status, batch, winners) for request, status in drafts]


def _outcome(request: ReviewRequest, status: str, batch: _Batch, winners: dict[int, Review]) -> Outcome:
    frame = batch.frames.get(request.frame_id)
    if frame is None:
        return Outcome(frame_id=request.frame_id, client_uuid=request.client_uuid, status=status, message=MISSING)
    winner = winners.get(frame.pk) if status == "conflict" else None
    return Outcome(
        frame_id=frame.pk,
        client_uuid=request.client_uuid,
        status=status,
        verdict=frame.verdict,
        reason=frame.reason,
        review_version=frame.review_version,
        by=str(winner.user or "somebody") if winner else "",
        at=winner.created_at if winner else None,
        message=_message(status, winner),
    )


def _message(status: str, winner: Review | None) -> str:
    if status == "missing":
        return UNKNOWN_UNDO
    if status != "conflict":
        return ""
    if winner is None:
        return "This frame has changed since you saw it."
    why = f" ({winner.reason})" if winner.reason else ""
    verb = "took the verdict back" if winner.verdict == Verdict.NONE else f"said {WORDS[Verdict(winner.verdict)]}{why}"
    return f"{winner.user or 'Somebody'} {verb} at {winner.created_at:%H:%M} UTC."


def _last_words(frame_ids: list[int]) -> dict[int, Review]:
    """The review that made each frame's present verdict."""
    rows = Review.objects.applied().filter(frame__in=frame_ids).select_related("user").order_by("id")
    return {review.frame_id: review for review in rows}
