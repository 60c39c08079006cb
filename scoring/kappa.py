"""How far two people agree beyond chance. NumPy only.

Cohen's kappa: J. Cohen, A Coefficient of Agreement for Nominal Scales, 1960. Its large-sample standard error: J.
Fleiss, J. Cohen, B. Everitt, Large Sample Standard Errors of Kappa and Weighted Kappa, Psychological Bulletin 72,
1969.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NORMAL = 1.959964  # 97.5 % of a normal distribution lie below
FEW = 30  # pairs, below which the interval is rough


@dataclass(frozen=True)
class Agreement:
    """value: Cohen's kappa, 1 for full agreement and 0 for what chance gives; None where chance alone would make
    everybody agree, because both used one word. low, high: its 95 % interval. agreed: how many of `pairs` were
    alike."""

    value: float | None
    low: float | None
    high: float | None
    agreed: int
    pairs: int

    @property
    def is_rough(self) -> bool:
        return self.pairs < FEW


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> Agreement:
    """The words of two people on the same frames, (n,) each. Raises ValueError when there are not as many of both."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} words can't be compared with {len(second)}.")
    words = sorted({*first, *second})
    table = np.zeros((len(words), len(words)))
    for one, other in zip(first, second, strict=True):
        table[words.index(one), words.index(other)] += 1
    pairs, agreed = len(first), int(np.trace(table))
    shares = table / max(pairs, 1)
    rows, columns = shares.sum(1), shares.sum(0)
    chance = float(rows @ columns)
    if not pairs or chance >= 1:
        return Agreement(None, None, None, agreed, pairs)
    kappa = (float(np.trace(shares)) - chance) / (1 - chance)
    error = _standard_error(shares, kappa, chance) / np.sqrt(pairs)
    return Agreement(kappa, max(-1.0, kappa - NORMAL * error), min(1.0, kappa + NORMAL * error), agreed, pairs)


def _standard_error(shares: np.ndarray, kappa: float, chance: float) -> float:
    """Times the root of the number of pairs: equation 13 of Fleiss, Cohen, Everitt."""
    rows, columns = shares.sum(1), shares.sum(0)
    same = np.diag(shares)
    agree = float((same * (1 - (rows + columns) * (1 - kappa)) ** 2).sum())
    apart = shares * (columns[:, None] + rows[None, :]) ** 2
    differ = (1 - kappa) ** 2 * float(apart.sum() - np.trace(apart))
    rest = (kappa - chance * (1 - kappa)) ** 2
    return float(np.sqrt(max(agree + differ - rest, 0.0)) / (1 - chance))
