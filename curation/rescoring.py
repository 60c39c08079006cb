"""The end of a rescoring: the version is ready to be compared and activated."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from curation import calibrations, gate, versions
from curation.models import ModelVersion, TrainingRun


def finish(version: ModelVersion) -> None:
    """Every frame is scored: close the run, and activate the version where nobody has to choose."""
    with transaction.atomic():
        row = ModelVersion.objects.select_for_update().select_related("dataset").get(pk=version.pk)
        if row.state == ModelVersion.State.RESCORING:
            ModelVersion.objects.filter(pk=row.pk).update(state=ModelVersion.State.READY)
        TrainingRun.objects.filter(version=row, state=TrainingRun.State.RESCORING).update(
            state=TrainingRun.State.DONE, finished_at=timezone.now()
        )
        wanted = row.activate_when_ready or row.dataset.active_version_id is None
        ModelVersion.objects.filter(pk=row.pk).update(activate_when_ready=False)
        if wanted:
            versions.activate(version=row, by=None)
        elif row.state == ModelVersion.State.RESCORING:
            gate.decide(row)
        calibrations.request_for(row)
