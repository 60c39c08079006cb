"""`python -m scoring train | score | evaluate`, on generated packs, images and one video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from scoring.__main__ import main
from scoring.detector import load_detector
from scoring.frames import Pixels, SampledFrame
from scoring.model_file import read_notes
from scoring.packs import INPUT_SUFFIX, pack_name, packed
from scoring.preprocessing import Preprocessing
from scoring.recalibrate import Calibration, calibrate
from scoring.score import Scorer
from tests.scoring.frames_for_tests import stripe_frames, turf_frames

TINY = json.dumps({"vae": {"channels": [8, 16, 16], "latent": 8}, "epochs": 4})
SCORES = ["reconstruction_loss", "ood_score", "minus_green_share", "minus_log_variance"]


def write_packs(folder: Path, frames: Pixels) -> Path:
    folder.mkdir(parents=True)
    sampled = (SampledFrame(n, n / 2, n == 0, b"", pixels) for n, pixels in enumerate(frames))
    for pack in packed(sampled, Preprocessing(frames.shape[1], frames.shape[2], "keep")):
        (folder / f"{pack_name(pack.chunk)}{INPUT_SUFFIX}").write_bytes(pack.inputs())
    return folder


def write_images(folder: Path, frames: Pixels) -> Path:
    folder.mkdir(parents=True)
    for number, pixels in enumerate(frames):
        Image.fromarray(pixels).resize((128, 96), Image.Resampling.NEAREST).save(folder / f"{number:03}.png")
    return folder


def write_video(path: Path, frames: Pixels) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=2, bit_rate=2_000_000)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for pixels in frames:
            large = np.repeat(np.repeat(pixels, 4, axis=0), 4, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("packs")
    return [write_packs(folder / f"match-{n}", turf_frames(40, seed=n)) for n in range(3)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, packs: list[Path]) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    assert main(["train", *map(str, packs), "--out", str(path), "--config", TINY]) == 0
    return path


def lines(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main([str(word) for word in words]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    (line,) = lines(capsys, *words, status=2)
    assert set(line) == {"error"} and "\n" not in line["error"] and "Traceback" not in line["error"]
    return str(line["error"])


def test_it_trains_with_a_line_per_epoch(tmp_path: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.safetensors"
    config = tmp_path / "config.json"
    config.write_text(TINY.replace("4}", "2}"))
    epochs = lines(capsys, "train", *packs, "--out", out, "--config", config)
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert epochs[1]["train_loss"] < epochs[0]["train_loss"]
    assert (load_detector(out.read_bytes()).vae.config.height, load_detector(out.read_bytes()).vae.config.width) == (
        24,
        32,
    )
    assert set(tmp_path.iterdir()) == {config, out}


def test_it_trains_in_several_processes(tmp_path: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.safetensors"
    words = ["train", *packs, "--out", out, "--config", TINY.replace("4}", "1}")]
    together, alone = lines(capsys, *words, "--processes", "2"), lines(capsys, *words)
    assert together[0]["epoch"] == 1 and together[0]["train_loss"] == pytest.approx(alone[0]["train_loss"], rel=1e-2)
    assert set(tmp_path.iterdir()) == {out}


def test_it_holds_out_a_whole_video_and_keeps_the_threshold_with_the_model(model: Path) -> None:
    notes = read_notes(model.read_bytes())
    assert notes["threshold"]["n_frames"] == 40 and notes["threshold"]["n_videos"] == 1
    assert len(notes["heldout_quantiles"]) == 513
    assert notes["heldout_quantiles"][0] < notes["threshold"]["value"] < notes["heldout_quantiles"][-1]


def test_it_holds_out_the_end_of_a_single_video_and_goes_on_from_a_model(
    tmp_path: Path, packs: list[Path], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "next.safetensors"
    config = TINY.replace("4}", '1, "lr": 1e-5}')
    warm = lines(capsys, "train", packs[0], "--out", out, "--config", config, "--start-from", model)
    assert read_notes(out.read_bytes())["threshold"]["n_frames"] == 8
    cold = lines(capsys, "train", packs[0], "--out", out, "--config", config)
    assert warm[0]["heldout_loss"] < 0.5 * cold[0]["heldout_loss"]


def test_it_retrains_against_outliers_and_tells_how_each_kind_fares(
    tmp_path: Path, packs: list[Path], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ads = [write_packs(tmp_path / "ads" / f"spot-{n}", stripe_frames(6, seed=n)) for n in range(5)]
    other = write_packs(tmp_path / "other", 255 - turf_frames(8))
    out = tmp_path / "retrained.safetensors"
    config = '{"outliers": {"steps": 40, "batch_in": 12, "batch_out": 6}}'
    kinds = ["--outliers", f"ads={ads[0].parent}", f"other={other}"]
    words = ["train", *packs, "--out", out, "--config", config, "--start-from", model, *kinds]
    found = lines(capsys, *words)
    assert [line.get("epoch") for line in found] == [1, 2, None, None, None]
    assert [(line["reason"], line["frames"], line["seen"]) for line in found[2:]] == [
        ("all", 6, False), ("ads", 6, False), ("other", 8, True)
    ]  # fmt: skip
    detector = load_detector(out.read_bytes())
    assert detector.retrained is not None and detector.vae.config.head > 0
    assert set(read_notes(out.read_bytes())["thresholds"]) == {"reconstruction_loss", "ood_score"}
    by_frame = lines(capsys, "score", packs[2], "--model", out)
    outside = lines(capsys, "score", other, "--model", out)
    assert max(line["ood_score"] for line in by_frame) < min(line["ood_score"] for line in outside)


def test_it_adds_the_probability_by_a_calibration(
    tmp_path: Path, packs: list[Path], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = Scorer(load_detector(model.read_bytes()), "cpu")
    frames = np.concatenate([turf_frames(20, seed=5), stripe_frames(20)])
    scores, is_out = scorer.score(frames), np.arange(40) >= 20
    start, heights = scorer.detector.start_activations, scorer.detector.start_scores
    assert scores.activations is not None and start is not None and heights is not None
    calibration = calibrate(scores.activations, scores.ood_score, is_out, start, heights)
    assert isinstance(calibration, Calibration)
    (path := tmp_path / "calibration.json").write_text(json.dumps(calibration.as_json()))
    found = lines(capsys, "score", packs[2], "--model", model, "--calibration", path)
    assert all(0 <= line["probability"] < 0.5 for line in found) and len(found) == 40


def test_it_scores_packs_and_a_video_with_a_line_per_frame(
    tmp_path: Path, model: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    by_pack = lines(capsys, "score", packs[2], "--model", model, "--jsonl")
    assert [line["number"] for line in by_pack] == list(range(40))
    assert [line["time_s"] for line in by_pack] == [n / 2 for n in range(40)]
    assert set(by_pack[0]) == {"number", "time_s", "reconstruction_loss", "l1", "kl", "variance", "ood_score"}
    assert by_pack[:32] == lines(capsys, "score", packs[2] / "pack-000000.safetensors", "--model", model)
    video = write_video(tmp_path / "match.mp4", turf_frames(40, seed=2))
    by_video = lines(capsys, "score", video, "--model", model, "--every", "0.5")
    assert [line["number"] for line in by_video] == list(range(40))
    difference = [a["reconstruction_loss"] / b["reconstruction_loss"] for a, b in zip(by_video, by_pack, strict=True)]
    assert 0.6 < np.median(difference) < 1.6


def test_it_evaluates_each_set_with_controls_and_intervals(
    tmp_path: Path, model: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / "stills" / "a", stripe_frames(12))
    write_images(tmp_path / "stills" / "b", stripe_frames(9, seed=1))
    write_images(tmp_path / "same", turf_frames(30, seed=9))
    sets = [f"stripes={tmp_path / 'stills'}", f"stripes={tmp_path / 'stills' / 'a'}", f"more turf={tmp_path / 'same'}"]
    found = lines(capsys, "evaluate", "--in-dist", packs[1], packs[2], "--ood", *sets, "--model", model)
    assert [(line["ood"], line["score"]) for line in found] == [
        (name, score) for name in ("stripes", "more turf") for score in SCORES
    ]
    assert set(found[0]) == {"ood", "score", "auroc", "ap", "fpr95", "interval", "frames", "sources"}
    raw, turf = found[0], found[4]
    assert (raw["frames"], raw["sources"]) == (33, 3)
    assert raw["auroc"] == raw["ap"] == 1.0 and raw["fpr95"] == 0.0
    assert 0.2 < turf["auroc"] < 0.8 and turf["interval"][0] <= turf["auroc"] <= turf["interval"][1]
    assert found[2]["auroc"] > 0.9  # stripes are less green than turf


def test_it_leaves_out_what_it_cannot_read_and_says_so(
    tmp_path: Path, model: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_images(tmp_path / "mixed" / "good", stripe_frames(4)).parent
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("not looked at")
    bad = write_images(folder / "bad", stripe_frames(2))
    (bad / "001.png").write_bytes(b"no image")
    assert main(["evaluate", "--in-dist", str(packs[0]), "--ood", f"x={folder}", "--model", str(model)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[0])["sources"] == 1
    assert "left out: broken.mp4" in captured.err and "left out: bad: 001.png can't be read as an image" in captured.err


def test_it_refuses_what_it_cannot_do_in_one_line(
    tmp_path: Path, model: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    few, missing, out = (
        write_packs(tmp_path / "few", turf_frames(6)),
        tmp_path / "missing",
        tmp_path / "out.safetensors",
    )
    (empty := tmp_path / "empty").mkdir()
    train, to = ["train", packs[0], "--out", out], ["--model", model]
    wrong: list[tuple[str, list[object]]] = [
        ("at least 8", ["train", few, "--out", out]),
        ("does not exist", ["train", missing, "--out", out]),
        ("The folder", ["train", packs[0], "--out", missing / "out.safetensors"]),
        ("is no pack", ["train", __file__, "--out", out]),
        ("no setting named 'rate'", [*train, "--config", '{"rate": 1}']),
        ("is not JSON", [*train, "--config", "{"]),
        ("No such file", [*train, "--config", "missing.json"]),
        ("model takes 60 x 80", [*train, "--config", '{"vae": {"height": 60, "width": 80}}']),
        ("another shape", [*train, "--start-from", model]),
        ("auto or a whole number", [*train, "--processes", "many"]),
        ("say which one to go on from", [*train, "--outliers", f"ads={packs[1]}"]),
        ("no calibration", ["score", packs[0], *to, "--calibration", __file__]),
        ("no calibration", ["score", packs[0], *to, "--calibration", model]),
        ("not a model file", ["score", packs[0], "--model", __file__]),
        ("No such file", ["score", packs[0], "--model", missing]),
        ("does not exist", ["score", missing, *to]),
        ("A pack holds", ["score", model, *to]),
        ("sampling step", ["score", __file__, *to, "--every", "0"]),
        ("no videos, images or packs", ["evaluate", "--in-dist", packs[0], "--ood", f"x={empty}", *to]),
    ]
    for expected, words in wrong:
        assert expected in refusal(capsys, *words), words
    assert not out.exists()
