from __future__ import annotations

import gzip
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.warcwriter import WARCWriter

from miners.web import PassageConfig, WebConfig, mine_records, mining, paragraphs, read_records
from miners.web.quality import select_rules
from miners.web.record_reader import Damage, WarcRecord
from schemas.ledger import Ledger
from schemas.pair import Pair
from schemas.rejects import Reject

ENGLISH = "The miller opens the sluice at dawn and the wheel begins to turn under the weight of the cold water. " * 2
GERMAN = "Der Müller öffnet im Morgengrauen das Wehr, und das Rad beginnt sich unter dem kalten Wasser zu drehen. " * 2


def mine(data: bytes, config: WebConfig | None = None, uri: str = "/tmp/in/a.warc.gz"):
    ledger = Ledger("mine-web")
    items = list(mine_records(read_records(io.BytesIO(data)), uri, config or WebConfig(), ledger))
    ledger.check()
    pairs = [item for item in items if isinstance(item, Pair)]
    rejects = [item for item in items if isinstance(item, Reject)]
    assert len(pairs) == ledger.stages["pair"].kept
    for name, stage in ledger.stages.items():
        lost = sum(stage.dropped.values()) + sum(stage.failed.values())
        assert lost == sum(reject.stage == name for reject in rejects)
    return pairs, rejects, ledger


def lost(ledger: Ledger, stage: str) -> dict[str, int]:
    return ledger.stages[stage].dropped | ledger.stages[stage].failed


def page(*blocks: str) -> bytes:
    body = "".join(f"<p>{block}</p>" for block in blocks)
    return f"<!doctype html><html><body><main>{body}</main></body></html>".encode()


def numbered(text: str, count: int) -> list[str]:
    return [f"{text}{i}." for i in range(count)]


def test_pairs_carry_their_place(articles):
    pairs, _, ledger = mine(articles)
    assert len(pairs) == 8 * 3
    first = pairs[0]
    assert (first.kind, first.source, first.language) == ("neighbor_text", "neighbor_text/en", "en")
    assert first.group == "site0.co.uk"
    place = first.provenance
    assert (place.uri, place.url, place.ordinal) == ("/tmp/in/a.warc.gz", "https://www.site0.co.uk/page/0", 0)
    assert place.date == "2024-05-06T07:08:09Z"
    found = next(read_records(io.BytesIO(articles[place.offset :])))
    assert found.headers["warc-target-uri"] == place.url
    assert first.signals.language_score > 0.9
    assert ledger.stages["record"].read == 9
    assert lost(ledger, "record") == {"not_a_page": 1}


def test_the_same_file_in_another_folder_gives_the_same_rows(articles):
    here, there = mine(articles)[0], mine(articles, uri="gs://bucket/deep/a.warc.gz")[0]
    assert [pair.row_id for pair in here] == [pair.row_id for pair in there]
    renamed = mine(articles, uri="/tmp/in/b.warc.gz")[0]
    assert not {pair.row_id for pair in here} & {pair.row_id for pair in renamed}


def test_row_ids_differ_within_one_member(articles):
    members = gzip.decompress(articles)
    pairs = mine(gzip.compress(members))[0]
    assert len({pair.row_id for pair in pairs}) == len(pairs) == 24


def test_both_sides_stand_next_to_each_other_in_the_extracted_page(articles):
    for pair in mine(articles)[0]:
        record = next(read_records(io.BytesIO(articles[pair.provenance.offset :])))
        text = "\n".join(paragraphs(record.block.split(b"\r\n\r\n", 1)[1]))
        assert f"{pair.anchor}\n{pair.positive}" in text


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"<p>gone</p>", [("Content-Type", "text/html")], "404 Not Found", "http_status"),
        (b"", [("Content-Type", "text/html")], "204 No Content", "empty_body"),
        (b" \n ", [("Content-Type", "text/html")], "200 OK", "empty_body"),
        (b"%PDF-1.4 \0\1", [("Content-Type", "application/pdf")], "200 OK", "not_html"),
        (b"\x89PNG\0\0", [("Content-Type", "text/html")], "200 OK", "not_html"),
        (b"plain words", [], "200 OK", "not_html"),
        (b"\x1f\x8b\x08broken", [("Content-Type", "text/html"), ("Content-Encoding", "gzip")], "200 OK", "bad_body"),
        (
            gzip.compress(bytes(9 << 20), mtime=0),
            [("Content-Type", "text/html"), ("Content-Encoding", "gzip")],
            "200 OK",
            "too_large",
        ),
    ],
)
def test_records_are_refused_with_a_reason(make_warc, body, headers, status, reason):
    _, _, ledger = mine(make_warc([body], headers=headers, status=status))
    assert lost(ledger, "record") == {"not_a_page": 1, reason: 1}


def test_a_page_without_a_content_type_is_judged_by_its_content(make_warc):
    assert len(mine(make_warc([page(*numbered(ENGLISH, 3))], headers=[]))[0]) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (page(), "no_main_text"),
        (page("Home", "Shop"), "no_main_text"),
        (page(ENGLISH), "too_few_passages"),
        (b"<html><body>" + b"<div>" * 9000 + ENGLISH.encode(), "too_complex"),
    ],
)
def test_pages_are_refused_with_a_reason(make_warc, body, reason):
    assert lost(mine(make_warc([body]))[2], "page") == {reason: 1}


def test_pairs_of_two_languages_are_dropped(make_warc):
    pairs, _, ledger = mine(make_warc([page(*numbered(ENGLISH, 2), *numbered(GERMAN, 2))]))
    assert [pair.language for pair in pairs] == ["en", "de"]
    assert lost(ledger, "pair") == {"language_mismatch": 1}


def test_unwanted_languages_are_dropped(make_warc):
    mixed = page(*numbered(ENGLISH, 3), *numbered(GERMAN, 1))
    german = page(*numbered(GERMAN, 3))
    pairs, _, ledger = mine(make_warc([mixed, german]), WebConfig(languages=("en",)))
    assert [pair.language for pair in pairs] == ["en", "en"]
    assert lost(ledger, "page") == {"language": 1}
    assert lost(ledger, "passage") == {"language": 1}


def test_a_passage_that_repeats_itself_makes_no_pair(make_warc):
    _, _, ledger = mine(make_warc([page(ENGLISH, ENGLISH.upper(), GERMAN, GERMAN)]))
    assert lost(ledger, "pair")["same_text"] == 2


def test_wet_files_are_mined_line_by_line():
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    text = "\n".join(["Home | Shop", *numbered(GERMAN, 3)])
    writer.write_record(
        writer.create_warc_record(
            "http://example.de/", "conversion", payload=io.BytesIO(text.encode()), warc_content_type="text/plain"
        )
    )
    pairs, _, _ = mine(out.getvalue())
    assert [(pair.language, pair.group) for pair in pairs] == [("de", "example.de")] * 2


def test_angle_brackets_around_the_target_are_taken_off(articles):
    wget = gzip.decompress(articles).replace(
        b"WARC-Target-URI: https://www.site0.co.uk/page/0\r\n", b"WARC-Target-URI: <https://www.site0.co.uk/page/0>\r\n"
    )
    assert mine(wget)[0][0].group == "site0.co.uk"


def test_damage_is_counted_and_listed(articles):
    _, _, ledger = mine(articles[:-30])
    assert lost(ledger, "record")["truncated"] == 1
    (listed,) = ledger.failures
    assert listed["where"].startswith("/tmp/in/a.warc.gz at byte ")


POOL = (
    page(*numbered(ENGLISH, 4)),
    page(*numbered(ENGLISH, 2), *numbered(GERMAN, 2)),
    page(*numbered(GERMAN, 3)),
    page("Home", "Shop"),
    page(ENGLISH),
    page(ENGLISH, ENGLISH.upper(), GERMAN, GERMAN),
    b"<html><body>" + b"<div>" * 9000 + ENGLISH.encode(),
    b"\x89PNG\0\0",
    b"",
)


@settings(max_examples=40, deadline=None)
@given(
    bodies=st.lists(st.sampled_from(POOL), max_size=12),
    most=st.tuples(st.integers(1, 5), st.sampled_from([1, 700, 8 << 20])),
    cut=st.integers(0, 200),
)
def test_how_many_pages_are_worked_at_together_changes_nothing(make_warc, bodies, most, cut):
    data = make_warc(bodies, gzip=False)
    data = data[: len(data) - cut]
    config = WebConfig(languages=("en",), max_pairs_per_domain=4, rules=select_rules(["gopher"]))
    pairs, rejects, ledger = mine(data, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining, "PAGES_TOGETHER", most[0])
        patch.setattr(mining, "BYTES_TOGETHER", most[1])
        again = mine(data, config)
    assert again[:2] == (pairs, rejects)
    assert again[2].to_json() == ledger.to_json()


def test_pages_are_given_on_when_enough_bytes_are_read(make_warc):
    bodies = [page(*numbered(ENGLISH, 100 + i)) for i in range(12)]
    read: list[int] = []

    def watched(items: Iterator[WarcRecord | Damage]) -> Iterator[WarcRecord | Damage]:
        for item in items:
            read.append(item.offset)
            yield item

    records = watched(read_records(io.BytesIO(make_warc(bodies))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining, "BYTES_TOGETHER", 2 * len(bodies[0]))
        first = next(item for item in mine_records(records, "a.warc", WebConfig(), Ledger("mine-web")))
    assert isinstance(first, Reject)
    assert len(read) == 3  # the warcinfo record, and two pages


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_damage_keeps_the_ledger_exact(articles, data):
    broken = bytearray(gzip.decompress(articles) if data.draw(st.booleans()) else articles)
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    mine(bytes(broken[: data.draw(st.integers(1, len(broken)))]), WebConfig(PassageConfig(8, 64)))


def test_real_files_are_mined_with_an_exact_ledger(shared_data):
    pages = 0
    for path in sorted((shared_data / "warc-samples").iterdir()):
        pages += mine(path.read_bytes(), uri=str(path))[2].stages["page"].read
    assert pages > 150


def test_a_real_crawl_gives_the_pages_that_warcio_sees(shared_data):
    path = shared_data / "warc-crawl" / "docs-0.warc.gz"
    expected = 0
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response" and record.http_headers.get_statuscode().startswith("2"):
                kind = record.http_headers.get_header("Content-Type", "")
                expected += kind.startswith("text/html") and bool(record.content_stream().read().strip())
    pairs, _, ledger = mine(path.read_bytes(), uri=str(path))
    assert ledger.stages["record"].kept == expected
    assert len(pairs) > 5 * expected
