"""Quality rules of Gopher, C4 and FineWeb over a page's lines: named, switchable, with their thresholds."""

from miners.web.quality.page import TextPage
from miners.web.quality.rules import RULES, SOURCES, Verdict, judge, select_rules
from miners.web.quality.thresholds import Thresholds

__all__ = [
    "RULES",
    "SOURCES",
    "TextPage",
    "Thresholds",
    "Verdict",
    "judge",
    "select_rules",
]
