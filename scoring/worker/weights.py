"""Model files between the object store and the engine, checked against what the table recorded."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from curation import storage
from curation.models import ModelVersion
from scoring.errors import ModelError
from scoring.score import Scorer
from scoring.vae import VAE, load_model, sha256


def tensor_table(model: VAE) -> dict[str, Any]:
    """Name -> [dtype, shape], as recorded with a version."""
    return {name: [str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in model.state_dict().items()}


def load_version(version: ModelVersion) -> VAE:
    """The version's model. Raises ModelError when the stored file is not the one that was trained."""
    try:
        data = storage.read(version.weights_key)
    except storage.MissingObject:
        raise ModelError(f"The weights of version {version.number} are missing from the object store.") from None
    if sha256(data) != version.weights_sha256:
        raise ModelError(f"The weights of version {version.number} are not those that were trained: wrong checksum.")
    model = load_model(data)
    if tensor_table(model) != version.tensors:
        raise ModelError(f"The weights of version {version.number} have other shapes than recorded.")
    return model


@lru_cache(maxsize=2)
def _scorer(version_id: int, _sha256: str) -> Scorer:
    return Scorer(load_version(ModelVersion.objects.get(pk=version_id)))


def scorer_for(version: ModelVersion) -> Scorer:
    """A scorer that stays loaded between jobs; at most two versions are kept in memory."""
    return _scorer(version.pk, version.weights_sha256)
