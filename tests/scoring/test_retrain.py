"""Going on with both verdicts: matches that belong, stripes and noise that don't."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from scoring.checkpoint import load_checkpoint
from scoring.config import TrainConfig
from scoring.detector import Detector, load_detector, save_detector
from scoring.errors import Stopped, TrainingError
from scoring.frames import Pixels
from scoring.metrics import auroc
from scoring.model_file import sha256
from scoring.outliers import Outliers
from scoring.preprocessing import Preprocessing
from scoring.reports import EpochReport, StepReport
from scoring.score import Scorer, to_input
from scoring.steps import retrain_step
from scoring.train import TrainResult, train
from scoring.vae import VAE
from tests.scoring.frames_for_tests import HEIGHT, WIDTH, stripe_frames, tiny_config, turf_frames

TRAIN, HELDOUT = turf_frames(48), turf_frames(12, seed=1)
QUICK: dict[str, Any] = {"outliers": {"steps": 60, "batch_in": 12, "batch_out": 6}}


def mown_frames(count: int, seed: int = 0) -> Pixels:
    """Turf with faint mown lines: so near to what belongs that a fresh model takes it for that."""
    frames = turf_frames(count, seed)
    frames[:, 10::4] += 12
    return frames


OUT = Outliers([stripe_frames(10), mown_frames(10, seed=3)], ["ads"] * 10 + ["mown"] * 10)
MIXED = Outliers(OUT.pixels, OUT.reasons, [False] * 8 + [True] * 2 + [False] * 10)


@pytest.fixture(scope="module")
def start() -> Detector:
    return train(
        TRAIN, HELDOUT, tiny_config(epochs=4), preprocessing=Preprocessing(HEIGHT, WIDTH), device="cpu"
    ).detector


def retrained(
    start: Detector, outliers: Outliers = OUT, config: TrainConfig | None = None, **options: Any
) -> TrainResult:
    config = config or tiny_config(**QUICK)
    return train(TRAIN, HELDOUT, config, outliers=outliers, start_from=start, device="cpu", **options)


def test_it_learns_to_tell_what_was_judged_out(start: Detector) -> None:
    result = retrained(start)
    new_in, new_out = turf_frames(30, seed=8), mown_frames(30, seed=9)
    before, after = (Scorer(detector, "cpu") for detector in (start, result.detector))
    gain = [auroc(s.score(new_in).ood_score, s.score(new_out).ood_score) for s in (before, after)]
    assert gain[0] < 0.6 and gain[1] > gain[0] + 0.15
    assert result.detector.preprocessing == start.preprocessing and result.best_epoch == 3


def test_it_tells_how_each_kind_of_outlier_fares(start: Detector) -> None:
    lines = retrained(start, MIXED).reasons
    assert [(line["reason"], line["frames"], line["seen"]) for line in lines] == [
        ("all", 2, False), ("ads", 2, False), ("mown", 10, True)
    ]  # fmt: skip
    assert lines[2]["auroc"]["after"] > lines[2]["auroc"]["before"] and lines[2]["fpr95"]["after"] < 0.2
    assert json.loads(json.dumps(lines)) == list(lines)
    nameless = retrained(start, Outliers(OUT.pixels, [""] * 20), tiny_config(outliers={"steps": 1})).reasons
    assert [line["reason"] for line in nameless] == ["all", "no reason given"]


def test_it_leaves_held_out_outliers_out_of_the_training(start: Detector) -> None:
    seen = Outliers(
        np.concatenate([*OUT.pixels])[[*range(8), *range(10, 20)]],
        [OUT.reasons[i] for i in [*range(8), *range(10, 20)]],
    )
    assert weights(retrained(start, MIXED)) == weights(retrained(start, seen)) != weights(retrained(start))


def weights(result: TrainResult) -> str:
    return sha256(save_detector(result.detector))


def test_it_resumes_to_the_weights_of_an_uninterrupted_retraining(start: Detector) -> None:
    checkpoints, steps = list[bytes](), list[StepReport]()
    whole = retrained(start, on_checkpoint=checkpoints.append)
    with pytest.raises(Stopped):
        retrained(start, on_step=steps.append, should_stop=lambda: len(steps) >= 25)
    assert weights(retrained(start, resume=load_checkpoint(checkpoints[0]))) == weights(whole)
    with pytest.raises(TrainingError, match="another training set"):
        retrained(start, MIXED, resume=load_checkpoint(checkpoints[0]))


def test_it_reports_what_the_outliers_cost(start: Detector) -> None:
    reports: list[EpochReport] = []
    retrained(start, on_epoch=reports.append)
    assert [report.epoch for report in reports] == [1, 2, 3] and reports[0].epochs == 3
    assert reports[0].train_hinge > reports[-1].train_hinge >= 0
    assert reports[0].train_head > reports[-1].train_head > 0
    assert reports[0].samples[0].shape == (8, HEIGHT, WIDTH, 3)


def test_it_keeps_the_first_anchor_in_a_line_of_retrainings(start: Detector) -> None:
    first = retrained(start).detector
    second = retrained(load_detector(save_detector(first))).detector
    assert first.retrained is not None and second.retrained is not None
    for key, value in start.vae.state_dict().items():
        assert torch.equal(first.retrained.anchor.state_dict()[key], value)
        assert torch.equal(second.retrained.anchor.state_dict()[key], value)
    assert not torch.equal(second.vae.to_moments.weight, first.vae.to_moments.weight)


def test_it_trains_plainly_from_a_retrained_version(start: Detector) -> None:
    plain = train(TRAIN, HELDOUT, tiny_config(epochs=1), start_from=retrained(start).detector, device="cpu")
    assert plain.detector.retrained is None and plain.detector.vae.config.head == 0 and plain.reasons == ()
    assert plain.detector.preprocessing == start.preprocessing


def test_it_asks_only_frames_that_belong_to_be_reconstructed(start: Detector) -> None:
    config = replace(tiny_config(**QUICK), precision="fp32")
    model = VAE(replace(start.vae.config, head=4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    inside, outside = (to_input(frames, torch.device("cpu")) for frames in (TRAIN[:6], stripe_frames(4)))
    noise = torch.randn(10, model.config.latent, generator=torch.Generator().manual_seed(0))
    losses = retrain_step(model, optimizer, inside, outside, 1e4, config, noise)
    model.train()
    reconstruction, mu, _ = model(torch.cat([inside, outside]), noise)
    error = (reconstruction - torch.cat([inside, outside])).square().flatten(1).sum(1)
    assert losses is not None
    assert losses.reconstruction_loss == pytest.approx(error[:6].mean().item(), rel=1e-4)
    assert losses.hinge == pytest.approx((1e4 - error[6:]).mean().item(), rel=1e-4)
    odds = model.head_logit(mu)
    sure = torch.cat([torch.sigmoid(-odds[:6]), torch.sigmoid(odds[6:])])
    assert losses.head == pytest.approx(-sure.log().mean().item(), rel=1e-4)
    whole = losses.reconstruction_loss + losses.kl + 0.5 * losses.hinge + 60 * losses.head
    assert losses.loss == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    ("outliers", "message"),
    [
        (Outliers(stripe_frames(4), ["ads"] * 4), "4 outliers to learn from; at least 5"),
        (Outliers(stripe_frames(9), [""] * 9, [True] * 5 + [False] * 4), "4 outliers"),
        (Outliers([], []), "0 outliers"),
        (Outliers(turf_frames(6, height=30), [""] * 6), "30 x 32 pixels"),
    ],
)
def test_it_refuses_outliers_it_cannot_learn_from(start: Detector, outliers: Outliers, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        retrained(start, outliers)


def test_it_refuses_what_does_not_go_together(start: Detector) -> None:
    with pytest.raises(TrainingError, match="one reason each"):
        Outliers(stripe_frames(4), ["ads"] * 3)
    with pytest.raises(TrainingError, match="say which one"):
        train(TRAIN, HELDOUT, tiny_config(), outliers=OUT, device="cpu")
    with pytest.raises(TrainingError, match="start fresh instead"):
        retrained(start, preprocessing=Preprocessing(HEIGHT, WIDTH, bars="keep"))
    with pytest.raises(TrainingError, match="too little to learn from: 13 of the 25"):
        train(TRAIN[:8], HELDOUT, tiny_config(**QUICK), outliers=Outliers(stripe_frames(5), [""] * 5), start_from=start)
