"""The settings of the dedupe job: thresholds, caps, shares, and what is compared by which bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from miners.contamination import ContaminationRules
from miners.near_duplicates import CODE, TEXT, Banding, ShingleRule, SignatureConfig, banding_for
from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE, SIDES, Caps
from schemas.split import check_shares, split_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way in which rows are compared: a side, from which similarity on, and by which bands candidates are found."""

    name: str
    side: int
    threshold: float
    banding: Banding
    across_splits: bool
    """Only rows of different splits: a leak, not a duplicate."""
    of_code: bool = False
    """Of duplicates: among pairs whose positive is code, or among the others."""


@dataclass(frozen=True, slots=True)
class DedupeConfig:
    """Everything that decides which rows survive; a recipe file has these keys. ValueError for impossible ones."""

    text_threshold: float = 0.8
    code_threshold: float = 0.7
    text_on: str = "joint"
    code_on: str = "positive"
    leak_threshold: float = 0.6
    max_per_anchor: int = 16
    max_per_positive: int = 1
    validation_share: float = 0.05
    test_share: float = 0.05
    split_key: str = "pairmill"
    words_per_shingle: int = 5
    tokens_per_shingle: int = 5
    permutations: int = 128
    signature_seed: int = 1
    contamination_threshold: float = ContaminationRules().threshold
    commonplace_groups: int = ContaminationRules().commonplace_groups
    evaluation_repositories: bool = True
    max_source_loss: float = 0.5

    def __post_init__(self) -> None:
        check_shares(self.validation_share, self.test_share)
        for name in ("text_threshold", "code_threshold", "leak_threshold", "max_source_loss"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie above 0 and at most at 1, not {getattr(self, name)}")
        for name in ("text_on", "code_on"):
            if getattr(self, name) not in SIDES:
                raise ValueError(f"{name} must be one of {', '.join(SIDES)}, not {getattr(self, name)!r}")
        for name in ("max_per_anchor", "max_per_positive"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}: it counts the row that stays")
        self.signatures()
        self.rules()
        self.contamination()

    def rules(self) -> tuple[ShingleRule, ShingleRule]:
        """How text and how code is shingled."""
        return ShingleRule(TEXT.is_code, self.words_per_shingle), ShingleRule(CODE.is_code, self.tokens_per_shingle)

    def signatures(self) -> SignatureConfig:
        """The permutations; both shingle rules use the same."""
        return SignatureConfig(self.rules()[0], self.permutations, self.signature_seed)

    def caps(self) -> Caps:
        """How many rows may repeat a side."""
        return Caps(self.max_per_anchor, self.max_per_positive)

    def contamination(self) -> ContaminationRules:
        """When a pair counts as contaminated."""
        return ContaminationRules(self.contamination_threshold, self.commonplace_groups)

    def has_splits(self) -> bool:
        """Whether anything but train is wanted, so that leaks are possible."""
        return self.validation_share > 0 or self.test_share > 0

    def shares(self) -> dict[str, float]:
        """The wanted share of each split."""
        train = 1.0 - self.validation_share - self.test_share
        return {"train": train, "validation": self.validation_share, "test": self.test_share}

    def split_of(self, group: str) -> str:
        """The split of a group."""
        return split_of(group, self.split_key, self.validation_share, self.test_share)

    def comparisons(self) -> tuple[Comparison, ...]:
        """Text and code by the side that is set; leaks by each side, where there is more than one split."""
        near = [
            Comparison(f"near_{kind}", SIDES.index(side), least, banding_for(least, self.permutations), False, of_code)
            for kind, side, least, of_code in (
                ("text", self.text_on, self.text_threshold, False),
                ("code", self.code_on, self.code_threshold, True),
            )
        ]
        banding = banding_for(self.leak_threshold, self.permutations)
        leaks = [
            Comparison(f"leak_{SIDES[side]}", side, self.leak_threshold, banding, True)
            for side in (JOINT, ANCHOR, POSITIVE)
        ]
        return (*near, *(leaks if self.has_splits() else ()))

    def as_dict(self) -> Mapping[str, Any]:
        """What the manifest stores: the settings, and the bands and permutations that follow from them."""
        return {
            **asdict(self),
            "bands": {c.name: f"{c.banding.bands}x{c.banding.rows}" for c in self.comparisons()},
            "signatures": self.signatures().as_dict(),
            "code_shingles": self.rules()[1].as_dict(),
        }
