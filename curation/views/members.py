"""Members of a data set and their roles; for its admins."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from curation import members
from curation.forms import MemberForm, RoleForm
from curation.models import Dataset, Membership, Role
from curation.permissions import dataset_for
from curation.problems import Problem


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """The list; a POST adds a member. A new account's password is in this one answer and nowhere else."""
    dataset = dataset_for(request, slug, Role.ADMIN)
    form = MemberForm(request.POST or None)
    if not form.is_valid():
        return _page(request, dataset, form)
    username, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
    try:
        if form.cleaned_data["is_new"]:
            _, password = members.create_account(dataset=dataset, username=username, role=role)
            return _page(request, dataset, MemberForm(), username=username, password=password)
        members.add(dataset=dataset, username=username, role=role)
    except Problem as problem:
        form.add_error("username", str(problem))
        return _page(request, dataset, form)
    messages.success(request, f"{username} is now {role.label.lower()}.")
    return redirect("members", slug)


@login_required
@require_POST
def member(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change the role, or remove (`remove=1`)."""
    dataset = dataset_for(request, slug, Role.ADMIN)
    membership = get_object_or_404(dataset.memberships.select_related("user"), pk=pk)
    try:
        messages.success(request, _change(request, membership))
    except Problem as problem:
        messages.error(request, str(problem))
    if membership.user_id == request.user.pk:
        return redirect("home")  # one's own rights may be gone
    return redirect("members", slug)


def _change(request: HttpRequest, membership: Membership) -> str:
    name = membership.user.get_username()
    if request.POST.get("remove"):
        members.remove(membership=membership)
        return f"{name} is no longer a member."
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise Problem("Choose one of the roles viewer, curator and admin.")
    role = Role(form.cleaned_data["role"])
    members.change_role(membership=membership, role=role)
    return f"{name} is now {role.label.lower()}."


def _page(request: HttpRequest, dataset: Dataset, form: MemberForm, **made: str) -> HttpResponse:
    content = {
        "dataset": dataset,
        "tab": "members",
        "form": form,
        "memberships": dataset.memberships.select_related("user"),
        "roles": Role.choices,
        **made,
    }
    return render(request, "members.html", content, status=400 if form.errors else 200)
