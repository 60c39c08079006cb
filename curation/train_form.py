"""The form behind the Retrain button, and what the page says about each choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User

from curation.models import Dataset, ModelVersion, TrainingRun
from curation.training import request_run


@dataclass(frozen=True)
class Preset:
    """A size of model as a person chooses it; scoring/config.py holds the shapes."""

    name: str
    title: str
    parameters: str
    advice: str


PRESETS = [
    Preset("small", "Small", "1.3 M parameters", "About a minute on two CPU cores. The right start."),
    Preset("article", "Article", "about 100 M parameters", "The size used in the article. Made for a GPU."),
]


class TrainForm(forms.Form):
    """Choices of a new run. `start_from` empty = fresh weights; a version = its shape and weights, trained further."""

    preset = forms.ChoiceField(choices=[(preset.name, preset.title) for preset in PRESETS], initial="small")
    start_from = forms.ModelChoiceField(ModelVersion.objects.none(), required=False, empty_label="Fresh weights")
    epochs = forms.IntegerField(required=False, min_value=1, max_value=10_000)
    seed = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, initial=0)
    everything = forms.BooleanField(required=False)

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dataset = dataset
        self.usable = dataset.model_versions.usable()
        start_from = self.fields["start_from"]
        assert isinstance(start_from, forms.ModelChoiceField)
        start_from.queryset = self.usable
        start_from.label_from_instance = lambda obj: f"Version {obj.number}"  # type: ignore[method-assign]

    def request(self, by: User) -> TrainingRun:
        """Queue the run of a valid form. Raises Problem when it can't start."""
        chosen = self.cleaned_data
        return request_run(
            dataset=self.dataset,
            by=by,
            preset=chosen["preset"],
            epochs=chosen["epochs"],
            start_from=chosen["start_from"],
            everything=chosen["everything"],
            seed=chosen["seed"] or 0,
        )

    @property
    def first_error(self) -> str:
        """One sentence for a form that is not valid."""
        for name, errors in self.errors.items():
            return str(errors[0]) if name == "__all__" else f"{name.replace('_', ' ').capitalize()}: {errors[0]}"
        return ""
