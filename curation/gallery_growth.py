"""The end of a list that still grows: before there is a model, frames are listed in the order in which they arrive."""

from __future__ import annotations

from curation import gallery
from curation.gallery_filters import GalleryFilters
from curation.gallery_lists import ByNumber
from curation.gallery_order import GalleryPage
from curation.models import Dataset


def after_last(dataset: Dataset, filters: GalleryFilters, page: GalleryPage, after: str) -> str:
    """The cursor after which frames are still to come, to be asked again; empty where the list goes on, is complete, or
    has an order in which what arrives doesn't stand last. `after`: the cursor that the page itself came after."""
    is_in_order = page.version is None and not filters.is_upward and not filters.selection
    if page.next_cursor or not is_in_order or not (page.cards or after) or not gallery.counts(dataset).is_moving:
        return ""
    order = ByNumber(dataset, filters)
    return order.cursor(order.place(page.cards[-1])) if page.cards else after
