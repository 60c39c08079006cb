"""The JSON API under /api/v1: what the pages show and do, for scripts. Same rules, same permissions.

Signed in by session cookie; anything that writes needs the CSRF token as `X-CSRFToken`. A dataset of which one is not
a member does not exist here (404). Every refusal is {"error": "a sentence"}.
"""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import NinjaAPI, Query, Router
from ninja.errors import AuthenticationError, ValidationError
from ninja.responses import Status
from ninja.security import django_auth

from curation import agreement, api_rates, exports, gallery, reviews, training
from curation.api_agreement_schemas import AgreementOut
from curation.api_run_schemas import RunIn, RunOut
from curation.api_schemas import (
    DatasetOut,
    ExportIn,
    ExportOut,
    FrameOut,
    FramePage,
    FrameQuery,
    ModelVersionOut,
    OutcomeOut,
    Outcomes,
    Refusal,
    ReviewBatch,
    ReviewOut,
    ReviewPage,
    ReviewQuery,
    VideoOut,
)
from curation.gallery import GalleryFilters
from curation.models import Dataset, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person

api = NinjaAPI(
    title="Framesift", version="1", urls_namespace="api", description=__doc__, auth=django_auth, docs_url=None
)
router = Router(tags=["datasets"])

REFUSALS = {400: Refusal, 401: Refusal, 403: Refusal, 404: Refusal, 409: Refusal, 422: Refusal}


@router.get("", response=list[DatasetOut])
def datasets(request: HttpRequest) -> list[DatasetOut]:
    """The datasets that you are a member of."""
    found = Dataset.objects.visible_to(request.user).select_related("active_version")
    return [DatasetOut.of(dataset) for dataset in found]


@router.get("/{slug}", response={200: DatasetOut, **REFUSALS})
def dataset(request: HttpRequest, slug: str) -> DatasetOut:
    return DatasetOut.of(dataset_for(request, slug))


@router.get("/{slug}/videos", response={200: list[VideoOut], **REFUSALS})
def videos(request: HttpRequest, slug: str) -> list[VideoOut]:
    """Every video of the dataset with its state, newest first."""
    return [VideoOut.of(video) for video in dataset_for(request, slug).videos.all()]


@router.get("/{slug}/models", response={200: list[ModelVersionOut], **REFUSALS})
def models(request: HttpRequest, slug: str) -> list[ModelVersionOut]:
    """Every model version, newest first."""
    found = dataset_for(request, slug)
    return [ModelVersionOut.of(version, found) for version in found.model_versions.all()]


@router.get("/{slug}/frames", response={200: FramePage, **REFUSALS})
def frames(request: HttpRequest, slug: str, query: Query[FrameQuery]) -> FramePage:
    """Frames with the active version's scores, worst first by the score that sorts. Pass `next` back as `after` for
    the page that follows."""
    found = dataset_for(request, slug)
    filters = GalleryFilters.from_query(request.GET, found)
    if filters.video:
        get_object_or_404(found.videos, pk=filters.video)
    page = gallery.page(found, filters, query.after, size=query.limit)
    return FramePage(
        frames=[FrameOut.of(card) for card in page.cards],
        next=page.next_cursor,
        model_version=page.version.number if page.version else None,
        sorted_by=page.score,
        threshold=page.threshold,
    )


@router.get("/{slug}/reviews", response={200: ReviewPage, **REFUSALS})
def review_log(request: HttpRequest, slug: str, query: Query[ReviewQuery]) -> ReviewPage:
    """The append-only log, oldest first, conflicts included. Pass `next` back as `after`; it grows at the end only."""
    log = dataset_for(request, slug).reviews.filter(pk__gt=query.after).select_related("user", "model_version")
    rows = [ReviewOut.of(review) for review in log.select_related("undoes").order_by("pk")[: query.limit]]
    return ReviewPage(reviews=rows, next=rows[-1].id if len(rows) == query.limit else None)


@router.post("/{slug}/reviews", response={200: Outcomes, **REFUSALS})
def record(request: HttpRequest, slug: str, batch: ReviewBatch) -> Outcomes:
    """Up to 500 verdicts in one transaction. A repeated `uuid` is the same review; a stale one is a conflict: it is
    kept in the log, and its outcome says who decided what meanwhile. Needs the role curator."""
    found = dataset_for(request, slug, Role.CURATOR)
    outcomes = reviews.record(
        dataset=found, user=person(request), requests=[review.as_request() for review in batch.reviews]
    )
    return Outcomes(outcomes=[OutcomeOut.of(outcome) for outcome in outcomes])


@router.get("/{slug}/agreement", response={200: AgreementOut, **REFUSALS})
def agreements(request: HttpRequest, slug: str) -> AgreementOut:
    """How far people agree who judged the same frames blind: of the whole data set, and of each pair of them."""
    return AgreementOut.of(agreement.of(dataset_for(request, slug)))


@router.get("/{slug}/exports", response={200: list[ExportOut], **REFUSALS})
def export_list(request: HttpRequest, slug: str) -> list[ExportOut]:
    found = dataset_for(request, slug)
    return [ExportOut.of(export) for export in found.exports.select_related("dataset", "model_version")[:100]]


@router.post("/{slug}/exports", response={202: ExportOut, **REFUSALS})
def request_export(request: HttpRequest, slug: str, wanted: ExportIn) -> Status[ExportOut]:
    """Freeze this moment and queue the writing; ask for the export until its state is done, then fetch `download`."""
    found = dataset_for(request, slug)
    filters = {"verdict": wanted.verdict, "side": wanted.side, "video": wanted.video}
    export = exports.request_export(dataset=found, by=person(request), format=wanted.format, filters=filters)
    return Status(202, ExportOut.of(export))


@router.get("/{slug}/exports/{pk}", response={200: ExportOut, **REFUSALS})
def export_detail(request: HttpRequest, slug: str, pk: int) -> ExportOut:
    return ExportOut.of(get_object_or_404(dataset_for(request, slug).exports, pk=pk))


@router.get("/{slug}/runs", response={200: list[RunOut], **REFUSALS})
def runs(request: HttpRequest, slug: str) -> list[RunOut]:
    """The last 100 training runs, newest first."""
    found = dataset_for(request, slug).training_runs.select_related("version", "start_from", "requested_by")
    return [RunOut.of(run) for run in found[:100]]


@router.post("/{slug}/runs", response={202: RunOut, **REFUSALS})
def request_run(request: HttpRequest, slug: str, wanted: RunIn) -> Status[RunOut]:
    """Freeze what there is to learn from and queue a training; ask `runs` until its state is done. With `retrain` it
    learns from both verdicts, going on from `start_from` or the active version. Needs the role admin."""
    found = dataset_for(request, slug, Role.ADMIN)
    version = get_object_or_404(found.model_versions, number=wanted.start_from) if wanted.start_from else None
    chosen = wanted.model_dump(exclude={"start_from"})
    return Status(202, RunOut.of(training.request_run(dataset=found, by=person(request), start_from=version, **chosen)))


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return _refuse(request, str(problem), problem.status)


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return _refuse(request, "There is no such thing, or you are not a member of its dataset.", 404)


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return _refuse(request, str(error) or "You may not do that.", 403)


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _refuse(request, "Sign in first; what writes also needs the CSRF token as X-CSRFToken.", 401)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "batch", "wanted"))
    return _refuse(request, f"{where or 'The request'}: {first['msg']}.", 422)


def _refuse(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    return api.create_response(request, {"error": sentence}, status=status)


api.add_router("/datasets", router)
api.add_router("/datasets", api_rates.router)
