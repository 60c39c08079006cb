"""What the JSON API gives about how far people agree."""

from typing import Any

from ninja import Schema
from pydantic import Field

from curation.agreement import DatasetAgreement
from scoring.kappa import Agreement


class KappaOut(Schema):
    frames: int = Field(description="Judged by two people, each without knowing the other's word.")
    agreed: int = Field(description="Frames on which both said the same.")
    kappa: float | None = Field(description="Cohen's kappa; null where chance alone would make them agree.")
    low: float | None = Field(description="Lower end of its 95 % interval (Fleiss, Cohen, Everitt 1969).")
    high: float | None = Field(description="Upper end.")

    @classmethod
    def numbers(cls, found: Agreement) -> dict[str, Any]:
        return {
            "frames": found.pairs,
            "agreed": found.agreed,
            "kappa": found.value,
            "low": found.low,
            "high": found.high,
        }


class PairOut(KappaOut):
    people: list[str]


class AgreementOut(KappaOut):
    pairs: list[PairOut] = Field(description="Most frames first.")

    @classmethod
    def of(cls, found: DatasetAgreement) -> "AgreementOut":
        pairs = [PairOut(people=[each.one, each.other], **cls.numbers(each.agreement)) for each in found.pairs]
        return cls(pairs=pairs, **cls.numbers(found.whole))
