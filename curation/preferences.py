"""What a person chose for themselves: the keys they press, and the width of the gallery's tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User

from curation.models import Preference
from curation.problems import Problem

SPACE = "Space"
TILE_PX = (96, 640)  # the narrowest and the widest tile; 0 is the usual width
TILE_WIDTHS = (96, 128, 160, 212, 256, 320, 400, 480, 640)  # on offer; css/gallery_tools.css knows each
USUAL_TILE = 212
REASON_KEYS = "123456789"


@dataclass(frozen=True)
class Action:
    """Something that a key does. Pages listen for its `usual` key; people may press another."""

    name: str
    usual: str
    label: str
    where: str


EVERYWHERE, QUEUE, FRAMES, TIMELINE = "wherever you review", "review queue", "frames", "video"
ACTIONS = (
    Action("out", "a", "Out of distribution", EVERYWHERE),
    Action("in", "d", "In distribution", EVERYWHERE),
    Action("unsure", "s", "Unsure", EVERYWHERE),
    Action("skip", SPACE, "Skip to the next", EVERYWHERE),
    Action("undo", "u", "Undo the last decision", EVERYWHERE),
    Action("start", "j", "Halve from the start", QUEUE),
    Action("end", "k", "Halve from the end", QUEUE),
    Action("play", "p", "Play or pause the video", "queue, video and frame"),
    Action("select", "x", "Select this frame", FRAMES),
    Action("sort", "o", "Sort by the next score", FRAMES),
    Action("reverse", "r", "Reverse the order", FRAMES),
    Action("jump", "g", "Jump to a score", FRAMES),
    Action("spread", "h", "Show or hide the spread of the scores", FRAMES),
    Action("copies", "c", "Show or fold the near copies of this frame", FRAMES),
    Action("similar", "m", "More frames like this", "frames and frame"),
    Action("views", "v", "Saved views", FRAMES),
    Action("larger", "+", "Larger tiles; less of the recording", "frames and video"),
    Action("smaller", "-", "Smaller tiles; more of the recording", "frames and video"),
    Action("whole", "0", "Show all of the recording", TIMELINE),
    Action("before", "[", "Segment before", TIMELINE),
    Action("after", "]", "Segment after", TIMELINE),
    Action("first", ",", "The segment starts at this frame", TIMELINE),
    Action("last", ".", "The segment ends at this frame", TIMELINE),
)
BY_NAME = {action.name: action for action in ACTIONS}
BY_USUAL = {action.usual: action for action in ACTIONS}


def of(user: User) -> Preference:
    """The person's preferences; asked of the database once per request. Not saved yet where nothing was ever chosen."""
    known: Preference | None = getattr(user, "_known_preference", None)
    if known is None:
        known = Preference.objects.filter(user_id=user.pk).first() or Preference(user_id=user.pk)
        user._known_preference = known  # type: ignore[attr-defined]
    return known


def bound(keys: Mapping[str, str]) -> dict[str, str]:
    """Action -> the key that does it, for every action; `keys` as Preference stores them."""
    return {action.name: keys.get(action.name, action.usual) for action in ACTIONS}


def key_map(keys: Mapping[str, str]) -> dict[str, str]:
    """Pressed key -> the usual key it stands for, where they differ; "" for a usual key that now does nothing."""
    now = bound(keys)
    moved = {action.usual: "" for action in ACTIONS if now[action.name] != action.usual}
    return moved | {now[action.name]: action.usual for action in ACTIONS if now[action.name] != action.usual}


def mistakes(chosen: Mapping[str, str]) -> dict[str, str]:
    """Action -> what is wrong with its key, in a sentence, for every action that can't have the key it was given."""
    keys = {name: chosen.get(name, "") for name in BY_NAME}
    wrong = {name: sentence for name, key in keys.items() if (sentence := _mistake(key))}
    for name, key in keys.items():
        others = [BY_NAME[other].label for other, taken in keys.items() if taken == key and other != name]
        if name not in wrong and others:
            wrong[name] = f"The same key as “{others[0]}”. Give each its own."
    return wrong


def _mistake(key: str) -> str:
    if not key:
        return "Press a key for it."
    if key in REASON_KEYS:
        return "1 to 9 give a reason."
    if key == "?":
        return "? shows the keys of a page."
    is_printable = len(key) == 1 and "!" <= key <= "~" and key == key.lower()
    return "" if is_printable or key == SPACE else "Choose a letter, a sign or Space."


def save_keys(*, user: User, chosen: Mapping[str, str]) -> None:
    """Bind every action to the key chosen for it. Raises Problem when one can't be had."""
    wrong = mistakes(chosen)
    if wrong:
        name, sentence = next(iter(wrong.items()))
        raise Problem(f"{BY_NAME[name].label}: {sentence}")
    kept = {action.name: chosen[action.name] for action in ACTIONS if chosen[action.name] != action.usual}
    _save(user, keys=kept)


def reset_keys(*, user: User) -> None:
    _save(user, keys={})


def tile_width(user: User) -> int:
    """The width on offer that is nearest to what the person chose."""
    chosen = of(user).tile or USUAL_TILE
    return min(TILE_WIDTHS, key=lambda width: abs(width - chosen))


def save_tile(*, user: User, width: int) -> None:
    """Remember the width of the gallery's tiles in CSS pixels; 0: the usual one. Raises Problem beyond the limits."""
    least, most = TILE_PX
    if width and not least <= width <= most:
        raise Problem(f"A tile is {least} to {most} pixels wide.")
    _save(user, tile=width)


def _save(user: User, **values: object) -> None:
    Preference.objects.update_or_create(user_id=user.pk, defaults=values)
    user.__dict__.pop("_known_preference", None)
