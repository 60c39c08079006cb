"""What the admins of a data set want of its rates, and who promotes a new version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from curation.models import Dataset

PERCENT = 100
CONFIDENCES = [("80", "80 %"), ("90", "90 %"), ("95", "95 %"), ("99", "99 %")]

if TYPE_CHECKING:
    DatasetModelForm = forms.ModelForm[Dataset]
else:
    DatasetModelForm = forms.ModelForm  # generic for the type checker only


class TargetsForm(DatasetModelForm):
    """Typed in percent, kept as shares. The target TPR moves thresholds, so it is set elsewhere."""

    fpr_percent = forms.FloatField(
        label="OUT frames that may pass, at most, %",
        min_value=0.1,
        max_value=90,
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )
    half_width_percent = forms.FloatField(
        label="Rates known within ±, %",
        min_value=0.5,
        max_value=50,
        help_text="Half the width of the 95 % intervals of TPR and FPR. Half as much takes four times the frames.",
        widget=forms.NumberInput(attrs={"step": "0.5"}),
    )
    confidence_percent = forms.ChoiceField(
        label="Confidence of the gate",
        choices=CONFIDENCES,
        help_text="How sure its gain on the audit must be for a new version to become active by itself.",
    )

    class Meta:
        model = Dataset
        fields = ["promotion"]
        labels = {"promotion": "Who makes a new version active"}
        help_texts = {"promotion": "By itself: only with a higher AUROC on the audit, and no reason told worse."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.initial["fpr_percent"] = f"{self.instance.target_fpr * PERCENT:g}"
        self.initial["half_width_percent"] = f"{self.instance.target_half_width * PERCENT:g}"
        self.initial["confidence_percent"] = f"{self.instance.gate_confidence * PERCENT:g}"

    def save_targets(self) -> None:
        """Only these columns: the form may be older than the rest of the row."""
        cleaned = self.cleaned_data
        Dataset.objects.filter(pk=self.instance.pk).update(
            promotion=cleaned["promotion"],
            target_fpr=cleaned["fpr_percent"] / PERCENT,
            target_half_width=cleaned["half_width_percent"] / PERCENT,
            gate_confidence=float(cleaned["confidence_percent"]) / PERCENT,
        )

    @property
    def first_error(self) -> str:
        name, errors = next(iter(self.errors.items()))
        label = self.fields[name].label if name in self.fields else name
        return f"{label}: {errors[0]}"
