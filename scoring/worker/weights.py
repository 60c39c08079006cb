"""Model files between the object store and the engine, checked against what the table recorded."""

from __future__ import annotations

from functools import lru_cache

from curation import storage
from curation.models import ModelVersion
from scoring.detector import Detector, load_detector
from scoring.errors import ModelError
from scoring.model_file import sha256, tensor_table
from scoring.score import Scorer


def load_version(version: ModelVersion) -> Detector:
    """The version's detector. Raises ModelError when the stored file is not the one that was trained."""
    try:
        data = storage.read(version.weights_key)
    except storage.MissingObject:
        raise ModelError(f"The weights of version {version.number} are missing from the object store.") from None
    if sha256(data) != version.weights_sha256:
        raise ModelError(f"The weights of version {version.number} are not those that were trained: wrong checksum.")
    if tensor_table(data) != version.tensors:
        raise ModelError(f"The weights of version {version.number} have other shapes than recorded.")
    return load_detector(data)


@lru_cache(maxsize=2)
def _scorer(version_id: int, _sha256: str) -> Scorer:
    return Scorer(load_version(ModelVersion.objects.get(pk=version_id)))


def scorer_for(version: ModelVersion) -> Scorer:
    """A scorer that stays loaded between jobs; at most two versions are kept in memory."""
    return _scorer(version.pk, version.weights_sha256)
