"""The frame page's pictures: input, reconstruction and error heat map of one frame by one version."""

from __future__ import annotations

from curation import explain, storage
from curation.models import Frame, ModelVersion
from scoring.heatmap import heatmap
from scoring.packs import read_inputs
from scoring.worker.contact_sheet import png
from scoring.worker.weights import scorer_for


def run(frame_id: int, version_id: int) -> None:
    """Make the pictures and keep them under explain.key(); doing it twice gives the same bytes."""
    frame = Frame.objects.select_related("pack", "pack__video").filter(pk=frame_id).first()
    version = ModelVersion.objects.filter(pk=version_id).first()
    if frame is None or version is None or storage.exists(explain.key(frame, version, "heatmap")):
        return
    row = frame.number - frame.pack.first_number
    pixels = read_inputs(storage.read(frame.pack.inputs_key)).pixels[row : row + 1]
    reconstruction = scorer_for(version).reconstruct(pixels)
    pictures = {
        "input": pixels[0],
        "reconstruction": reconstruction[0],
        "heatmap": heatmap(pixels[0], reconstruction[0]),  # written last: its presence says that all are there
    }
    for kind, picture in pictures.items():
        storage.write(explain.key(frame, version, kind), png(picture), "image/png")
