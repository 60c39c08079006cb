"""A detector is everything that turns frames into scores: the network, how frames are prepared for it, what
recalibration needs, and, once it was retrained, the network it began with. Its file is safetensors with the
configuration as JSON in the metadata; nothing here ever unpickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from scoring.config import VAEConfig, config_from
from scoring.controls import LinearModel
from scoring.errors import ModelError
from scoring.features import Activations
from scoring.model_file import METADATA_KEY, check_header, read_about, read_header
from scoring.preprocessing import Preprocessing
from scoring.recalibrate import ARRAYS, Calibration
from scoring.structure import StructureModel
from scoring.vae import VAE

MOST = 10_000  # start frames, or components
LINEAR = ("linear", "structure")
CALIBRATIONS = ("start", "verdicts")
DTYPES = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64"}


@dataclass
class Retrained:
    """anchor: the network that the first of a line of retrainings began with. start, verdicts: recalibrations of the
    anchor and of the detector's own network, on the verdicts that it was retrained with, whose sum is the score."""

    anchor: VAE
    start: Calibration
    verdicts: Calibration


@dataclass
class Detector:
    """vae: the network, in evaluation mode. start_activations (S, D) float16, start_scores (S,) float32: pooled
    activations and outlier scores of up to 512 frames that were trained on, from which recalibration starts. linear:
    the linear model of the same frames, a control. structure: the model of half of its label-free score. All None in
    files of before. retrained: what its score needs, if it is."""

    vae: VAE
    preprocessing: Preprocessing
    start_activations: Activations | None = None
    start_scores: NDArray[np.float32] | None = None
    linear: LinearModel | None = None
    structure: StructureModel | None = None
    retrained: Retrained | None = None


def plain(vae: VAE) -> Detector:
    """A detector of a bare network, fed as all were before preprocessing was recorded: bars kept."""
    return Detector(vae, Preprocessing(vae.config.height, vae.config.width, bars="keep"))


def save_detector(detector: Detector, notes: Mapping[str, Any] | None = None) -> bytes:
    """The detector as a file. `notes` is any JSON that should travel with it (`model_file.read_notes`)."""
    about = {"config": asdict(detector.vae.config), "notes": dict(notes or {}), "detector": _about(detector)}
    tensors = dict(detector.vae.state_dict())
    for name in LINEAR:
        if (model := getattr(detector, name)) is not None:
            tensors[f"{name}.mean"] = torch.from_numpy(model.mean).half()
            tensors[f"{name}.components"] = torch.from_numpy(model.components).half()
    if detector.retrained is not None:
        tensors |= {f"anchor.{key}": value for key, value in detector.retrained.anchor.state_dict().items()}
        for name in CALIBRATIONS:
            arrays = getattr(detector.retrained, name).arrays()
            tensors |= {f"{name}.{key}": torch.from_numpy(value) for key, value in arrays.items()}
    if detector.start_activations is not None and detector.start_scores is not None:
        tensors["frames.activations"] = torch.from_numpy(detector.start_activations)
        tensors["frames.scores"] = torch.from_numpy(detector.start_scores)
    whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    return save_tensors(whole, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)})


def load_detector(data: bytes) -> Detector:
    """The detector of a file, in evaluation mode on the CPU; files of before hold the network alone. Nothing is
    allocated before the header is found to be ours. Raises ModelError, in one line, for what `save_detector` wouldn't
    write."""
    header = read_header(data)
    about = read_about(header)
    config, extra = config_from(about["config"]), about.get("detector")
    outline = _Outline.read(extra) if extra is not None else _Outline()
    check_header(header, outline.tensors(config))
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ModelError(f"The model file is damaged: {error}") from None
    _check_values(tensors)
    return outline.filled(config, tensors)


@dataclass(frozen=True)
class _Outline:
    """What a file says that it holds beside the network. start: the number of frames; linear, structure: those
    of components."""

    preprocessing: Preprocessing | None = None
    start: int | None = None
    linear: int | None = None
    structure: int | None = None
    anchor: VAEConfig | None = None
    calibrations: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, about: object) -> _Outline:
        """Raises ModelError."""
        names = {entry.name for entry in fields(cls)}
        if not isinstance(about, dict) or "preprocessing" not in about or set(about) - names:
            raise ModelError("The description of the detector in the file is incomplete.")
        try:
            preprocessing = Preprocessing.from_json(about["preprocessing"])
        except ValueError as error:
            raise ModelError(f"The model file can't be used: {error}") from None
        start, linear, structure = (_count(about.get(name)) for name in ("start", *LINEAR))
        if about.get("anchor") is None:
            return cls(preprocessing, start, linear, structure)
        calibrations = _mapping(about.get("calibrations"))
        if set(calibrations) != set(CALIBRATIONS):
            raise ModelError("The model configuration in the file is incomplete.")
        anchor = config_from(_mapping(about["anchor"]))
        return cls(preprocessing, start, linear, structure, anchor, calibrations)

    def tensors(self, config: VAEConfig) -> dict[str, tuple[str, list[int]]]:
        """Name -> (dtype, shape) of all that has to be in the file. Raises ModelError for parts that don't fit."""
        expected = _declared(config, "")
        if self.anchor is not None:
            expected |= _declared(self.anchor, "anchor.")
            for name, of in zip(CALIBRATIONS, (self.anchor, config), strict=True):
                expected |= _of_calibration(name, _mapping(self.calibrations[name]), 3 * sum(of.channels))
        values = config.height * config.width * 3
        for name in LINEAR:
            if (count := getattr(self, name)) is not None:
                expected |= {f"{name}.mean": ("F16", [values]), f"{name}.components": ("F16", [count, values])}
        if self.start is not None:
            expected["frames.activations"] = ("F16", [self.start, 3 * sum(config.channels)])
            expected["frames.scores"] = ("F32", [self.start])
        return expected

    def filled(self, config: VAEConfig, tensors: dict[str, Tensor]) -> Detector:
        vae = _network(config, _part(tensors, ""))
        detector = plain(vae)
        if self.preprocessing is not None:
            if self.preprocessing.size != (config.height, config.width):
                raise ModelError("The model file prepares frames of another size than its model takes.")
            detector.preprocessing = self.preprocessing
        if self.start is not None:
            detector.start_activations = np.asarray(tensors["frames.activations"].numpy())
            detector.start_scores = np.asarray(tensors["frames.scores"].numpy())
        if self.linear is not None:
            detector.linear = LinearModel(*_linear(tensors, "linear"))
        if self.structure is not None:
            detector.structure = StructureModel(*_linear(tensors, "structure"))
        if self.anchor is not None:
            anchor = _network(self.anchor, _part(tensors, "anchor."))
            fitted = {name: _calibration(tensors, name, self.calibrations[name]) for name in CALIBRATIONS}
            detector.retrained = Retrained(anchor, **fitted)
        return detector


def _about(detector: Detector) -> dict[str, Any]:
    start, retrained = detector.start_scores, detector.retrained
    about: dict[str, Any] = {
        "preprocessing": detector.preprocessing.as_json(),
        "start": None if start is None else len(start),
        "linear": None if detector.linear is None else len(detector.linear.components),
        "structure": None if detector.structure is None else len(detector.structure.components),
        "anchor": None,
        "calibrations": None,
    }
    if retrained is not None:
        about["anchor"] = asdict(retrained.anchor.config)
        about["calibrations"] = {name: _counted(getattr(retrained, name)) for name in CALIBRATIONS}
    return about


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError("The model configuration in the file is incomplete.")
    return value


def _count(value: object) -> int | None:
    if value is not None and (type(value) is not int or not 0 < value <= MOST):
        raise ModelError("The description of the detector in the file is damaged.")
    return value


def _counted(calibration: Calibration) -> dict[str, Any]:
    """The numbers of a calibration, and how many features it has and frames it has seen."""
    seen, features = calibration.seen.shape
    return {**calibration.numbers(), "features": features, "seen": seen}


def _of_calibration(name: str, numbers: Mapping[str, Any], values: int) -> dict[str, tuple[str, list[int]]]:
    features, seen = (_count(numbers.get(key)) or 0 for key in ("features", "seen"))
    shapes = {
        "mean": [values],
        "scale": [values],
        "components": [values, features],
        "basis_offset": [features],
        "seen": [seen, features],
        "weights": [features + 1],
    }
    return {f"{name}.{key}": ({"<f2": "F16", "<f4": "F32"}[ARRAYS[key]], shape) for key, shape in shapes.items()}


def _calibration(tensors: Mapping[str, Tensor], name: str, numbers: Mapping[str, Any]) -> Calibration:
    try:
        arrays = {key: np.asarray(tensors[f"{name}.{key}"].numpy()) for key in ARRAYS}
        return Calibration.from_parts(arrays, numbers)
    except ValueError as error:
        raise ModelError(f"The model file can't be used: {error}") from None


def _declared(config: VAEConfig, prefix: str) -> dict[str, tuple[str, list[int]]]:
    with torch.device("meta"):
        states = VAE(config).state_dict()
    return {f"{prefix}{key}": (DTYPES[value.dtype], list(value.shape)) for key, value in states.items()}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under `prefix`, without it; for none, those of the network itself."""
    if not prefix:
        others = ("anchor.", "frames.", "start.", "verdicts.", "linear.", "structure.")
        return {key: value for key, value in tensors.items() if not key.startswith(others)}
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _linear(tensors: Mapping[str, Tensor], name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mean, components = (tensors[f"{name}.{part}"].float().numpy() for part in ("mean", "components"))
    return mean, components


def _network(config: VAEConfig, tensors: dict[str, Tensor]) -> VAE:
    with torch.device("meta"):
        model = VAE(config)
    model.load_state_dict(tensors, assign=True)
    return model.eval()


def _check_values(tensors: Mapping[str, Tensor]) -> None:
    for key, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"Tensor {key!r} holds values that are not finite.")
        if key.endswith("running_var") and bool((tensor < 0).any()):
            raise ModelError(f"Tensor {key!r} holds a negative variance.")
