"""Django admin for the tables. What is append-only, and what workers alone write, is there to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from curation import models
from curation.problems import Problem
from curation.training import request_run
from curation.views.requests import person

if TYPE_CHECKING:  # at run time these classes take no parameters
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class ReadOnly(ModelAdmin):
    """Nobody adds, changes or deletes here, not even a superuser: rules and logs would be walked around."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipInline(TabularInline):
    model = models.Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(models.Dataset)
class DatasetAdmin(ModelAdmin):
    list_display = ["name", "slug", "active_version", "target_tpr", "created_at"]
    search_fields = ["name", "slug"]
    readonly_fields = ["active_version", "created_by", "created_at"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]
    actions = ["retrain"]

    def has_delete_permission(self, request: HttpRequest, obj: models.Dataset | None = None) -> bool:
        """Deleting the rows would leave the videos behind in the object store."""
        return False

    @admin.action(description="Retrain the model of the selected datasets", permissions=["change"])
    def retrain(self, request: HttpRequest, queryset: QuerySet[models.Dataset]) -> None:
        """One run with the default settings for each; what can't start says why."""
        for dataset in queryset:
            try:
                run = request_run(dataset=dataset, by=person(request))
            except Problem as problem:
                self.message_user(request, f"{dataset}: {problem}", messages.ERROR)
                continue
            link = reverse("run", args=[dataset.slug, run.pk])
            said = format_html('{}: training is queued. <a href="{}">Watch it</a>', dataset, link)
            self.message_user(request, said, messages.SUCCESS)


@admin.register(models.Video)
class VideoAdmin(ReadOnly):
    list_display = ["name", "dataset", "state", "is_reference", "frame_count", "duration_s", "created_at"]
    list_filter = ["state", "is_reference", "dataset"]
    list_select_related = ["dataset"]
    search_fields = ["name"]


@admin.register(models.Frame)
class FrameAdmin(ReadOnly):
    list_display = ["id", "video", "number", "time_s", "verdict", "review_version"]
    list_filter = ["verdict"]
    list_select_related = ["video"]
    ordering = ["-id"]


@admin.register(models.FrameScore)
class FrameScoreAdmin(ReadOnly):
    list_display = [
        "id",
        "frame_id",
        "model_version_id",
        "video_id",
        "reconstruction_loss",
        "kl",
        "ood_score",
        "verdict",
    ]
    ordering = ["-id"]


@admin.register(models.Pack)
class PackAdmin(ReadOnly):
    list_display = ["video", "chunk", "first_number", "frame_count", "is_complete"]
    list_select_related = ["video"]
    ordering = ["-id"]


@admin.register(models.Review)
class ReviewAdmin(ReadOnly):
    list_display = ["id", "created_at", "user", "dataset", "frame_id", "verdict", "previous_verdict", "is_conflict"]
    list_filter = ["verdict", "is_conflict", "source", "dataset"]
    list_select_related = ["user", "dataset"]


@admin.register(models.ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["dataset", "number", "state", "threshold", "target_tpr", "heldout_frames", "created_at"]
    list_filter = ["state", "dataset"]
    list_select_related = ["dataset"]


@admin.register(models.Activation)
class ActivationAdmin(ReadOnly):
    list_display = ["created_at", "dataset", "model_version", "user"]
    list_filter = ["dataset"]
    list_select_related = ["dataset", "model_version", "user"]


@admin.register(models.TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ["created_at", "dataset", "state", "train_frames", "epochs_done", "version", "requested_by"]
    list_filter = ["state", "dataset"]
    list_select_related = ["dataset", "version", "requested_by"]


@admin.register(models.Job)
class JobAdmin(ReadOnly):
    list_display = ["id", "kind", "state", "dataset", "attempt", "progress", "worker", "created_at"]
    list_filter = ["state", "kind", "dataset"]
    list_select_related = ["dataset"]


@admin.register(models.Export)
class ExportAdmin(ReadOnly):
    list_display = ["created_at", "dataset", "format", "state", "rows", "size_bytes", "requested_by"]
    list_filter = ["state", "format", "dataset"]
    list_select_related = ["dataset", "requested_by"]


@admin.register(models.Upload)
class UploadAdmin(ReadOnly):
    list_display = ["name", "dataset", "user", "state", "size_bytes", "created_at", "touched_at"]
    list_filter = ["state", "dataset"]
    list_select_related = ["dataset", "user"]


@admin.register(models.AuditSample)
class AuditSampleAdmin(ReadOnly):
    list_display = ["created_at", "dataset", "state", "score", "seed", "created_by", "retired_at"]
    list_filter = ["state", "dataset"]
    list_select_related = ["dataset", "created_by"]


@admin.register(models.GateDecision)
class GateDecisionAdmin(ReadOnly):
    list_display = ["created_at", "model_version", "base", "outcome", "confidence"]
    list_filter = ["outcome"]
    list_select_related = ["model_version", "base"]
