"""Black bars on a video's page: what is cut, in words and over a picture, and the form to set it by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from curation.models import Dataset, Video
from scoring.preprocessing import MAX_CUT, SIDES, Crop

AUTO, NONE, BY_HAND = "auto", "none", "hand"


@dataclass(frozen=True)
class VideoBars:
    """words: what is cut now. shade: an SVG path over the whole picture that covers what is cut; "" for nothing, or as
    long as nobody knows."""

    words: str
    shade: str
    form: CropForm


class CropForm(forms.Form):
    """How a video's black bars are treated; pixels as shown."""

    mode = forms.ChoiceField(choices=[(mode, mode) for mode in (AUTO, NONE, BY_HAND)])
    left = forms.IntegerField(label="Left, px", required=False, min_value=0, max_value=MAX_CUT)
    top = forms.IntegerField(label="Top, px", required=False, min_value=0, max_value=MAX_CUT)
    right = forms.IntegerField(label="Right, px", required=False, min_value=0, max_value=MAX_CUT)
    bottom = forms.IntegerField(label="Bottom, px", required=False, min_value=0, max_value=MAX_CUT)

    @classmethod
    def of(cls, video: Video) -> CropForm:
        cut = _cut(video)
        mode = {"": AUTO, "none": NONE}.get(video.crop, BY_HAND)
        return cls(initial={"mode": mode, **(cut.as_json() if cut else {})}, label_suffix="")

    @property
    def sides(self) -> list[Any]:
        return [self[side] for side in SIDES]

    def crop(self) -> str:
        """As videos.set_crop takes it; ask after is_valid()."""
        if self.cleaned_data["mode"] == BY_HAND:
            return str(Crop(*(self.cleaned_data[side] or 0 for side in SIDES)))
        return "" if self.cleaned_data["mode"] == AUTO else "none"


def look(video: Video) -> VideoBars:
    """What the page of a video shows of its bars."""
    return VideoBars(_words(video), _shade(video), CropForm.of(video))


def _words(video: Video) -> str:
    cut = _cut(video)
    if video.crop == "none":
        return "kept, set by hand"
    if video.crop:
        return f"set by hand: {_sides(cut or Crop())}"
    if video.dataset.bars == Dataset.Bars.KEEP:
        return "kept"
    if cut is None:
        return "not looked for yet"
    return f"found automatically: {_sides(cut)}" if cut else "none found"


def _sides(cut: Crop) -> str:
    return ", ".join(f"{pixels} px {side}" for side, pixels in cut.as_json().items() if pixels)


def _cut(video: Video) -> Crop | None:
    """What is cut, or will be once the frames are there; None while nobody knows."""
    if video.crop:
        return Crop.parse(video.crop)
    if video.bars is None or video.extracted_at is None:
        return None
    return Crop(**video.bars)


def _shade(video: Video) -> str:
    cut = _cut(video)
    if not cut or not video.width or not video.height:
        return ""
    width, height = video.width - cut.left - cut.right, video.height - cut.top - cut.bottom
    whole = f"M0 0h{video.width}v{video.height}h-{video.width}z"
    return f"{whole}M{cut.left} {cut.top}h{width}v{height}h-{width}z"
