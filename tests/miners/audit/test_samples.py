"""What a sample row shows: links that are only ever of the web, and excerpts."""

import pytest

from miners.audit.samples import EXCERPT_CHARS, explain_command, link_of, place_of, shown_row
from schemas import Provenance, make_pair
from schemas.pair import pairs_to_table

CODE = {"revision": "v1.2", "path": "src/a b.py", "start_line": 3, "end_line": 9, "symbol": "f"}


@pytest.mark.parametrize(
    ("provenance", "link"),
    [
        ({"url": "https://example.org/a?b=<c>"}, "https://example.org/a?b=<c>"),
        ({"url": "javascript:alert(1)"}, None),
        ({"url": "JaVaScRiPt:alert(1)"}, None),
        ({"url": "data:text/html,<script>"}, None),
        ({"url": "file:///etc/passwd"}, None),
        ({"url": "https://example.org/\x00"}, None),
        ({"url": "java\nscript:alert(1)"}, None),
        ({"url": "//example.org/x"}, None),
        ({"url": "https://[broken"}, None),
        ({"repo": "requests"}, None),
        ({"repo": "https://codeberg.org/o/n.git", **CODE}, "https://codeberg.org/o/n"),
        ({"repo": "https://github.com/o/n.git", **CODE}, "https://github.com/o/n/blob/v1.2/src/a%20b.py#L3-L9"),
        ({"repo": "git@github.com:o/n.git", **CODE}, "https://github.com/o/n/blob/v1.2/src/a%20b.py#L3-L9"),
        ({"repo": "github.com/o/n", **CODE}, "https://github.com/o/n/blob/v1.2/src/a%20b.py#L3-L9"),
        ({"repo": "https://gitlab.com/o/n", **CODE}, "https://gitlab.com/o/n/-/blob/v1.2/src/a%20b.py#L3-L9"),
        ({}, None),
    ],
)
def test_links(provenance, link):
    assert link_of(provenance) == link


def test_places():
    assert place_of(CODE) == "f · src/a b.py:3–9"
    assert place_of({"url": "https://e.org"}) == "https://e.org"
    assert place_of({}) == "place not known"


def test_long_sides_are_cut_and_say_so():
    row = {
        "row_id": "0" * 32,
        "kind": "neighbor_text",
        "source": "s",
        "language": None,
        "group": "g",
        "anchor": "a" * (EXCERPT_CHARS + 7),
        "positive": "p",
        "anchor_hash": 0,
        "positive_hash": 0,
        "provenance": None,
    }
    shown = shown_row(row, "train", "my set")
    assert len(shown["anchor"]) == EXCERPT_CHARS and shown["anchor_left_off"] == 7
    assert shown["positive_left_off"] == 0
    assert shown["explain"] == explain_command("my set", "0" * 32)
    assert "'my set'" in shown["explain"]
    assert shown["hashes_hold"] is False


def test_what_is_shown_holds_no_secret():
    row = make_pair(
        kind="neighbor_text",
        language="en",
        anchor="Write to anna.k@verlag-nord.de about it. " + "x " * 720 + "key AKIAQX3M0RT2YZ7EXAMQ ends",
        positive="The second passage.",
        place=("f", 0),
        group=None,
        provenance=Provenance(),
    )
    shown = shown_row(pairs_to_table([row]).to_pylist()[0], "train", "set")
    assert "anna.k" not in shown["anchor"] and "AKIA" not in shown["anchor"]
    assert shown["hashes_hold"]
