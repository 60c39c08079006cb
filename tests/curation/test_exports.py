"""What an export holds: a frozen moment, every frame once, people's words apart from the model's."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from curation import export_rows, exports, reviews, storage
from curation.export_files import FORMULA_STARTS
from curation.leases import work
from curation.models import Dataset, Export, Frame, Job, Review
from curation.problems import Problem
from tests.curation.review_rows import ask, make_dataset, make_version, make_video, score, scored_dataset

pytestmark = pytest.mark.django_db


def ana() -> User:
    return User.objects.get(username="ana")


def say(dataset: Dataset, frame: Frame, verdict: str, **more: Any) -> Review:
    frame.refresh_from_db()
    request = ask(frame, verdict, seen=frame.review_version, **more)
    reviews.record(dataset=dataset, user=ana(), requests=[request])
    return Review.objects.get(client_uuid=request.client_uuid)


def rows_of(dataset: Dataset, **filters: Any) -> list[dict[str, Any]]:
    chosen = export_rows.ExportFilters.from_values(dataset, filters)
    return list(exports.rows(exports.Snapshot.now(dataset), chosen))


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [row["frame_number"] for row in rows]


def test_it_gives_every_frame_one_row_with_every_documented_column() -> None:
    dataset, frames = scored_dataset([10.0, 60.0, 70.0])
    say(dataset, frames[1], "in")
    rows = rows_of(dataset)
    assert [list(row) for row in rows] == [list(exports.COLUMNS)] * 3
    row = rows[1]
    assert (row["frame_number"], row["time_s"], row["verdict"], row["decision"]) == (1, 1.0, "in", "in")
    assert (row["reviewed_by"], row["review_count"], row["is_correction"]) == ("ana", 1, True)
    assert (row["model_version"], row["reconstruction_loss"], row["threshold"], row["is_outlier"]) == (
        1,
        60.0,
        50.0,
        True,
    )


def test_it_never_calls_an_unreviewed_frame_normal() -> None:
    dataset, _ = scored_dataset([10.0])
    row = rows_of(dataset)[0]
    assert (row["verdict"], row["decision"], row["is_outlier"]) == ("unreviewed", "", False)
    assert (row["reviewed_by"], row["reviewed_at"], row["is_correction"]) == ("", None, None)


def test_it_takes_back_what_was_undone() -> None:
    dataset, frames = scored_dataset([60.0])
    said = say(dataset, frames[0], "out")
    say(dataset, frames[0], "", undoes=said.client_uuid)
    row = rows_of(dataset)[0]
    assert (row["verdict"], row["reviewed_by"], row["review_count"]) == ("unreviewed", "", 2)


def test_it_ignores_reviews_that_lost_a_conflict() -> None:
    dataset, frames = scored_dataset([60.0])
    say(dataset, frames[0], "out")
    reviews.record(dataset=dataset, user=ana(), requests=[ask(frames[0], "in", seen=0)])
    row = rows_of(dataset)[0]
    assert (row["verdict"], row["review_count"]) == ("out", 1)


def test_it_leaves_an_unsure_frame_undecided() -> None:
    dataset, frames = scored_dataset([60.0])
    say(dataset, frames[0], "unsure")
    row = rows_of(dataset)[0]
    assert (row["verdict"], row["decision"], row["is_correction"]) == ("unsure", "", None)


@pytest.mark.parametrize("batch", [1, 2, 3, 2000])
def test_it_reads_every_frame_once_whatever_the_batch(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_rows, "BATCH", batch)
    dataset, frames = scored_dataset([float(n) for n in range(7)])
    other = make_video(dataset, 4, name="other.mp4")
    say(dataset, frames[3], "out")
    rows = rows_of(dataset)
    assert [(row["video"], row["frame_number"]) for row in rows] == [
        *(("match.mp4", n) for n in range(7)),
        *((other.name, n) for n in range(4)),
    ]
    assert [row["verdict"] for row in rows].count("out") == 1
    assert rows[-1]["reconstruction_loss"] is None and rows[-1]["is_outlier"] is None


FILTERS = [
    ({"verdict": "out"}, [1]),
    ({"verdict": "in"}, [2]),
    ({"verdict": "unsure"}, [3]),
    ({"verdict": "reviewed"}, [1, 2, 3]),
    ({"verdict": "unreviewed"}, [0]),
    ({"side": "above"}, [1, 3]),
    ({"side": "below"}, [0, 2]),
    ({"side": "above", "verdict": "out"}, [1]),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
def test_it_filters_by_verdict_and_side(filters: dict[str, str], found: list[int]) -> None:
    dataset, frames = scored_dataset([10.0, 60.0, 50.0, 51.0])
    for frame, verdict in zip(frames[1:], ("out", "in", "unsure"), strict=True):
        say(dataset, frame, verdict)
    assert numbers(rows_of(dataset, **filters)) == found


def test_it_takes_one_video_only() -> None:
    dataset, _ = scored_dataset([10.0, 60.0])
    other = make_video(dataset, 3, name="other.mp4")
    assert {row["video"] for row in rows_of(dataset, video=str(other.pk))} == {"other.mp4"}


def test_it_refuses_what_it_does_not_know() -> None:
    dataset, _ = scored_dataset([10.0])
    foreign = make_video(make_dataset("foreign"), 1)
    for filters in ({"verdict": "maybe"}, {"side": "left"}, {"video": foreign.pk}, {"video": "x"}, {"colour": "red"}):
        with pytest.raises(Problem):
            exports.request_export(dataset=dataset, by=ana(), format="csv", filters=filters)
    with pytest.raises(Problem, match="CSV or JSON"):
        exports.request_export(dataset=dataset, by=ana(), format="xlsx")
    assert not Export.objects.exists() and not Job.objects.exists()


def carry_out(export: Export) -> Export:
    with work(export.jobs.get().pk) as lease:
        assert lease is not None and lease.job.export is not None
        exports.write(lease.job.export, lease)
    export.refresh_from_db()
    return export


def test_it_shows_the_moment_of_asking_while_people_go_on(store: str) -> None:
    dataset, frames = scored_dataset([10.0, 60.0, 70.0])
    say(dataset, frames[1], "out")
    export = exports.request_export(dataset=dataset, by=ana(), format="json", filters={})
    say(dataset, frames[1], "in")
    say(dataset, frames[2], "out")
    make_video(dataset, 2, name="later.mp4")
    newer = make_version(dataset, threshold=1.0)
    score(newer, {frames[1].pk: 5.0})
    done = carry_out(export)
    content = json.loads(storage.read(done.key))
    assert [(row["frame_number"], row["verdict"]) for row in content["frames"]] == [
        (0, "unreviewed"), (1, "out"), (2, "unreviewed"),
    ]  # fmt: skip
    assert content["frames"][1]["model_version"] == 1 and content["frames"][1]["threshold"] == 50.0


@pytest.mark.parametrize("format", ["csv", "json"])
def test_it_stores_a_file_that_its_manifest_describes(store: str, format: str) -> None:
    dataset, frames = scored_dataset([10.0, 60.0, 70.0])
    say(dataset, frames[1], "out")
    export = carry_out(exports.request_export(dataset=dataset, by=ana(), format=format))
    data = storage.read(export.key)
    assert export.state == Export.State.DONE and export.finished_at is not None
    assert export.sha256 == export.manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert export.size_bytes == export.manifest["size_bytes"] == len(data)
    assert export.rows == export.manifest["rows"] == 3
    assert export.manifest["verdicts"] == {"in": 0, "out": 1, "unsure": 0, "unreviewed": 2}
    assert export.manifest["model_version"] == {"number": 1, "weights_sha256": "0" * 64}
    assert export.manifest["columns"] == exports.COLUMNS
    assert export.jobs.get().state == Job.State.DONE


def test_it_writes_the_same_bytes_when_it_is_tried_again(store: str) -> None:
    dataset, frames = scored_dataset([10.0, 60.0])
    export = exports.request_export(dataset=dataset, by=ana(), format="json")
    marks = export.manifest
    first = carry_out(export).sha256
    Export.objects.update(manifest=marks)
    export.jobs.update(state=Job.State.QUEUED, attempt=0)
    say(dataset, frames[0], "out")
    assert carry_out(export).sha256 == first


def test_it_leaves_nothing_behind_when_it_is_cancelled(store: str) -> None:
    dataset, _ = scored_dataset([10.0, 60.0])
    export = exports.request_export(dataset=dataset, by=ana(), format="csv")
    with work(export.jobs.get().pk) as lease:
        assert lease is not None
        lease._cancelled = True
        exports.write(export, lease)
    export.refresh_from_db()
    assert export.state == Export.State.CANCELLED
    assert not storage.exists(f"exports/{export.uuid}.csv")


starters = st.sampled_from([*FORMULA_STARTS, '"', "'", ",", ";", "a", "é"])
texts = st.text(alphabet=st.one_of(starters, st.characters(exclude_categories=["Cs"])))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_it_quotes_what_a_spreadsheet_would_run(first: str) -> None:
    assert exports.csv_cell(f"{first}1+1") == f"'{first}1+1"


@given(texts)
def test_it_never_lets_text_begin_like_a_formula(text: str) -> None:
    cell = str(exports.csv_cell(text))
    assert not cell.startswith(FORMULA_STARTS)
    assert cell in (text, "'" + text)


@given(st.lists(texts, min_size=1, max_size=5))
def test_it_writes_csv_that_reads_back(names: list[str]) -> None:
    rows = [dict.fromkeys(exports.COLUMNS, None) | {"video": name, "verdict": "in", "kl": -1.5} for name in names]
    file = io.StringIO(newline="")
    exports.write_csv(file, rows)
    assert file.getvalue().split("\r\n")[0] == ",".join(exports.COLUMNS)
    read = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
    assert [row["video"] for row in read] == [exports.csv_cell(name) for name in names]
    assert {row["kl"] for row in read} == {"-1.5"}, "a negative number stays a number"


@given(st.lists(texts, max_size=5))
def test_it_writes_json_with_the_values_as_they_are(names: list[str]) -> None:
    file = io.StringIO()
    exports.write_json(file, [{"video": name, "is_outlier": True} for name in names], {"rows": None})
    read = json.loads(file.getvalue())
    assert read == {"manifest": {"rows": None}, "frames": [{"video": name, "is_outlier": True} for name in names]}


def test_it_writes_a_file_from_the_command_line(tmp_path: Path) -> None:
    dataset, frames = scored_dataset([10.0, 60.0])
    dataset.videos.update(name="=HYPERLINK(1).mp4")
    say(dataset, frames[1], "out")
    out = tmp_path / "set.csv"
    call_command("export", dataset.slug, format="csv", out=out, verdict="out")
    rows = list(csv.DictReader(out.open(newline="")))
    assert [(row["video"], row["frame_number"], row["decision"]) for row in rows] == [
        ("'=HYPERLINK(1).mp4", "1", "out")
    ]
    manifest = json.loads((tmp_path / "set.csv.manifest.json").read_text())
    assert manifest["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest() and manifest["rows"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.csv", "set.csv.manifest.json"]


def test_it_says_in_a_sentence_what_the_command_line_got_wrong(tmp_path: Path) -> None:
    scored_dataset([10.0])
    with pytest.raises(CommandError, match=r"There is no data set 'nope'\. Data sets: cup"):
        call_command("export", "nope", format="csv", out=tmp_path / "x")
    with pytest.raises(CommandError, match="no such video"):
        call_command("export", "cup", format="csv", out=tmp_path / "x", video=99)
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("export", "cup", format="csv", out=tmp_path / "nowhere" / "x")
