"""When to stop: the advice follows from what is known, and says in minutes what would change it."""

from __future__ import annotations

from dataclasses import replace

from curation.stop_advice import Known, Lesson, Targets, advise, words
from scoring.metrics import Estimate

TARGETS = Targets(tpr=0.95, fpr=0.1, half_width=0.05)


def rate(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half, few_sources=False)


def known(*, tpr: Estimate, fpr: Estimate, floor: float = 0.0, **more: int) -> Known:
    values = {"judged_in": 80, "judged_out": 20, "left": 50, "pace_s": 3.0} | more
    return Known(rates={"tpr": tpr, "fpr": fpr}, floors={"tpr": floor, "fpr": floor}, **values)  # type: ignore[arg-type]


def test_it_asks_to_judge_on_until_there_are_some_of_each_kind() -> None:
    found = advise(known(tpr=rate(0.9, 0.1), fpr=rate(0.2, 0.2), judged_in=30, judged_out=2), TARGETS)
    assert found.state == "start" and "30 IN and 2 OUT" in found.sentence and "OUT frames are lacking" in found.sentence


def test_it_says_how_many_more_audit_frames_narrow_the_interval_to_the_target() -> None:
    """Twice as narrow takes four times as many: 300 more, of which 250 are not drawn; 300 at 3 s are 15 minutes."""
    found = advise(known(tpr=rate(0.9, 0.04), fpr=rate(0.2, 0.1)), TARGETS)
    assert (found.state, found.more, found.draw, found.minutes) == ("audit", 300, 250, 15.0)
    assert "FPR is 20.0 %, between 10.0 % and 30.0 %." in found.sentence and "about 15 min" in found.sentence
    assert "250 of them are still to be drawn" in found.sentence


def test_it_asks_for_other_recordings_where_more_frames_of_these_would_not_do() -> None:
    narrow = known(tpr=rate(0.9, 0.04), fpr=rate(0.2, 0.1), floor=0.1)
    assert advise(narrow, TARGETS).more > 300
    found = advise(replace(narrow, floors={"tpr": 0.0, "fpr": 0.4}), TARGETS)
    assert found.state == "videos" and "audit more recordings" in found.sentence


def test_it_asks_for_other_recordings_where_these_have_too_few_frames() -> None:
    wide = known(tpr=rate(0.9, 0.04), fpr=rate(0.2, 0.1), undrawn=249)
    assert advise(wide, TARGETS).state == "videos" and "too few for ± 5 %" in advise(wide, TARGETS).sentence
    assert advise(replace(wide, undrawn=250), TARGETS).state == "audit"


def test_it_lets_one_stop_when_the_targets_are_met_and_known() -> None:
    found = advise(known(tpr=rate(0.96, 0.02), fpr=rate(0.06, 0.04)), TARGETS)
    assert found.state == "stop" and found.sentence.startswith("You may stop")


def test_it_sends_to_the_queue_when_the_rates_are_known_but_not_good_enough() -> None:
    state = known(tpr=rate(0.96, 0.02), fpr=rate(0.2, 0.04))
    assert "Review the queue, then retrain" in advise(state, TARGETS).sentence
    found = advise(state, TARGETS, Lesson(gain=-0.05, reviews=100, pace_s=1.5))
    assert (found.state, found.more, found.minutes) == ("queue", 200, 5.0)
    assert "about 200 reviews in the queue (about 5 min)" in found.sentence
    assert "didn't lower it" in advise(state, TARGETS, Lesson(gain=0.01, reviews=100, pace_s=1.5)).sentence
    low = known(tpr=rate(0.8, 0.02), fpr=rate(0.05, 0.04))
    assert "Move the threshold up" in advise(low, TARGETS).sentence


def test_it_writes_times_as_people_say_them() -> None:
    assert [words(minutes) for minutes in (0.2, 14.6, 150)] == ["a minute", "15 min", "2.5 h"]
