"""What a run of the miner of code asks for."""

from __future__ import annotations

from dataclasses import dataclass

from miners.code.extract import FUNCTION, KINDS, PARSE_SECONDS
from miners.code.filters import CodeFilters
from miners.code.language import LANGUAGES

DEFAULT_FILTERS = CodeFilters()
ANCHORS = ("docstring", "summary")
SECRETS = ("redact", "drop", "keep")


@dataclass(frozen=True)
class CodeConfig:
    """`filters` of None keeps whatever can be a pair; `licenses` of None takes code under any licence or none."""

    languages: tuple[str, ...] = LANGUAGES
    kinds: tuple[str, ...] = (FUNCTION,)
    """What is paired with its documentation: functions, classes, whole files."""
    plain_comments: bool = False
    """Whether comments of C and C++ without a mark document the function that they stand directly above."""
    anchor: str = "docstring"
    filters: CodeFilters | None = DEFAULT_FILTERS
    licenses: frozenset[str] | None = None
    """SPDX names that are enough; code under an unknown licence is then left out."""
    secrets: str = "redact"
    docstring_parts: bool = True
    """Whether parameters, returns and raises are read out of the documentation."""
    parse_seconds: float = PARSE_SECONDS
    keep_rejects: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.languages if name not in LANGUAGES]
        if unknown or not self.languages:
            raise ValueError(f"there is no language {', '.join(unknown)!r}; the languages are {', '.join(LANGUAGES)}")
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise ValueError(f"kinds is {', '.join(self.kinds)!r}; it must be some of {', '.join(KINDS)}")
        if self.anchor not in ANCHORS:
            raise ValueError(f"there is no anchor {self.anchor!r}; the anchors are {', '.join(ANCHORS)}")
        if self.secrets not in SECRETS:
            raise ValueError(f"secrets is {self.secrets!r}; it must be one of {', '.join(SECRETS)}")
