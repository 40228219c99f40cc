"""The page: its numbers are the figures', nothing foreign on it runs, and strangers' text is inert."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from miners.audit.figures import audit_figures, wanted_places
from miners.audit.gates import Gates, figure_at
from miners.audit.report import render_report
from miners.audit.samples import shown_row
from miners.audit.shown_text import number, prose, visible
from miners.audit.summary import AuditConfig, Summary
from schemas.pair import Provenance, make_pair, pairs_to_table

HOSTILE = (
    "</div><script>alert('x')</script><img src=x onerror=alert(1)> {{ 7*7 }} {% raw %}"
    " \u202egnp.exe &amp; \x1b[31m <style>*{display:none}</style> <!-- ' \" >"
)


class Page(HTMLParser):
    """What the tests ask of the page: its tags with attributes, the figures, the scripts, and the text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.figures, self.text, self._open = [], [], [], None
        self.scripts, self.charts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = dict(attrs) if "data-figure" in dict(attrs) else None

    def handle_data(self, data):
        if self.tags[-1:] and self.tags[-1][0] == "script" and self.rawdata and self.cdata_elem == "script":
            (self.charts if self.tags[-1][1].get("type") else self.scripts).append(data)
            return
        self.text.append(data)
        if self._open:
            self.figures.append((self._open["data-figure"], self._open["data-style"], data))
            self._open = None


def charts_of(html):
    return [json.loads(text) for text in Page(html).charts]


def strings(value):
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in strings(part)]


def audited(pairs, manifest, gates=None, set_path="set"):
    table = pairs_to_table(pairs)
    summary = Summary(AuditConfig(rows=len(pairs)))
    summary.add(table, "train", 0, 0)
    rows = table.to_pylist()
    shown = {place: shown_row(rows[place.row], "train", set_path) for place in wanted_places(summary)}
    return audit_figures(summary, manifest, set_path, shown, gates)


def hostile_pairs():
    return [
        make_pair(
            kind=kind,
            language=HOSTILE,
            anchor=f"{HOSTILE} {i}",
            positive=HOSTILE,
            place=("f", i),
            group=HOSTILE,
            source=HOSTILE,
            provenance=Provenance(
                url="javascript:alert(1)" if i % 2 else 'https://e.org/"onmouseover="alert(1)',
                license=HOSTILE,
                date=HOSTILE,
                symbol=HOSTILE,
            ),
        )
        for i, kind in enumerate(["neighbor_text", "docstring_code"] * 3)
    ]


def value_of(text, style):
    """A shown number read back, written apart from the code that shows it."""
    if text.startswith(("<", ">")):
        return None
    scale = {" %": 0.01, " GB": 1e9, " MB": 1e6, " kB": 1e3, " bytes": 1}
    unit = next((u for u in scale if text.endswith(u)), "")
    return float(text.removesuffix(unit).replace(",", "")) * scale.get(unit, 1)


def test_every_number_of_the_page_is_one_of_the_figures(pairs, manifest):
    figures = audited(pairs, manifest, Gates(max_duplicate_share=0.5, min_languages=9))
    page = Page(render_report(figures))
    assert len(page.figures) > 200
    for path, style, text in page.figures:
        value = figure_at(figures, path)
        if value is None:
            assert text == "–"
        elif (read := value_of(text, style)) is not None:
            assert read == pytest.approx(value, rel=0.05, abs=6e-5), path
            assert style != "count" or read == value, path
    shown = {path for path, _, _ in page.figures}
    assert {"pairs.total", "duplicate_share", "false_negatives.at_16384", "ledger.stages.0.read"} <= shown


def test_every_bar_stands_for_a_bin(pairs, manifest):
    figures = audited(pairs, manifest)
    histograms = [
        chart["data"][0]
        for chart in charts_of(render_report(figures))
        if chart["layout"].get("yaxis", {}).get("title", {}).get("text") == "share of pairs"
    ]
    shares = [y for trace in histograms for y in trace["y"]]
    bins = [b["pairs"] / entry["pairs"] for entry in figures["lengths"] for b in entry["bins"]]
    assert shares == pytest.approx(bins)


def test_nothing_foreign_on_the_page_runs_or_asks_the_network(pairs, manifest):
    html = render_report(audited(pairs + hostile_pairs(), manifest, set_path=HOSTILE))
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img", "iframe", "link", "object", "embed", "form", "base", "video", "audio"}
    for tag, attrs in page.tags:
        assert not any(name.startswith("on") or name == "src" for name in attrs), (tag, attrs)
        if "href" in attrs:
            assert attrs["href"].startswith(("#", "https://", "http://")) and tag == "a"
        assert "url(" not in attrs.get("style", "")
    assert sum(tag == "style" for tag, _ in page.tags) == 1
    assert "url(" not in html.split("</style>")[0] and "@import" not in html
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert len(digests) == 2
    assert policy.split("; ")[1] == "script-src " + " ".join(f"'sha256-{digest}'" for digest in digests)
    assert not re.search("unsafe-eval|script-src[^;]*unsafe|https?:", policy)


def test_a_chart_holds_no_markup_of_strangers(manifest):
    html = render_report(audited(hostile_pairs(), manifest))
    assert charts_of(html)
    texts = [text for chart in charts_of(html) for text in strings(chart) if "alert" in text]
    assert not any(re.search(r"<(?!/?(br|b|extra)>)", text) for text in texts)


def test_strangers_text_is_shown_as_text(manifest):
    page = Page(render_report(audited(hostile_pairs(), manifest)))
    text = "".join(page.text)
    assert "<script>alert('x')</script>" in text
    assert "{{ 7*7 }}" in text
    assert "\u202e" not in text and "\x1b" not in text
    assert "⟨U+202E⟩gnp.exe" in text


def test_text_of_scripts_that_run_from_the_right_is_left_alone():
    assert visible("שלום\n\tعالم") == "שלום\n\tعالم"
    assert visible("a\r\nb\rc") == "a\nb⟨U+000D⟩c"


def test_names_in_prose_are_code_and_the_rest_inert():
    assert prose("Run `pairmill <b>` now.") == "Run <code>pairmill &lt;b&gt;</code> now."
    assert prose("an odd ` <i>") == "an odd ` &lt;i&gt;"


def test_every_name_of_an_element_is_its_own(pairs, manifest):
    page = Page(render_report(audited(pairs, manifest)))
    names = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(names) == len(set(names)) > 8
    linked = [attrs["href"][1:] for tag, attrs in page.tags if tag == "a" and attrs["href"].startswith("#")]
    assert set(linked) <= set(names) and len(linked) > 6


def test_an_empty_set_has_a_page(manifest):
    figures = audit_figures(Summary(AuditConfig(rows=0)), manifest, "set", {})
    page = Page(render_report(figures))
    assert "The set is empty" in "".join(page.text)


def test_failed_gates_are_red(pairs, manifest):
    figures = audited(pairs, manifest, Gates(min_pairs=10**9, min_languages=1))
    html = render_report(figures)
    assert "1 of 2 gates failed" in html
    assert len(re.findall(r'<tr class="bad">', html)) == 1


def test_a_row_without_language_or_lengths_has_a_page(manifest):
    [pair] = hostile_pairs()[:1]
    table = pairs_to_table([replace(pair, language=None, row_id="0" * 32)])
    summary = Summary(AuditConfig(rows=1))
    summary.add(table, "test", 0, 0)
    row = shown_row(table.to_pylist()[0], "test", "set")
    figures = audit_figures(summary, manifest, "set", dict.fromkeys(wanted_places(summary), row))
    assert "not stated" in render_report(figures)
    assert figures["false_negatives"]["at_16384"] is None


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (1234567, "count", "1,234,567"),
        (0.0, "share", "0 %"),
        (1.0, "share", "100 %"),
        (0.00001, "share", "< 0.01 %"),
        (0.99999, "share", "> 99.9 %"),
        (0.0123, "share", "1.2 %"),
        (0.0012, "share", "0.12 %"),
        (12.34, "decimal", "12.3"),
        (0.00123, "decimal", "0.00123"),
        (999, "bytes", "999 bytes"),
        (2_500_000, "bytes", "2.5 MB"),
        (None, "share", "–"),
    ],
)
def test_numbers(value, style, text):
    assert number(value, style) == text
