"""The rules of web mining: one object, made once, kept in the manifest."""

from __future__ import annotations

from dataclasses import dataclass, field

from miners.web.extraction import check_extractor
from miners.web.languages import check_languages
from miners.web.passages import PassageConfig
from miners.web.privacy import PrivacyConfig
from miners.web.quality import Thresholds, select_rules
from miners.web.robots import check_directives
from schemas.pair import NEIGHBOR_TEXT, WEB_KINDS


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What is read, refused, redacted and paired."""

    passages: PassageConfig = field(default_factory=PassageConfig)
    kinds: tuple[str, ...] = (NEIGHBOR_TEXT,)
    within_section: bool = False
    """Whether no passage and no pair goes across a heading."""
    max_pairs_per_page: int = 0
    """0 for no cap. Those with the smallest hashes of the seed and their place stay."""
    max_pairs_per_domain: int = 0
    """0 for no cap. Within a unit of work (a file, or 256 MB of one), whose first pages stay."""
    extractor: str = "resiliparse"
    """What finds a page's main content: one of `miners.web.extraction.EXTRACTORS`."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes to keep; none keeps all."""
    rules: tuple[str, ...] = ()
    """Names of quality rules that are on; see `miners.web.quality`."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    max_body_bytes: int = 8 << 20
    """Larger pages, also after inflating, are dropped as too_large; browsers' pages are of 0.1 MB."""
    honor_robots: tuple[str, ...] = ()
    """Directives of `miners.web.robots`: a page that says one of them is dropped; none honours none."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_extractor(self.extractor)
        check_languages(self.languages)
        check_directives(self.honor_robots)
        select_rules(self.rules)
        if not self.kinds or set(self.kinds) - set(WEB_KINDS):
            raise ValueError(f"kinds must be some of {', '.join(WEB_KINDS)}, not {', '.join(self.kinds) or 'none'}")
        for name in ("max_pairs_per_page", "max_pairs_per_domain"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 1 or more, or 0 for no cap, not {getattr(self, name)}")
        if self.max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be 1 or more, not {self.max_body_bytes}")
