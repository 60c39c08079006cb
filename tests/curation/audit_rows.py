"""An audit to judge: recordings whose frames score by what they are, under an active version."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
from django.contrib.auth.models import User

from curation import audits, reviews
from curation.models import AuditSample, Dataset, Frame, FrameScore, ModelVersion, Pack, Review, ScoredPack
from curation.reviews import ReviewRequest
from tests.curation.review_rows import make_dataset, make_version, make_video

FRAMES = 40
NAMES = "abcdefgh"


def is_out(frame: Frame) -> bool:
    """The truth: every fifth frame of a recording doesn't belong."""
    return frame.number % 5 == 4


def score_frames(dataset: Dataset, version: ModelVersion, *, out_mean: float, seed: int = 0) -> None:
    """Outlier scores around 0 for what belongs and around `out_mean` for the rest, losses ten times as high."""
    rng = np.random.default_rng(seed)
    rows = []
    for frame in Frame.objects.filter(video__dataset=dataset).order_by("pk"):
        value = float(rng.normal(out_mean if is_out(frame) else 0.0, 1.0))
        rows.append(
            FrameScore(
                frame=frame, model_version=version, video_id=frame.video_id, kl=1.0, verdict=frame.verdict,
                reconstruction_loss=10 * value + 50, ood_score=value,
            )
        )  # fmt: skip
    FrameScore.objects.bulk_create(rows)
    packs = Pack.objects.filter(video__dataset=dataset)
    ScoredPack.objects.bulk_create(ScoredPack(pack=pack, model_version=version) for pack in packs)


def recordings(*, out_mean: float = 2.0, videos: int = 8) -> Dataset:
    """A data set flagged by the outlier score above 1.5, with `videos` recordings of 40 frames."""
    dataset = make_dataset(ana="curator", bea="curator", olga="admin", vera="viewer")
    Dataset.objects.filter(pk=dataset.pk).update(flag_by="ood_score")
    dataset.refresh_from_db()
    version = make_version(dataset, ood=1.5)
    for name in NAMES[:videos]:
        make_video(dataset, FRAMES, name=f"{name}.mp4")
    score_frames(dataset, version, out_mean=out_mean)
    return dataset


def drawn(dataset: Dataset, *, frames: int = 100, share: float = 1.0, seed: int = 3) -> AuditSample:
    return audits.draw(dataset=dataset, by=User.objects.get(username="olga"), frames=frames, share=share, seed=seed)


def say(
    frame: Frame, verdict: str, *, by: str = "ana", reason: str = "", source: str = Review.Source.AUDIT
) -> ReviewRequest:
    """Records one verdict on the frame as it is now; the request, for an undo."""
    frame.refresh_from_db()
    request = ReviewRequest(
        frame_id=frame.pk, verdict=verdict, client_uuid=uuid4(), seen_version=frame.review_version, source=source,
        reason=reason,
    )  # fmt: skip
    dataset = frame.video.dataset
    (outcome,) = reviews.record(dataset=dataset, user=User.objects.get(username=by), requests=[request])
    assert outcome.status == "applied", outcome
    return request


def judge(sample: AuditSample, count: int | None = None) -> None:
    """The first `count` frames of the audit, or all, judged by the truth."""
    for row in sample.frames.select_related("frame__video__dataset").order_by("place")[:count]:
        out = is_out(row.frame)
        say(row.frame, "out" if out else "in", reason="advertisement" if out else "")
