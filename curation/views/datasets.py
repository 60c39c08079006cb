"""Data sets: the home page, a new one, its settings; and one's own password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from curation import datasets, overview
from curation.forms import DatasetForm
from curation.models import Dataset, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    visible = Dataset.objects.visible_to(request.user).select_related("active_version")
    return render(request, "home.html", {"cards": overview.cards(list(visible))})


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    form = DatasetForm(request.POST or None)
    if form.is_valid():
        try:
            dataset = datasets.create(by=person(request), **form.settings())
            return redirect("dataset", dataset.slug)
        except Problem as problem:
            form.add_error("name", str(problem))
    return render(request, "dataset_new.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def settings_page(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(request, slug, Role.ADMIN)
    form = DatasetForm(request.POST or None, instance=dataset_for(request, slug, Role.ADMIN))
    if form.is_valid():
        try:
            datasets.change(dataset=dataset, by=person(request), **form.settings())
            messages.success(request, "Settings saved.")
            return redirect("dataset-settings", slug)
        except Problem as problem:
            form.add_error(None, str(problem))
    content = {"dataset": dataset, "tab": "settings", "form": form}
    return render(request, "dataset_settings.html", content, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    form = PasswordChangeForm(person(request), request.POST or None)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "Password changed.")
        return redirect("home")
    return render(request, "password.html", {"form": form}, status=400 if form.errors else 200)
