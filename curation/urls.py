"""Every URL of the site, grouped by prefix. tests/curation/test_permissions.py holds who may do what on each."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from curation.api import api
from curation.views import (
    audit,
    calibrations,
    datasets,
    decisions,
    exports,
    frames,
    gallery,
    health,
    jobs,
    members,
    models,
    preferences,
    rates,
    review,
    reviews,
    runs,
    saved_views,
    second_looks,
    similar,
    timeline,
    uploads,
    videos,
)

dataset_urls = [
    path("", videos.index, name="dataset"),
    path("settings/", datasets.settings_page, name="dataset-settings"),
    path("members/", members.index, name="members"),
    path("members/<int:pk>/", members.member, name="member"),
    path("videos/<int:pk>/", videos.detail, name="video"),
    path("videos/<int:pk>/timeline.json", timeline.detail, name="timeline"),
    path("videos/<int:pk>/reference/", videos.reference, name="video-reference"),
    path("videos/<int:pk>/retry/", videos.retry, name="video-retry"),
    path("videos/<int:pk>/crop/", videos.crop, name="video-crop"),
    path("videos/<int:pk>/delete/", videos.delete, name="video-delete"),
    path("frames/", gallery.index, name="gallery"),
    path("frames/histogram.json", gallery.histogram, name="gallery-histogram"),
    path("frames/<int:pk>/", frames.detail, name="frame"),
    path("frames/<int:pk>/thumb.jpg", frames.thumbnail, name="thumbnail"),
    path("frames/<int:pk>/similar/", similar.detail, name="similar"),
    path("frames/<int:pk>/explanation/<int:version>/", frames.explanation, name="explanation"),
    path(
        "frames/<int:pk>/explanation/<int:version>/<str:kind>.png", frames.explanation_image, name="explanation-image"
    ),
    path("views/", saved_views.index, name="saved-views"),
    path("views/<int:pk>/", saved_views.detail, name="saved-view"),
    path("review/", review.index, name="review"),
    path("review/audit/", audit.index, name="audit"),
    path("review/second/", second_looks.second, name="second-look"),
    path("review/conflicts/", second_looks.conflicts, name="conflicts"),
    path("reviews/", reviews.record, name="reviews"),
    path("segments/<int:pk>/edge/", timeline.edge, name="segment-edge"),
    path("decisions/", decisions.record, name="decisions"),
    path("selections/", decisions.select, name="selections"),
    path("rates/", rates.index, name="rates"),
    path("models/", models.index, name="models"),
    path("models/train/", models.train, name="train"),
    path("models/threshold/", models.threshold, name="threshold"),
    path("models/calibrate/", calibrations.calibrate, name="calibrate"),
    path("models/live/", calibrations.live, name="live-fit"),
    path("models/<int:number>/", models.detail, name="model"),
    path("models/<int:number>/activate/", models.activate, name="activate"),
    path("runs/<int:pk>/", runs.detail, name="run"),
    path("runs/<int:pk>/metrics.json", runs.metrics, name="run-metrics"),
    path("runs/<int:pk>/samples/<int:epoch>.png", runs.samples, name="run-samples"),
    path("exports/", exports.index, name="exports"),
    path("exports/<int:pk>/download/", exports.download, name="export-download"),
    path("exports/<int:pk>/manifest.json", exports.manifest, name="export-manifest"),
    path("jobs/", jobs.index, name="jobs"),
    path("jobs/<int:pk>/", jobs.detail, name="job"),
    path("jobs/<int:pk>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<int:pk>/retry/", jobs.retry, name="job-retry"),
]

upload_urls = [
    path("", uploads.create, name="uploads"),
    path("<uuid:pk>/", uploads.upload, name="upload"),
    path("<uuid:pk>/sign/", uploads.sign, name="upload-sign"),
    path("<uuid:pk>/complete/", uploads.complete, name="upload-complete"),
]

urlpatterns = [
    path("", datasets.home, name="home"),
    path("datasets/new/", datasets.new, name="dataset-new"),
    path("d/<slug:slug>/", include(dataset_urls)),
    path("uploads/", include(upload_urls)),
    path("login/", auth.LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", datasets.change_password, name="password"),
    path("preferences/", preferences.index, name="preferences"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]
handler400 = "curation.views.errors.bad_request"
handler403 = "curation.views.errors.forbidden"
handler404 = "curation.views.errors.not_found"
handler500 = "curation.views.errors.server_error"
