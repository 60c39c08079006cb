"""The form behind the Retrain button, and what the page says about each choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import models

from curation import training
from curation.models import Dataset, ModelVersion, Role, TrainingRun
from curation.training import SetPreview


@dataclass(frozen=True)
class Preset:
    """A size of model as a person chooses it; scoring/config.py holds the shapes. height, width: the least input."""

    name: str
    title: str
    parameters: str
    advice: str
    height: int = 0
    width: int = 0

    def refusal(self, dataset: Dataset) -> str:
        """Why this data set can't have it; empty when it can."""
        if dataset.input_height >= self.height and dataset.input_width >= self.width:
            return ""
        return (
            f"Needs frames of {self.height} × {self.width} pixels or more; here they are {dataset.input_height} × "  # noqa: RUF001
            f"{dataset.input_width}. The size is chosen with a new data set, under Advanced."
        )


@dataclass(frozen=True)
class PresetChoice:
    preset: Preset
    refusal: str


PRESETS = [
    Preset("small", "Small", "1.3 M parameters", "About a minute on two CPU cores. The right start."),
    Preset("article", "Article", "about 100 M parameters", "The size used in the article. Made for a GPU."),
    Preset(
        "large",
        "Large",
        "about 5 M parameters",
        "Sees finer detail in larger frames, for about four times the work of Small.",
        height=120,
        width=160,
    ),
]


class Start(models.TextChoices):
    """What a run begins with."""

    RETRAIN = "retrain", "Go on with both verdicts"
    CONTINUE = "continue", "Go on"
    FRESH = "fresh", "Fresh model"


@dataclass(frozen=True)
class StartChoice:
    """A way to begin, as the page offers it: `refusal` says why it can't be chosen now."""

    value: str
    title: str
    preview: SetPreview
    refusal: str = ""


class TrainForm(forms.Form):
    """Choices of a new run. `start_from`: the version to go on from, in its own size; empty takes the active one."""

    start = forms.ChoiceField(choices=Start.choices, required=False)
    preset = forms.ChoiceField(choices=[(preset.name, preset.title) for preset in PRESETS], initial="small")
    loss = forms.ChoiceField(choices=[("squared", "Squared"), ("relative", "Relative")], required=False)
    start_from = forms.ModelChoiceField(ModelVersion.objects.none(), required=False, empty_label=None)
    epochs = forms.IntegerField(required=False, min_value=1, max_value=10_000)
    seed = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, initial=0)
    everything = forms.BooleanField(required=False)

    def __init__(self, *args: Any, dataset: Dataset, version: ModelVersion | None = None, **kwargs: Any) -> None:
        """`version`: the one that the page offers to go on from."""
        super().__init__(*args, **kwargs)
        self.dataset = dataset
        self.usable = dataset.model_versions.usable()
        self.version = version or training.newest_usable(dataset)
        start_from = self.fields["start_from"]
        assert isinstance(start_from, forms.ModelChoiceField)
        start_from.queryset = self.usable
        start_from.initial = self.version
        start_from.label_from_instance = lambda obj: f"Version {obj.number}"  # type: ignore[method-assign]

    def clean_start(self) -> str:
        """As the page sends it; a script that only names a version goes on from it."""
        return self.cleaned_data["start"] or (Start.CONTINUE if self.data.get("start_from") else Start.FRESH)

    def clean_preset(self) -> str:
        chosen = next(preset for preset in PRESETS if preset.name == self.cleaned_data["preset"])
        if refusal := chosen.refusal(self.dataset):
            raise forms.ValidationError(refusal)
        return chosen.name

    def request(self, by: User) -> TrainingRun:
        """Queue the run of a valid form. Raises Problem when it can't start."""
        chosen = self.cleaned_data
        is_fresh = chosen["start"] == Start.FRESH
        return training.request_run(
            dataset=self.dataset,
            by=by,
            preset=chosen["preset"],
            loss=chosen["loss"],
            epochs=chosen["epochs"],
            start_from=None if is_fresh else chosen["start_from"] or self.version,
            retrain=chosen["start"] == Start.RETRAIN,
            everything=chosen["everything"],
            seed=chosen["seed"] or 0,
        )

    @property
    def presets(self) -> list[PresetChoice]:
        return [PresetChoice(preset, preset.refusal(self.dataset)) for preset in PRESETS]

    @property
    def first_error(self) -> str:
        """One sentence for a form that is not valid."""
        for name, errors in self.errors.items():
            return str(errors[0]) if name == "__all__" else f"{name.replace('_', ' ').capitalize()}: {errors[0]}"
        return ""


def starts(form: TrainForm, *, everything: bool) -> list[StartChoice]:
    """The ways to begin, the best one first; none while there is no version to go on from."""
    dataset, version = form.dataset, form.version
    if version is None:
        return []
    refusal = training.why_not_both(dataset, version)
    both, on, fresh = (
        training.preview(dataset, everything=everything, start_from=base, retrain=learns_out)
        for base, learns_out in ((version, True), (version, False), (None, False))
    )
    return [
        StartChoice(Start.RETRAIN, f"Go on from version {version.number}, with both verdicts", both, refusal),
        StartChoice(Start.FRESH, "Fresh model", fresh),
        StartChoice(Start.CONTINUE, f"Go on from version {version.number}", on),
    ]


def default_start(choices: list[StartChoice]) -> str:
    """Both verdicts as soon as there are enough of each; otherwise a fresh model."""
    best = next((choice for choice in choices if choice.value == Start.RETRAIN), None)
    return Start.RETRAIN if best and not best.refusal else Start.FRESH


def train_panel(dataset: Dataset, form: TrainForm) -> dict[str, Any]:
    """What the panel shows: what a run would learn from, for each way to begin one, and who may start it."""
    preview = training.preview(dataset)
    choices = starts(form, everything=bool(preview.problem))
    return {
        "dataset": dataset,
        "form": form,
        "starts": choices,
        "start": form["start"].value() or default_start(choices),
        "preview": preview,
        "everything": training.preview(dataset, everything=True) if preview.problem else None,
        "active": dataset.active_version,
        "open_run": dataset.training_runs.filter(state__in=TrainingRun.OPEN_STATES).first(),
        "admins": dataset.memberships.filter(role=Role.ADMIN).select_related("user"),
    }
