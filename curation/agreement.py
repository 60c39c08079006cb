"""How often people who judged the same frame, blind, said the same: Cohen's kappa of a data set and of each pair."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from curation.models import Dataset, SecondLook
from scoring.kappa import Agreement, cohen_kappa

NOBODY = "somebody who left"
MOST_PAIRS = 20_000  # the newest

Words = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class PairAgreement:
    """Two people, in the order of their names, and how far they agree."""

    one: str
    other: str
    agreement: Agreement


@dataclass(frozen=True, kw_only=True)
class DatasetAgreement:
    """whole: every frame that two people judged, first word against second; pairs: most frames first."""

    whole: Agreement
    pairs: list[PairAgreement]


def of(dataset: Dataset) -> DatasetAgreement:
    """One query. What was settled later counts as what both had said."""
    looks = SecondLook.objects.answered().filter(dataset=dataset).order_by("-id")
    columns = ("first__user__username", "second__user__username", "first__verdict", "second__verdict")
    said: dict[Words, list[Words]] = defaultdict(list)
    whole: list[Words] = []
    for first, second, verdict, opinion in looks.values_list(*columns)[:MOST_PAIRS]:
        one, other = first or NOBODY, second or NOBODY
        whole.append((verdict, opinion))
        said[min(one, other), max(one, other)].append((verdict, opinion) if one <= other else (opinion, verdict))
    pairs = [PairAgreement(one=one, other=other, agreement=_kappa(words)) for (one, other), words in said.items()]
    pairs.sort(key=lambda pair: (-pair.agreement.pairs, pair.one, pair.other))
    return DatasetAgreement(whole=_kappa(whole), pairs=pairs)


def _kappa(words: list[Words]) -> Agreement:
    return cohen_kappa([first for first, _ in words], [second for _, second in words])
