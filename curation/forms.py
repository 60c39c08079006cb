"""Forms of the pages around data sets and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from curation import datasets, reasons
from curation.models import Dataset, Role
from curation.problems import Problem

PERCENT = 100

if TYPE_CHECKING:
    DatasetModelForm = forms.ModelForm[Dataset]
else:
    DatasetModelForm = forms.ModelForm  # generic for the type checker only


class DatasetForm(DatasetModelForm):
    """Settings of a data set. The target is typed in percent and kept as a share."""

    target_percent = forms.FloatField(
        label="Target true positive rate, %",
        min_value=50,
        max_value=99.9,
        initial=95,
        help_text="Share of in-distribution frames that the threshold should accept. Higher flags fewer frames.",
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )

    second_percent = forms.FloatField(
        label="Second opinions, %",
        min_value=0,
        max_value=100,
        initial=0,
        required=False,
        help_text="Share of judged frames that a second person judges as well, without seeing the verdict or a score. "
        "It tells how far people agree. The newest frames judged before are drawn from, too.",
        widget=forms.NumberInput(attrs={"step": "1"}),
    )
    reasons = forms.CharField(
        label="Reasons for OUT",
        required=False,
        help_text="One per line, at most nine: the keys 1 to 9 judge a frame OUT for that reason. Verdicts given "
        "before keep the words they were given with.",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "true"}),
    )

    class Meta:
        model = Dataset
        fields = ["name", "description", "sampling_mode", "sampling_step", "bars", "input_height", "input_width"]
        labels = {
            "sampling_mode": "Take a frame",
            "sampling_step": "n",
            "bars": "Black bars",
            "input_height": "Input height, px",
            "input_width": "Input width, px",
        }
        help_texts = {
            "sampling_step": "Seconds between frames, or n for every nth frame.",
            "description": "What belongs in it, in a sentence.",
            "bars": "Cut off: bars around a video's picture are found, and the model doesn't see them; thumbnails stay "
            "whole. Can be set by hand on a video's page.",
            "input_height": "Frames are shrunk to this size for the model.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 2}), "name": forms.TextInput(attrs={"autofocus": True})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.initial["reasons"] = "\n".join(self.instance.reasons)
        self.initial["sampling_step"] = f"{self.instance.sampling_step:g}"
        if self.instance.pk:
            self.initial["second_percent"] = f"{self.instance.second_share * PERCENT:g}"
            self.initial["target_percent"] = f"{self.instance.target_tpr * PERCENT:g}"
            self.fields["name"].widget.attrs.pop("autofocus", None)
            self._fix_size_once_there_are_videos()

    def _fix_size_once_there_are_videos(self) -> None:
        if self.instance.videos.exists():
            for name in datasets.FIXED:
                self.fields[name].disabled = True
            self.fields["input_height"].help_text = "Fixed since the first video: frames are stored at this size."
            self.fields["bars"].help_text = "Fixed since the first video; a video's page can set its own."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        step = cleaned.get("sampling_step")
        if (
            cleaned.get("sampling_mode") == Dataset.Sampling.NTH
            and step is not None
            and (step < 1 or step != int(step))
        ):
            self.add_error("sampling_step", "For every nth frame, n is a whole number from 1.")
        return cleaned

    def clean_reasons(self) -> list[str]:
        if "reasons" not in self.data:
            return list(self.instance.reasons)
        try:
            return reasons.parse(self.cleaned_data["reasons"])
        except Problem as problem:
            raise forms.ValidationError(str(problem)) from problem

    def settings(self) -> dict[str, Any]:
        """Keyword arguments for datasets.create and datasets.change."""
        cleaned = dict(self.cleaned_data)
        second = cleaned.pop("second_percent")
        kept = self.instance.second_share if second is None else second / PERCENT
        return cleaned | {"target_tpr": cleaned.pop("target_percent") / PERCENT, "second_share": kept}


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150, label="User name", widget=forms.TextInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(choices=Role.choices, initial=Role.CURATOR)
    is_new = forms.BooleanField(required=False, label="Create a new account with this name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
