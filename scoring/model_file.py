"""What a model file declares about itself, checked before a tensor of it is read. safetensors, never unpickled.
No torch here, so that any process may look into a file."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

from scoring.errors import ModelError

METADATA_KEY = "framesift"
MAX_MODEL_BYTES = 4 * 1024**3
MAX_HEADER_BYTES = 1024**2
DTYPES = {"F16": "float16", "F32": "float32", "I64": "int64"}

Header = dict[str, Any]


def sha256(data: bytes) -> str:
    """Hex digest under which a model file is recorded."""
    return hashlib.sha256(data).hexdigest()


def read_notes(data: bytes) -> dict[str, Any]:
    """The `notes` that the file was written with. Raises ModelError."""
    return dict(read_about(read_header(data))["notes"])


def tensor_table(data: bytes) -> dict[str, Any]:
    """Name -> [dtype, shape] of every tensor in the file, as recorded with a version. Raises ModelError."""
    entries = _tensors(read_header(data))
    return {name: [DTYPES.get(entry["dtype"], entry["dtype"]), entry["shape"]] for name, entry in entries.items()}


def read_header(data: bytes) -> Header:
    """The header as declared: name -> {dtype, shape, data_offsets}. Raises ModelError when this is no safetensors."""
    if not 8 < len(data) <= MAX_MODEL_BYTES:
        raise ModelError(f"This is not a model file: it has {len(data)} bytes.")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise ModelError("This is not a model file: safetensors is expected, and nothing else is opened.")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise ModelError("This is not a model file: its header can't be read.") from None
    if not isinstance(header, dict):
        raise ModelError("This is not a model file: its header is not a table of tensors.")
    return header


def read_about(header: Header) -> dict[str, Any]:
    """What stands in the metadata beside the tensors: `config` and `notes` at least. Raises ModelError."""
    metadata = header.get("__metadata__")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelError("The file has no model configuration: it was not written by Framesift.")
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelError("The model configuration in the file can't be read.") from None
    if not isinstance(about, dict) or not all(isinstance(about.get(key), dict) for key in ("config", "notes")):
        raise ModelError("The model configuration in the file is incomplete.")
    return about


def check_header(header: Header, expected: Mapping[str, tuple[str, list[int]]]) -> None:
    """Names, types and shapes as declared against `expected`: name -> (dtype as "F32", shape). Raises ModelError."""
    found = {key: entry for key, entry in header.items() if key != "__metadata__"}
    for word, keys in (("lacks", set(expected) - set(found)), ("has an unknown", set(found) - set(expected))):
        if keys:
            raise ModelError(f"The model file {word} tensor {min(keys)!r}.")
    for key, (dtype, shape) in expected.items():
        entry = found[key] if isinstance(found[key], dict) else {}
        if entry.get("shape") != shape or entry.get("dtype") != dtype:
            declared = f"{entry.get('dtype')} {entry.get('shape')}"
            raise ModelError(f"Tensor {key!r} is {declared} where {dtype} {shape} is expected.")


def _tensors(header: Header) -> Header:
    entries = {key: entry for key, entry in header.items() if key != "__metadata__"}
    if not all(isinstance(entry, dict) and {"dtype", "shape"} <= set(entry) for entry in entries.values()):
        raise ModelError("This is not a model file: its header is not a table of tensors.")
    return entries
