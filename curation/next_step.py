"""What a data set needs next: the first run in four steps, told in one sentence and one button, and what is being done
for it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse

from curation import jobs
from curation.models import Dataset, Frame, Job, TrainingRun, Verdict, Video

DOING = {
    Job.Kind.EXTRACT: "Taking the frames out of {video}.",
    Job.Kind.SCORE: "Scoring the frames of {video}.",
    Job.Kind.TRAIN: "Training the model.",
    Job.Kind.RESCORE: "Scoring all frames by the new version.",
    Job.Kind.SEGMENT: "Finding the segments.",
}
MOST_WAITING = 100


@dataclass(frozen=True)
class Step:
    title: str
    is_done: bool
    is_current: bool = False


@dataclass(frozen=True)
class Work:
    """What is being done for the data set. `fraction` 0 to 1; None, like `eta_s`, while it can't be said. `waiting`:
    how many more jobs stand behind it."""

    sentence: str
    fraction: float | None
    eta_s: float | None
    waiting: int


@dataclass(frozen=True)
class Guide:
    """`url` is empty when the step is done on the page of videos (uploading), or when there is nothing to press yet."""

    steps: list[Step]
    sentence: str
    label: str
    url: str
    is_upload: bool = False
    work: Work | None = None


@dataclass(frozen=True)
class Facts:
    """What the guide looks at, in three queries."""

    slug: str
    has_videos: bool
    has_reference: bool
    has_unsorted: bool
    has_reference_frames: bool
    has_model: bool
    has_reviews: bool
    run_id: int | None

    @classmethod
    def of(cls, dataset: Dataset) -> Facts:
        through = Q(is_reference=True, frame_count__gt=0, extracted_at__isnull=False)
        usable = dataset.videos.order_by().exclude(state=Video.State.FAILED)  # nothing comes of a video that failed
        count = usable.aggregate(
            videos=Count("pk"), reference=Count("pk", filter=Q(is_reference=True)), through=Count("pk", filter=through)
        )
        judged = Frame.objects.filter(video__dataset=dataset, verdict__in=[Verdict.IN, Verdict.OUT, Verdict.UNSURE])
        run = dataset.training_runs.filter(state__in=TrainingRun.OPEN_STATES).first()
        return cls(
            slug=dataset.slug,
            has_videos=count["videos"] > 0,
            has_reference=count["reference"] > 0,
            has_unsorted=count["videos"] > count["reference"],
            has_reference_frames=count["through"] > 0,
            has_model=dataset.active_version_id is not None,
            has_reviews=judged.exists(),
            run_id=run.pk if run else None,
        )


def guide(dataset: Dataset) -> Guide | None:
    """The guide for this data set; None when somebody has reviewed, so the loop is known."""
    facts = Facts.of(dataset)
    if facts.has_model and facts.has_reviews:
        return None
    done = [facts.has_reference or facts.has_model, facts.has_model, facts.has_unsorted, False]
    current = done.index(False)
    titles = ("Upload reference videos", "Train a model", "Upload unsorted videos", "Review frames")
    steps = [
        Step(title, is_done, number == current)
        for number, (title, is_done) in enumerate(zip(titles, done, strict=True))
    ]
    sentence, label, url = (_reference, _train, _unsorted, _review)[current](facts)
    return Guide(steps, sentence, label, url, is_upload=current in (0, 2), work=under_way(dataset))


def under_way(dataset: Dataset) -> Work | None:
    """What leads to frames that can be reviewed and is at work now, or is the next to be; None when nothing is."""
    open_jobs = Job.objects.open().filter(dataset=dataset, kind__in=DOING).select_related("video").order_by("id")
    found = list(open_jobs[:MOST_WAITING])
    if not found:
        return None
    job = next((each for each in found if each.state == Job.State.RUNNING), found[0])
    sentence = DOING[Job.Kind(job.kind)].format(video=job.video.name if job.video else "a video")
    is_running = job.state == Job.State.RUNNING
    return Work(
        sentence=sentence if is_running else "Waiting for a worker.",
        fraction=job.progress if is_running else None,
        eta_s=jobs.eta_s(job),
        waiting=len(found) - 1,
    )


def _reference(facts: Facts) -> tuple[str, str, str]:
    if facts.has_videos:
        return (
            "No video is marked as reference. Mark those that show only what belongs, or upload some.",
            "Choose reference videos",
            "",
        )
    return (
        "Start with recordings that show only what belongs. The model learns from them what is normal.",
        "Choose reference videos",
        "",
    )


def _train(facts: Facts) -> tuple[str, str, str]:
    if facts.run_id is not None:
        return (
            "The first model is training. You can watch it.",
            "Watch the training",
            reverse("run", args=[facts.slug, facts.run_id]),
        )
    if not facts.has_reference_frames:
        return (
            "Frames are being taken from your reference videos. Training can start when one of them is through.",
            "",
            "",
        )
    return (
        "The reference frames are there. Train the first model on them.",
        "Train the first model",
        reverse("models", args=[facts.slug]),
    )


def _unsorted(facts: Facts) -> tuple[str, str, str]:
    return (
        "There is a model. Now upload the recordings to look through; each frame gets a score.",
        "Choose unsorted videos",
        "",
    )


def _review(facts: Facts) -> tuple[str, str, str]:
    return (
        "Frames are scored. Look at them worst first and decide which belong.",
        "Review frames",
        reverse("gallery", args=[facts.slug]),
    )
