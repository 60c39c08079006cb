"""Template filters and tags of the house; a builtin, so that no template loads it.

Filters: clock, ago, bytes, loss, measure, score_words, score_short, score_name,
decimal, signed, percent. Tags: icon, verdict, visible_datasets, key_map.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from curation import preferences, scores
from curation.models import Dataset, Score, Verdict
from curation.templatetags.icons import ICONS
from curation.uploads import human_bytes

register = template.Library()

SWITCHER_LIMIT = 50
VERDICT_WORDS = {Verdict.IN: "IN", Verdict.OUT: "OUT", Verdict.UNSURE: "?", Verdict.NONE: "unreviewed"}


@register.filter
def clock(seconds: float | None) -> str:
    """Seconds as m:ss or h:mm:ss; an en dash when unknown."""
    number = _number(seconds)
    if number is None or number < 0:
        return "–"  # noqa: RUF001
    whole = int(number)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


@register.filter
def ago(moment: dt.datetime | None) -> str:
    """How long ago, in one unit; the date once it is more than a month."""
    if moment is None:
        return ""
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 60:
        return "just now"
    for size, limit, unit in ((60, 3600, "min"), (3600, 86_400, "h"), (86_400, 30 * 86_400, "d")):
        if seconds < limit:
            return f"{int(seconds // size)} {unit} ago"
    return f"{moment:%Y-%m-%d}"


@register.filter
def bytes(count: float | None) -> str:
    """Bytes as people read them: 1000-based, as file managers and the refusals of uploads say it."""
    number = _number(count)
    return "–" if number is None or number < 0 else human_bytes(number)  # noqa: RUF001


@register.filter
def loss(value: float | None) -> str:
    """A reconstruction loss (squared error summed over the frame), with one decimal."""
    number = _number(value)
    return "–" if number is None else f"{number:.1f}"  # noqa: RUF001


@register.filter
def measure(value: float | None, score: str) -> str:
    """A frame's number on one of the scores, as people read it: 87.3, +1.24, 87 %."""
    return scores.shown(_number(value), score)


@register.filter
def score_words(score: str) -> str:
    """A score's name inside a sentence."""
    return scores.WORDS[Score(score)]


@register.filter
def score_short(score: str) -> str:
    """A score's name on a button."""
    return scores.SHORT[Score(score)]


@register.filter
def score_name(score: str) -> str:
    """A score's name in addresses."""
    return scores.NAMES[Score(score)]


@register.filter
def decimal(value: float | None, digits: int = 2) -> str:
    """A number that may be negative, with so many decimals."""
    number = _number(value)
    return "–" if number is None else f"{number:.{digits}f}".replace("-", "−")  # noqa: RUF001


@register.filter
def signed(value: float | None, digits: int = 3) -> str:
    """A difference, with its sign."""
    number = _number(value)
    return "–" if number is None else f"{number:+.{digits}f}".replace("-", "−")  # noqa: RUF001


@register.filter
def percent(share: float | None, digits: int = 0) -> str:
    """A share between 0 and 1 as a percentage; `digits` decimals. Never rounds up to 100 % what isn't all."""
    number = _number(share)
    if number is None:
        return "–"  # noqa: RUF001
    shown = round(number * 100, digits)
    if shown >= 100 and number < 1:
        shown = 100 - 10.0**-digits
    return f"{shown:.{digits}f} %"


@register.simple_tag
def icon(name: str) -> SafeString:
    """An inline SVG icon, hidden from screen readers: the words beside it, or an aria-label, say what it means."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="{}"/></svg>',
        mark_safe(ICONS[name]),  # noqa: S308 - our own constants
    )


@register.simple_tag
def verdict(value: str, extra: str = "") -> SafeString:
    """The badge of a verdict: shape and word, then colour. `extra` adds a class such as verdict-solid."""
    known = Verdict(value)
    return format_html(
        '<span class="verdict verdict-{} {}" title="{}">{}</span>',
        known.value or "none",
        extra,
        known.label,
        VERDICT_WORDS[known],
    )


@register.simple_tag(takes_context=True)
def visible_datasets(context: dict[str, Any]) -> list[Dataset]:
    """The first data sets, by name, that the person may see; for the switcher."""
    user = _person(context)
    if user is None:
        return []
    return list(Dataset.objects.visible_to(user).only("name", "slug")[:SWITCHER_LIMIT])


@register.simple_tag(takes_context=True)
def key_map(context: dict[str, Any]) -> str:
    """As JSON: which usual key each key stands for, where the person chose others; empty for who didn't."""
    user = _person(context)
    if user is None:
        return ""
    found = preferences.key_map(preferences.of(user).keys)
    return json.dumps(found) if found else ""


def _person(context: dict[str, Any]) -> Any:
    """Who is signed in; None as well where a request was refused before that was asked."""
    user = getattr(context.get("request"), "user", None)
    return user if user is not None and user.is_authenticated else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
