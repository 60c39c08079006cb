from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from scoring.checkpoint import load_checkpoint
from scoring.config import TrainConfig
from scoring.detector import plain, save_detector
from scoring.errors import ModelError, Stopped, TrainingError
from scoring.metrics import auroc
from scoring.model_file import sha256
from scoring.preprocessing import Preprocessing
from scoring.reports import EpochReport, StepReport
from scoring.score import Scorer, to_input
from scoring.steps import train_step
from scoring.train import TrainResult, train
from scoring.vae import VAE
from tests.scoring.frames_for_tests import stripe_frames, tiny_config, turf_frames

TRAIN, HELDOUT = turf_frames(64), turf_frames(12, seed=1)


def trained(config: TrainConfig, **options: Any) -> TrainResult:
    return train(TRAIN, HELDOUT, config, device="cpu", **options)


def fingerprint(result: TrainResult) -> str:
    return sha256(save_detector(result.detector))


def test_it_learns_and_tells_outliers_from_the_rest() -> None:
    reports: list[EpochReport] = []
    result = trained(tiny_config(epochs=6), on_epoch=reports.append)
    assert [report.epoch for report in reports] == list(range(1, 7))
    assert reports[-1].heldout_reconstruction_loss < 0.5 * reports[0].heldout_reconstruction_loss
    assert reports[-1].eta_s == 0 < reports[0].eta_s
    losses = Scorer(result.model, "cpu").score(stripe_frames(20)).reconstruction_loss
    assert auroc(result.heldout_losses, losses) == 1.0


def test_it_shows_the_same_held_out_frames_after_each_epoch() -> None:
    reports: list[EpochReport] = []
    trained(tiny_config(epochs=2), on_epoch=reports.append)
    (inputs, first), (again, second) = (report.samples for report in reports)
    assert inputs.shape == first.shape == (8, 24, 32, 3) and inputs.dtype == first.dtype == np.uint8
    assert np.array_equal(inputs, again) and not np.array_equal(first, second)
    assert "samples" not in reports[0].as_json()


def test_it_gives_the_same_weights_for_the_same_set_and_seed() -> None:
    first, again = trained(tiny_config(epochs=1)), trained(tiny_config(epochs=1))
    other = trained(tiny_config(epochs=1, seed=1))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)


def test_it_takes_frames_as_one_array_or_in_packs() -> None:
    packs = [TRAIN[:10], TRAIN[10:11], TRAIN[11:]]
    in_packs = train(packs, [HELDOUT[:5], HELDOUT[5:]], tiny_config(epochs=1), device="cpu")
    assert fingerprint(in_packs) == fingerprint(trained(tiny_config(epochs=1)))


def test_it_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(tiny_config(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_it_resumes_to_the_weights_of_an_uninterrupted_training() -> None:
    config, checkpoints = tiny_config(epochs=3), list[bytes]()
    whole = trained(config, on_checkpoint=checkpoints.append)
    resumed = trained(config, resume=load_checkpoint(checkpoints[1]))
    assert fingerprint(resumed) == fingerprint(whole)
    assert resumed.best_epoch == whole.best_epoch
    untimed = [[entry["heldout_loss"] for entry in result.history] for result in (resumed, whole)]
    assert untimed[0] == untimed[1]


def test_it_resumes_after_being_stopped_in_the_middle_of_an_epoch() -> None:
    config, checkpoints, steps = tiny_config(epochs=2), list[bytes](), list[StepReport]()
    with pytest.raises(Stopped):
        trained(config, on_checkpoint=checkpoints.append, on_step=steps.append, should_stop=lambda: len(steps) >= 25)
    assert len(steps) == 25 and len(checkpoints) == 1
    assert fingerprint(trained(config, resume=load_checkpoint(checkpoints[0]))) == fingerprint(trained(config))


def test_it_refuses_a_checkpoint_of_another_training() -> None:
    checkpoints: list[bytes] = []
    trained(tiny_config(epochs=1), on_checkpoint=checkpoints.append)
    with pytest.raises(TrainingError, match="another training set"):
        trained(tiny_config(epochs=2), resume=load_checkpoint(checkpoints[0]))
    with pytest.raises(TrainingError, match="another training set"):
        train(TRAIN[:-1], HELDOUT, tiny_config(epochs=1), resume=load_checkpoint(checkpoints[0]))
    for damaged in (b"", b"junk" * 9, checkpoints[0][:-1], save_detector(plain(VAE(tiny_config().vae)))):
        with pytest.raises(TrainingError, match="can't be read"):
            load_checkpoint(damaged)


def test_it_keeps_the_best_epoch_and_ends_when_it_stops_getting_better() -> None:
    # Two frames that look like no other: learning the rest by heart makes them worse.
    config, checkpoints = tiny_config(epochs=60, patience=3, lr=0.01), list[bytes]()
    result = train(TRAIN[:8], stripe_frames(2), config, on_checkpoint=checkpoints.append, device="cpu")
    losses = [entry["heldout_loss"] for entry in result.history]
    assert len(losses) < 60
    assert result.best_epoch == int(np.argmin(losses)) + 1 == len(losses) - 3
    assert np.mean(result.heldout_losses) == pytest.approx(
        result.history[result.best_epoch - 1]["heldout_reconstruction_loss"], rel=1e-5
    )
    resumed = train(TRAIN[:8], stripe_frames(2), config, resume=load_checkpoint(checkpoints[-1]), device="cpu")
    assert fingerprint(resumed) == fingerprint(result)


def test_it_goes_on_from_another_version() -> None:
    first = trained(tiny_config(epochs=3))
    warm = trained(tiny_config(epochs=1, lr=1e-4), start_from=first.detector)
    cold = trained(tiny_config(epochs=1, lr=1e-4))
    assert warm.history[0]["heldout_loss"] < 0.7 * cold.history[0]["heldout_loss"]
    assert warm.model is not first.model
    other = VAE(dataclasses.replace(first.model.config, latent=9))
    with pytest.raises(TrainingError, match="another shape"):
        trained(tiny_config(epochs=1), start_from=plain(other))


def test_it_skips_a_step_that_is_not_a_number() -> None:
    config = tiny_config()
    model = VAE(config.vae).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = to_input(TRAIN[:8], torch.device("cpu"))
    x[3, 0, 0, 0] = float("nan")
    assert train_step(model, optimizer, x, config, None) is None
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    x[3, 0, 0, 0] = 0.5
    assert train_step(model, optimizer, x, config, None) is not None
    assert not torch.equal(model.to_moments.weight, before["to_moments.weight"])


def test_it_gives_up_in_words_when_the_loss_stays_not_a_number() -> None:
    steps: list[StepReport] = []
    with pytest.raises(TrainingError, match="20 steps in a row; lower the learning rate"):
        trained(tiny_config(lr=1e30, batch_size=2), on_step=steps.append)
    assert [step.loss for step in steps[-19:]] == [None] * 19


def test_it_never_reports_a_held_out_loss_that_is_not_a_number() -> None:
    reports: list[EpochReport] = []
    with pytest.raises(TrainingError, match="not a number after epoch 1; lower the learning rate"):
        trained(tiny_config(lr=1e30), on_epoch=reports.append)
    assert not reports


def test_it_hands_over_what_recalibration_needs() -> None:
    result = trained(tiny_config(epochs=1), preprocessing=Preprocessing(24, 32))
    detector = result.detector
    assert detector.preprocessing == Preprocessing(24, 32) and detector.start_activations is not None
    again = Scorer(detector, "cpu").score(TRAIN)
    assert again.activations is not None and np.array_equal(detector.start_activations, again.activations)
    assert detector.start_scores is not None
    assert np.array_equal(detector.start_scores, again.ood_score.astype(np.float32))
    assert result.heldout.activations is not None and result.heldout.activations.shape == (12, 3 * 40)


@pytest.mark.parametrize("loss", ["squared", "relative"])
def test_it_minimises_the_loss_that_it_was_told_to(loss: str) -> None:
    result = trained(tiny_config(epochs=2, loss=loss))
    last, scores = result.history[-1], result.heldout
    floor = 30 * (24 * 32) / (60 * 80)
    relative = (150 * scores.reconstruction_loss / (scores.variance + floor) + scores.kl).mean()
    squared = (scores.reconstruction_loss + scores.kl).mean()
    assert last["heldout_loss"] == pytest.approx(relative if loss == "relative" else squared, rel=1e-4)
    assert last["train_loss"] < 0.9 * result.history[0]["train_loss"]


@pytest.mark.parametrize(
    ("train_pixels", "heldout", "message"),
    [
        (TRAIN[:7], HELDOUT, "7 frames to train on; at least 8"),
        ([], HELDOUT, "0 frames"),
        (TRAIN, HELDOUT[:0], "no held-out frames"),
        (turf_frames(9, height=30), HELDOUT, "30 x 32 pixels"),
    ],
)
def test_it_refuses_a_set_that_cannot_be_trained(train_pixels: Any, heldout: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        train(train_pixels, heldout, tiny_config())


def test_it_takes_about_as_many_steps_whatever_the_size_of_the_set() -> None:
    config = TrainConfig()
    for frames in (8, 33, 257, 600, 800):
        steps = config.epochs_for(frames) * config.steps_per_epoch(frames)
        assert config.steps <= steps <= 1.1 * config.steps
        assert config.epochs_for(frames) <= 23
    assert config.epochs_for(1_000_000) == 6


def test_it_reads_its_configuration_from_json_and_back() -> None:
    config = TrainConfig.from_json('{"preset": "article", "vae": {"latent": 32}, "epochs": 3}')
    assert config.vae.latent == 32 and config.vae.hidden > 0 and config.epochs == 3
    assert config.lr < TrainConfig.from_json({}).lr == TrainConfig().lr
    assert TrainConfig.from_json('{"preset": "article", "lr": 0.5}').lr == 0.5
    assert TrainConfig.from_json(config.as_json()) == config


@pytest.mark.parametrize(
    ("height", "width", "stages"), [(120, 160, 5), (60, 80, 4), (240, 320, 6), (90, 160, 5), (256, 256, 6), (20, 30, 2)]
)
def test_it_makes_the_large_model_as_deep_as_its_frames_are_large(height: int, width: int, stages: int) -> None:
    vae = TrainConfig.from_json({"preset": "large", "vae": {"height": height, "width": width}}).vae
    assert (vae.height, vae.width, len(vae.channels)) == (height, width, stages)
    assert TrainConfig.from_json({"preset": "large", "vae": {"channels": [8]}}).vae.channels == (8,)
    again = TrainConfig.from_json({"preset": "large", "vae": {"height": height, "width": width}}).as_json()
    assert TrainConfig.from_json(again).vae == vae


@pytest.mark.parametrize("preset", ["small", "article", "large"])
def test_it_trains_every_preset(preset: str) -> None:
    slim = {"channels": [4, 6, 8, 8, 8]} if preset == "large" else {"channels": [4, 6, 8, 8]}
    narrow = {"hidden": 12} if preset == "article" else {}
    size = (120, 160) if preset == "large" else (60, 80)
    config = TrainConfig.from_json({"preset": preset, "vae": {**slim, **narrow}, "epochs": 1, "batch_size": 4})
    frames, heldout = (turf_frames(count, height=size[0], width=size[1]) for count in (9, 3))
    result = train(frames, heldout, config, device="cpu")
    assert np.isfinite(result.heldout.ood_score).all()


def test_it_keeps_the_last_epoch_when_told_to() -> None:
    config = tiny_config(epochs=6, patience=6, lr=0.01)
    best, last = (
        train(TRAIN[:8], stripe_frames(2), tiny_config(**{**vars_of(config), "keep": keep}), device="cpu")
        for keep in ("best", "last")
    )
    assert last.best_epoch == 6 > best.best_epoch


def vars_of(config: TrainConfig) -> dict[str, Any]:
    return {"epochs": config.epochs, "patience": config.patience, "lr": config.lr}


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"rate": 1}', '{"preset": "huge"}', '{"preset": []}', '{"lr": 0}', '{"lr": NaN}', '{"epochs": 0}',
        '{"epochs": true}', '{"batch_size": 1}', '{"seed": -1}', '{"target_tpr": 1}', '{"flip": 1}', '{"vae": 3}',
        '{"precision": "fp8"}', '{"loss": "cubic"}', '{"keep": "first"}', '{"crop": 0}', '{"crop": 1.1}',
        '{"jitter": -0.1}', '{"outliers": 3}', '{"outliers": {"step": 3}}', '{"outliers": {"lr": 0}}',
        '{"outliers": {"hinge": -1}}', '{"outliers": {"head": 0}}', '{"vae": {"latent": 0}}', '{"vae": {"depth": 1}}',
        '{"vae": {"channels": "24"}}', '{"vae": {"channels": [24, "x"]}}', '{"vae": {"height": 8}}',
        '{"preset": "large", "vae": {"height": "x"}}', '{"preset": "large", "vae": {"width": 9999}}',
    ],
)  # fmt: skip
def test_it_refuses_a_bad_configuration_in_words(text: str) -> None:
    with pytest.raises((TrainingError, ModelError)) as caught:
        TrainConfig.from_json(text)
    assert str(caught.value).endswith((".", ")")) or ":" in str(caught.value)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns_in_either_precision(precision: str) -> None:
    result = trained(tiny_config(epochs=2, precision=precision))
    assert result.history[-1]["train_reconstruction_loss"] < 0.85 * result.history[0]["train_reconstruction_loss"]
    assert all(parameter.dtype == torch.float32 for parameter in result.model.parameters())
