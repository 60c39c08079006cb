"""Second opinions: a share of the judged frames is judged by another person as well, who sees neither verdict nor
score.

An opinion is a row of the log that changes no verdict. Where it differs from the first word, the frame keeps that word
until somebody settles it, by a Review like any other. How often people agree: curation/agreement.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from curation import reasons
from curation.models import Dataset, Frame, Review, SecondLook, Verdict
from curation.problems import Problem

if TYPE_CHECKING:
    from django.contrib.auth.models import User

AT_ONCE = 500
BACKFILLED = 2000  # newest judged frames that are looked at when the share is raised
GONE = "This frame needs no second opinion any more."
TAKEN = "Somebody else gave the second opinion first."
OWN = "You judged this frame yourself; the second opinion has to be somebody else's."
UNKNOWN = "There is no such opinion of yours to take back."

State = SecondLook.State


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """One opinion as the client sent it; with `undoes`, one that is taken back."""

    frame_id: int
    verdict: str
    client_uuid: UUID
    reason: str = ""
    undoes: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Given:
    """What became of it: "applied", "repeated", or "missing" with a sentence."""

    opinion: Opinion
    status: str
    version: int = 0
    message: str = ""


def is_drawn(frame_id: int, share: float) -> bool:
    """Whether a frame is among the share that two people judge. A fixed draw: a larger share holds the smaller one."""
    return zlib.crc32(b"second look:%d" % frame_id) < share * 2**32


def follow(*, dataset: Dataset, reviews: Iterable[Review]) -> None:
    """After verdicts were applied, in their order and transaction: frames that wait for a second word now, that wait no
    longer, or whose differing words were settled."""
    last = {review.frame_id: review for review in reviews}
    known = {look.frame_id: look for look in SecondLook.objects.filter(frame__in=list(last))}
    fresh = [
        SecondLook(dataset=dataset, frame_id=pk, first=review)
        for pk, review in last.items()
        if pk not in known and review.verdict != Verdict.NONE and is_drawn(pk, dataset.second_share)
    ]
    SecondLook.objects.bulk_create(fresh)
    for pk, look in known.items():
        _follow(look, last[pk])


def _follow(look: SecondLook, review: Review) -> None:
    if look.second_id is not None:
        if look.state == State.AGREED:
            return
        is_undone = review.undoes_id is not None
        look.state = State.DIFFERING if is_undone else State.SETTLED
        look.settled_by = None if is_undone else review
        look.save(update_fields=["state", "settled_by"])
    elif review.verdict == Verdict.NONE:
        look.delete()
    else:
        look.first = review
        look.save(update_fields=["first"])


def set_share(*, dataset: Dataset, share: float) -> None:
    """From now on so many of the judged frames go to a second person; of the newest ones judged before as well. What
    waits already goes on to wait. Raises Problem for anything but a share."""
    if not 0 <= share <= 1:
        raise Problem("The share of frames that a second person judges lies between 0 and 100 %.")
    with transaction.atomic():
        Dataset.objects.filter(pk=dataset.pk).update(second_share=share)
        dataset.second_share = share
        if share:
            newest = Review.objects.applied().filter(dataset=dataset).order_by("-id")[:BACKFILLED]
            judged = {review.frame_id: review for review in reversed(list(newest))}
            known = SecondLook.objects.filter(frame__in=list(judged)).values_list("frame_id", flat=True)
            fresh = {pk: review for pk, review in judged.items() if pk not in set(known)}
            follow(dataset=dataset, reviews=fresh.values())


def give(*, dataset: Dataset, user: User, opinions: list[Opinion]) -> list[Given]:
    """Write second opinions to the log, each for itself, in one transaction. Raises Problem for more than 500, an
    unknown verdict or reason, or an id that was used for another frame."""
    if len(opinions) > AT_ONCE:
        raise Problem(f"At most {AT_ONCE} opinions at a time; these are {len(opinions)}.")
    ids = sorted({opinion.frame_id for opinion in opinions})
    with transaction.atomic():
        rows = Frame.objects.filter(pk__in=ids, video__dataset=dataset).order_by("pk").select_for_update(of=("self",))
        frames = {frame.pk: frame for frame in rows}
        return [_given(dataset, user, opinion, frames.get(opinion.frame_id)) for opinion in opinions]


def _given(dataset: Dataset, user: User, opinion: Opinion, frame: Frame | None) -> Given:
    if opinion.undoes is None:
        if opinion.verdict not in (Verdict.IN, Verdict.OUT, Verdict.UNSURE):
            raise Problem("A verdict is in, out or unsure.")
        reasons.check(dataset, verdict=opinion.verdict, reason=opinion.reason)
    known = Review.objects.filter(client_uuid=opinion.client_uuid).first()
    if known is not None and (known.frame_id != opinion.frame_id or not known.is_opinion):
        raise Problem("This review id was used for another frame.", status=409)
    if frame is None:
        return Given(opinion=opinion, status="missing", message=GONE)
    if known is not None:
        return Given(opinion=opinion, status="repeated", version=frame.review_version)
    look = SecondLook.objects.select_related("first", "second").filter(frame=frame).first()
    refusal = _refusal(look, user, opinion)
    if look is None or refusal:
        return Given(opinion=opinion, status="missing", version=frame.review_version, message=refusal)
    _write(dataset, user, opinion, frame, look)
    return Given(opinion=opinion, status="applied", version=frame.review_version)


def _refusal(look: SecondLook | None, user: User, opinion: Opinion) -> str:
    if look is None:
        return GONE
    if opinion.undoes is not None:
        mine = look.second
        return "" if mine and mine.client_uuid == opinion.undoes and mine.user_id == user.pk else UNKNOWN
    if look.second is not None:
        return TAKEN
    return OWN if look.first.user_id == user.pk else ""


def _write(dataset: Dataset, user: User, opinion: Opinion, frame: Frame, look: SecondLook) -> None:
    """The row of the log, and what the frame's two words come to."""
    undone = look.second if opinion.undoes else None
    row = Review.objects.create(
        dataset=dataset, frame=frame, user=user, client_uuid=opinion.client_uuid, is_opinion=True,
        verdict=Verdict.NONE if undone else opinion.verdict, reason="" if undone else opinion.reason,
        previous_verdict=undone.verdict if undone else Verdict.NONE, previous_reason=undone.reason if undone else "",
        seen_version=frame.review_version, undoes=undone, source=Review.Source.SECOND,
        model_version=dataset.active_version,
    )  # fmt: skip
    look.second, look.settled_by = (None if undone else row), None
    look.state = State.WAITING if undone else State.AGREED if look.first.verdict == row.verdict else State.DIFFERING
    look.save(update_fields=["second", "settled_by", "state"])


def waiting_for(dataset: Dataset, user: User) -> QuerySet[SecondLook]:
    """Frames that this person could give a second word on, in a random order that stays."""
    looks = SecondLook.objects.waiting().filter(dataset=dataset).exclude(first__user=user)
    return looks.select_related("frame__video")


def differing(dataset: Dataset) -> QuerySet[SecondLook]:
    """Frames on which two people said different things, oldest first."""
    looks = SecondLook.objects.differing().filter(dataset=dataset).order_by("id")
    return looks.select_related("frame__video", "first__user", "second__user")


@dataclass(frozen=True, kw_only=True)
class Open:
    """How many frames wait for this person's second word, and how many differ."""

    waiting: int
    differing: int


def counts(dataset: Dataset, user: User) -> Open:
    """One query; none where nobody asks for second opinions."""
    if not dataset.second_share:
        return Open(waiting=0, differing=0)
    looks = SecondLook.objects.filter(dataset=dataset, state__in=[State.WAITING, State.DIFFERING]).order_by()
    own = Q(first__user=user) & Q(first__user__isnull=False)
    rows = looks.values_list("state").annotate(others=Count("pk", filter=~own), frames=Count("pk"))
    found = {state: (others, frames) for state, others, frames in rows}
    return Open(waiting=found.get(State.WAITING, (0, 0))[0], differing=found.get(State.DIFFERING, (0, 0))[1])


def broken(dataset: Dataset) -> Iterable[str]:
    """Sentences on second looks that the log doesn't bear out."""
    looks = SecondLook.objects.filter(dataset=dataset).select_related("first", "second")
    for look in looks.iterator():
        words = [look.first, *([look.second] if look.second else [])]
        if any(word.frame_id != look.frame_id for word in words) or (look.second and not look.second.is_opinion):
            yield f"The second look at frame {look.frame_id} refers to reviews of something else."
        if look.state not in _states(look) or (look.state == State.SETTLED) != (look.settled_by_id is not None):
            yield f"The second look at frame {look.frame_id} is {look.state}, which its words don't add up to."
    told = SecondLook.objects.filter(dataset=dataset).exclude(second=None).values("second")
    standing = Review.objects.opinions().filter(dataset=dataset, undoes=None, undone_by=None)
    for review in standing.exclude(pk__in=told):
        yield f"The second opinion {review.pk} on frame {review.frame_id} belongs to no second look."


def _states(look: SecondLook) -> set[SecondLook.State]:
    """Those that its two words allow."""
    if look.second is None:
        return {State.WAITING}
    return {State.AGREED} if look.first.verdict == look.second.verdict else {State.DIFFERING, State.SETTLED}
