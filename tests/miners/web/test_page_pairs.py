from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web import PassageConfig, WebConfig
from miners.web.extraction import BrokenHtml, page_text
from miners.web.page_pairs import ExtractedPage, PageMiner
from miners.web.privacy import PrivacyConfig
from schemas.ledger import Ledger
from schemas.pair import WEB_KINDS, Pair, Provenance
from schemas.pair_batch import PairBatch

SENTENCES = (
    "The miller of village {} opens the sluice at dawn, and the wheel begins to turn under the weight of the water.",
    "Grain number {} is carried up two flights of stairs in sacks, because the stones stand on the upper floor.",
    "A good stone is dressed {} times a year: its furrows are cut again with a steel pick, by hand and by eye.",
    "In dry summers the pond of farm {} gave out by noon, so the bakers of the town learned to order early.",
)
SMALL = PassageConfig(10, 60)


def paragraph(number: int) -> str:
    return SENTENCES[number % 4].format(number)


def made_page(texts, headings=(), title="The long diary of a mill", name="a.warc", url="https://www.mill.org/diary"):
    return ExtractedPage(title, texts, set(headings), Provenance(uri=name, offset=7, url=url), (name, 7))


def mine(page: ExtractedPage, config: WebConfig | None = None, **settings_):
    ledger = Ledger("mine-web")
    pairs, rejects = mine_all([page], config or WebConfig(passages=SMALL, **settings_), ledger)
    return pairs, rejects, ledger


def mine_all(pages, config, ledger):
    miner = PageMiner(config, ledger)
    ledger.read("record", len(pages))
    ledger.keep("record", len(pages))
    ledger.made("record", len(pages))
    ledger.read("page", len(pages))
    items = []
    for item in miner.mine(pages):
        items += item.pairs() if isinstance(item, PairBatch) else [item]
    ledger.check()
    pairs = [item for item in items if isinstance(item, Pair)]
    assert len(pairs) == ledger.stages["pair"].kept
    assert len({pair.row_id for pair in pairs}) == len(pairs)
    rejects = Counter((item.stage, item.reason) for item in items if not isinstance(item, Pair))
    return pairs, rejects


def sides(pairs):
    return [(pair.kind, pair.anchor, pair.positive) for pair in pairs]


P = [paragraph(i) for i in range(12)]


def test_every_kind_says_what_stands_where():
    texts = [P[0], P[1], "Of the stones", P[2], P[3], "Notes", P[4]]
    pairs, _, _ = mine(made_page(texts, headings=(2, 5)), kinds=WEB_KINDS)
    assert sides(pairs) == [
        ("neighbor_text", P[0], P[1]),
        ("neighbor_text", P[2], P[3]),
        ("title_body", "The long diary of a mill", P[0]),
        ("heading_section", "Of the stones", P[2]),  # "Notes" is of one word
    ]
    assert [pair.provenance.ordinal for pair in pairs] == [0, 2, 0, 2]
    assert {pair.group for pair in pairs} == {"mill.org"}
    assert {pair.source for pair in pairs} == {f"{kind}/en" for kind in WEB_KINDS}


def test_a_page_of_one_passage_gives_what_needs_no_neighbour():
    assert mine(made_page(P[:1]))[1] == {("page", "too_few_passages"): 1}
    assert len(mine(made_page(P[:1]), kinds=("title_body",))[0]) == 1
    assert len(mine(made_page(["Of the mill", P[0]], headings=(0,)), kinds=("heading_section",))[0]) == 1
    assert mine(made_page(P[:1], title=""), kinds=("title_body",))[1] == {("page", "too_few_passages"): 1}


def test_headings_part_passages_on_request():
    texts = [P[0], P[1], "Of the stones", P[2], P[3]]
    assert [pair.anchor for pair in mine(made_page(texts, headings=(2,)))[0]] == P[:3]
    apart = mine(made_page(texts, headings=(2,)), within_section=True)[0]
    assert [(pair.anchor, pair.positive) for pair in apart] == [(P[0], P[1]), (P[2], P[3])]
    long_passages = WebConfig(passages=PassageConfig(30, 90), within_section=True)
    assert "Of the stones" not in str(mine(made_page(texts, headings=(2,)), long_passages))


def test_pairs_that_do_not_overlap():
    config = WebConfig(passages=replace(SMALL, overlapping=False))
    pairs, rejects, _ = mine(made_page(P[:5]), config)
    assert [(pair.anchor, pair.positive) for pair in pairs] == [(P[0], P[1]), (P[2], P[3])]
    assert rejects == {("passage", "no_neighbor"): 1}


def test_a_line_that_a_rule_takes_out_leaves_a_gap():
    texts = [P[0], P[1], "Please turn JavaScript on in order to read all of the next page of it.", P[2], P[3]]
    pairs, _, ledger = mine(made_page(texts), rules=("c4_javascript_line",))
    assert [(pair.anchor, pair.positive) for pair in pairs] == [(P[0], P[1]), (P[2], P[3])]
    assert ledger.notes == {"c4_javascript_lines_removed": 1}


def test_a_page_that_a_rule_refuses_is_counted_under_the_rules_name():
    _, rejects, ledger = mine(
        made_page([*P[:4], "Not { closed, and so it is no prose at all."]), rules=("c4_curly_bracket",)
    )
    assert rejects == {("page", "c4_curly_bracket"): 1}
    assert ledger.stages["page"].dropped == {"c4_curly_bracket": 1}


def test_pairs_carry_what_the_rules_measured():
    pair = mine(made_page(P), rules=("gopher_letter_words", "fineweb_unended_lines"))[0][0]
    words = [word for text in P for word in text.split()]
    assert dict(pair.signals.quality) == {
        "page_words": len(words),
        "page_letter_words": sum(any(map(str.isalpha, word)) for word in words),
        "page_ended_line_share": 1.0,
    }
    assert mine(made_page(P))[0][0].signals.quality == ()


def test_text_is_redacted_before_it_is_paired_and_hashed():
    mail = "Those who want to hear more of the mill may write to miller@mill.org or ring +49 40 89085433 by day."
    pairs, _, ledger = mine(made_page([P[0], mail, P[1]]))
    assert "write to <EMAIL> or ring <PHONE> by day" in pairs[0].positive == pairs[1].anchor
    assert ledger.notes == {"redacted_emails": 1, "redacted_phones": 1}
    other = mine(made_page([P[0], mail.replace("miller@", "baker@"), P[1]]))[0]
    assert [pair.row_id for pair in other] == [pair.row_id for pair in pairs]
    plain = mine(made_page([P[0], mail, P[1]]), privacy=PrivacyConfig(redact=()))[0]
    assert plain[0].positive == mail


def test_a_cap_of_a_page_is_a_seeded_choice():
    def kept(seed):
        pairs, rejects, _ = mine(made_page(P), max_pairs_per_page=3, seed=seed)
        assert len(pairs) == 3 and rejects[("pair", "page_cap")] == len(P) - 1 - 3
        return [pair.provenance.ordinal for pair in pairs]

    assert kept(1) == kept(1) == sorted(kept(1))
    assert len({tuple(kept(seed)) for seed in range(8)}) > 3


def test_a_cap_of_a_domain_counts_over_the_units_pages():
    pages = [made_page(P[:4], name=f"{i}.warc", url=f"https://{'abc'[i % 3]}.mill{i % 2}.org/{i}") for i in range(6)]
    ledger = Ledger("mine-web")
    pairs, rejects = mine_all(pages, WebConfig(passages=SMALL, max_pairs_per_domain=4), ledger)
    assert Counter(pair.group for pair in pairs) == {"mill0.org": 4, "mill1.org": 4}
    assert rejects == {("pair", "domain_cap"): 10}


@pytest.mark.parametrize(
    ("settings_", "told"),
    [
        ({"kinds": ()}, "some of neighbor_text"),
        ({"kinds": ("body",)}, "some of neighbor_text"),
        ({"max_pairs_per_page": -1}, "max_pairs_per_page"),
        ({"rules": ("gofer",)}, "did you mean gopher"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings_, told):
    with pytest.raises(ValueError, match=told):
        WebConfig(**settings_)


CONFIGS = st.builds(
    WebConfig,
    passages=st.builds(
        lambda least, more, overlapping: PassageConfig(least, least + more, overlapping),
        st.integers(1, 40),
        st.integers(0, 200),
        st.booleans(),
    ),
    kinds=st.sampled_from([("neighbor_text",), WEB_KINDS]),
    within_section=st.booleans(),
    rules=st.sampled_from([(), ("c4_unended_line", "c4_javascript_line"), ("c4_short_line",)]),
    privacy=st.sampled_from([PrivacyConfig(()), PrivacyConfig()]),
)


def squeezed(text: str) -> str:
    """Without white space: a cut between sentences takes away the blank between them."""
    return "".join(text.split())


def assert_neighbours(page: ExtractedPage, config: WebConfig) -> int:
    """Both sides of every pair stand next to each other in the redacted page; gives how many pairs there are."""
    pairs = mine(page, config)[0]
    _, texts, _ = PageMiner(config, Ledger("mine-web"))._redact(page)
    paragraphs = squeezed("\n".join(text for i, text in enumerate(texts) if i not in page.headings))
    everything = squeezed("\n".join(texts))
    for pair in pairs:
        if pair.kind == "neighbor_text":
            assert squeezed(pair.anchor) + squeezed(pair.positive) in paragraphs
            if config.within_section or "heading_section" in config.kinds:
                assert squeezed(pair.anchor) + squeezed(pair.positive) in everything
        elif pair.kind == "heading_section":
            assert squeezed(pair.anchor) + squeezed(pair.positive) in everything
        else:
            assert squeezed(pair.positive) in paragraphs
    return len(pairs)


TEXTS = st.integers(0, 40).map(paragraph) | st.sampled_from(
    [
        "Turn on JavaScript.",
        "Home | Shop",
        "See",
        " ".join(map(paragraph, range(12))),
        "水車は朝早くから回り始め、粉ひきは袋を二階へ運び上げる。",
        "Write to a@b.org or to c@d.org today.",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.booleans()), max_size=14), CONFIGS)
def test_both_sides_stand_next_to_each_other(blocks, config):
    texts = [text for text, _ in blocks]
    headings = [i for i, (text, is_heading) in enumerate(blocks) if is_heading and len(text) < 60]
    assert_neighbours(made_page(texts, headings), config)


def test_both_sides_stand_next_to_each_other_on_real_pages(shared_data: Path):
    files = sorted((shared_data / "article-extraction" / "html").glob("*.html.gz"))
    named = json.loads((shared_data / "article-extraction" / "ground-truth.json").read_text())
    assert len(files) == len(named)
    count = 0
    for number, path in enumerate(files[::4]):
        try:
            text = page_text(gzip.decompress(path.read_bytes()))
        except BrokenHtml:
            continue
        page = made_page(text.paragraphs(), text.headings(), title=text.title)
        config = WebConfig(
            passages=PassageConfig(overlapping=number % 2 == 0),
            kinds=WEB_KINDS if number % 3 else ("neighbor_text",),
            within_section=number % 5 == 0,
            rules=("c4_policy_line", "c4_javascript_line", "c4_unended_line") if number % 4 == 0 else (),
        )
        count += assert_neighbours(page, config)
    assert count > 200
