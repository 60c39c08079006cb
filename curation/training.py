"""Asking for a training run: what it would learn from, why it can't start, and the run with its frozen set.

Which frames those are is in curation/training_set.py.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from curation import audits, calibrations, jobs, storage
from curation.models import Dataset, Frame, Job, ModelVersion, TrainingRun, Verdict
from curation.problems import Problem
from curation.training_set import FrozenSet, freeze, learned_from, read_entries
from scoring.config import TrainConfig
from scoring.errors import ModelError, TrainingError

__all__ = ["FrozenSet", "SetPreview", "freeze", "preview", "read_set", "request_run", "why_not_both"]

FEW_VIDEOS = 5
MIN_FRAMES = 16
NEAR = "Frames of few videos look alike: the threshold may not hold on a new video. Mark more videos as reference."
NOTHING_MARKED = "Nothing is marked as in distribution yet. Mark reference videos, or train on everything."
EVERYTHING = (
    "Trains on every frame that nobody judged OUT. This finds outliers only while they are rare: "
    "what the model sees often in training, it takes as normal."
)
NO_VERSION = "There is no version to go on from yet: train one first."
ALL_SEEN = "Every video with frames in distribution was in the training set of {}; its held-out figures flatter it."


@dataclass(frozen=True)
class SetPreview:
    """What a run asked for now would learn from. `problem` says why it can't; `warning` what to mind. `reasons`: the
    OUT frames that it learns from, by reason ("" = none given), the most frequent first."""

    train_frames: int
    train_videos: int
    heldout_frames: int
    heldout_videos: int
    is_everything: bool
    confirmed_in: int
    excluded_out: int
    warning: str
    problem: str
    out_frames: int = 0
    out_videos: int = 0
    heldout_out: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    set_aside: int = 0  # videos that an audit keeps
    set_aside_judged: int = 0  # their frames with verdict IN or OUT, which teach nothing meanwhile

    @property
    def sentence(self) -> str:
        """In words: the frames of both kinds, and the reasons."""
        inside = _count(self.train_frames, "in-distribution frame")
        known = f"learns from {inside} of {_count(self.train_videos, 'video')}"
        if not self.out_frames:
            return known
        named = ", ".join(f"{reason or 'no reason given'} {count:,}" for reason, count in self.reasons)
        return f"{known} and from {_count(self.out_frames, 'OUT frame')} ({named})"

    @property
    def heldout_sentence(self) -> str:
        """What measures the run, and what is left out."""
        held = f"{_count(self.heldout_frames, 'frame')} of {_count(self.heldout_videos, 'video')}"
        also = f", with {self.heldout_out:,} OUT" if self.heldout_out else ""
        left = f" {self.excluded_out:,} judged OUT are left out." if self.excluded_out and not self.out_frames else ""
        return f"Held out to measure it: {held}{also}.{left}"

    @property
    def audit_sentence(self) -> str:
        """What the audit that serves keeps from the run; empty without one."""
        if not self.set_aside:
            return ""
        judged = f", with {_count(self.set_aside_judged, 'reviewed frame')}" if self.set_aside_judged else ""
        return f"The audit keeps {_count(self.set_aside, 'video')}{judged}: what measures models must not teach them."


def preview(
    dataset: Dataset, *, everything: bool = False, start_from: ModelVersion | None = None, retrain: bool = False
) -> SetPreview:
    """Count the set without freezing it."""
    frozen = freeze(dataset, everything=everything, start_from=start_from, learns_out=retrain)
    verdicts, kept = Frame.objects.filter(video__dataset=dataset), audits.set_aside(dataset)
    judged = verdicts.filter(verdict__in=[Verdict.IN, Verdict.OUT], video__in=kept)
    return SetPreview(
        train_frames=frozen.train_frames,
        train_videos=len(frozen.frames),
        heldout_frames=frozen.heldout_frames,
        heldout_videos=len(frozen.heldout),
        is_everything=everything,
        confirmed_in=verdicts.filter(verdict=Verdict.IN).count(),
        excluded_out=verdicts.filter(verdict=Verdict.OUT).count(),
        warning=_warning(frozen, everything, start_from),
        problem=_problem(frozen, everything),
        out_frames=frozen.reasons.total(),
        out_videos=len(frozen.out_frames),
        heldout_out=frozen.measured_reasons.total() if retrain else 0,
        reasons=_by_size(frozen.reasons),
        set_aside=len(kept),
        set_aside_judged=judged.count() if kept else 0,
    )


def _by_size(reasons: Counter[str]) -> tuple[tuple[str, int], ...]:
    """The most frequent first; those without a reason last."""
    return tuple(sorted(reasons.items(), key=lambda item: (not item[0], -item[1], item[0])))


def _problem(frozen: FrozenSet, everything: bool) -> str:
    total = frozen.train_frames + frozen.heldout_frames
    if not total:
        return "There are no frames yet. Upload videos first." if everything else NOTHING_MARKED
    if total < MIN_FRAMES:
        return f"{total} frames are too few to learn from; at least {MIN_FRAMES} are needed."
    return ""


def _warning(frozen: FrozenSet, everything: bool, start_from: ModelVersion | None) -> str:
    if everything:
        return EVERYTHING
    if start_from is not None and frozen.heldout_videos & learned_from(start_from):
        return ALL_SEEN.format(start_from)
    videos = set(frozen.frames) | frozen.heldout_videos
    return NEAR if 0 < len(videos) < FEW_VIDEOS else ""


def why_not_both(dataset: Dataset, version: ModelVersion | None) -> str:
    """Why a run can't learn from both verdicts yet, in a sentence; empty when it can."""
    if version is None:
        return NO_VERSION
    inside, out = calibrations.reviewed(dataset)
    if calibrations.is_enough(inside, out):
        return ""
    needed, each = calibrations.NEEDED_REVIEWS, calibrations.NEEDED_EACH
    return (
        f"Learning from both verdicts needs {needed} reviewed frames with at least {each} IN and {each} OUT; "
        f"so far there are {inside} IN and {out} OUT."
    )


def request_run(
    *,
    dataset: Dataset,
    by: User | None,
    preset: str = "small",
    loss: str = "",
    epochs: int | None = None,
    start_from: ModelVersion | None = None,
    retrain: bool = False,
    everything: bool = False,
    seed: int = 0,
) -> TrainingRun:
    """Freeze the set and queue the training. Raises Problem when it can't start, with the reason.

    start_from: go on from this version, in its own size. retrain: learn from both verdicts, from that version or else
    the active one. loss: "squared" or "relative"; empty takes that of the version, or the engine's default.
    """
    if retrain:
        start_from = start_from or newest_usable(dataset)
        if refusal := why_not_both(dataset, start_from):
            raise Problem(refusal)
    config = _config(dataset, preset=preset, loss=loss, epochs=epochs, start_from=start_from, seed=seed)
    found = preview(dataset, everything=everything, start_from=start_from, retrain=retrain)
    if found.problem:
        raise Problem(found.problem)
    frozen = freeze(
        dataset,
        everything=everything,
        seed=seed,
        heldout_fraction=config.heldout_fraction,
        start_from=start_from,
        learns_out=retrain,
    )
    run = _run_of(frozen, dataset=dataset, config=config.as_json(), start_from=start_from, is_everything=everything)
    run.requested_by, run.note = by, found.warning
    return _queue(run, frozen.to_bytes(), by)


def newest_usable(dataset: Dataset) -> ModelVersion | None:
    """The version that a run goes on from unless another is named: the active one, else the newest that is ready."""
    return dataset.active_version or dataset.model_versions.ready().first()


def _run_of(frozen: FrozenSet, **values: Any) -> TrainingRun:
    return TrainingRun(
        train_frames=frozen.train_frames,
        train_videos=len(frozen.frames),
        heldout_frames=frozen.heldout_frames,
        heldout_videos=len(frozen.heldout),
        out_frames=frozen.reasons.total(),
        out_videos=len(frozen.out_frames),
        set_videos=sorted(frozen.videos),
        **values,
    )


def _queue(run: TrainingRun, data: bytes, by: User | None) -> TrainingRun:
    run.set_key = run.key("set.json.gz")
    run.set_sha256 = hashlib.sha256(data).hexdigest()
    try:
        storage.write(run.set_key, data, "application/gzip")
    except storage.StoreUnavailable as error:
        raise Problem("The object store does not answer; try again in a minute.", status=503) from error
    try:
        with transaction.atomic():
            run.save()
            name = by.get_username() if by else ""
            jobs.request(kind=Job.Kind.TRAIN, dataset=run.dataset, by=name, training_run=run)
    except IntegrityError as error:
        raise Problem("A training run is under way in this data set; wait for it or cancel it.", status=409) from error
    return run


def _config(
    dataset: Dataset, *, preset: str, loss: str, epochs: int | None, start_from: ModelVersion | None, seed: int
) -> TrainConfig:
    size = {"height": dataset.input_height, "width": dataset.input_width}
    values: dict[str, Any] = {"preset": preset, "seed": seed, "target_tpr": dataset.target_tpr, "vae": size}
    if start_from is not None:
        values |= _as_before(start_from)
    if loss:
        values["loss"] = loss
    if epochs:
        values["epochs"] = epochs
    try:
        return TrainConfig.from_json(values)
    except (TrainingError, ModelError) as error:
        raise Problem(str(error)) from error


def _as_before(version: ModelVersion) -> dict[str, Any]:
    """What a run keeps of the version that it goes on from: shape, preset, kind of loss."""
    run = TrainingRun.objects.filter(version=version).first()
    kept = {name: run.config[name] for name in ("preset", "loss") if run and name in run.config}
    return {**kept, "vae": version.config}


def read_set(run: TrainingRun) -> list[dict[str, Any]]:
    """The frozen entries, checked against the run's sha256."""
    data = storage.read(run.set_key)
    if hashlib.sha256(data).hexdigest() != run.set_sha256:
        raise Problem("The frozen training set in the object store is not the one this run was asked for.")
    return read_entries(data)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
