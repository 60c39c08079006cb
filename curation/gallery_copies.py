"""Near copies in the gallery: they stand behind the frame that they repeat, and come out when somebody asks."""

from __future__ import annotations

from dataclasses import replace

from curation import copies
from curation.gallery_by_score import ByScore
from curation.gallery_order import Card
from curation.models import Frame


def looked_up(cards: list[Card]) -> list[Card]:
    """The cards with the frames that are folded into each; no query where nothing is folded."""
    found = copies.behind([(card.frame.video_id, card.frame.number, card.copies) for card in cards])
    return [replace(card, folded=tuple(found.get((card.frame.video_id, card.frame.number), ()))) for card in cards]


def of(order: ByScore, frame: Frame) -> list[Card]:
    """The cards of the near copies of a frame, in the order of the recording."""
    rows = copies.behind([(frame.video_id, frame.number, frame.copies)])
    return [replace(card, copies=0) for card in order.cards_of(rows.get((frame.video_id, frame.number), []))]
