"""The demo's capture, held against warcio's reader: what the folder holds is what the WARC says was served."""

import time

import pytest

pytest.importorskip("warcio", reason="the capture is recorded by warcio (pairmill[demo])")

from warcio.archiveiterator import ArchiveIterator

from pairmill.demo_capture import Captured, capture, find_pages

PAGE = "<html><body><p>{}</p></body></html>"


def write_pages(folder):
    pages = {
        "index.html": PAGE.format("start").encode(),
        "a/deep/page.html": PAGE.format("größer " * 40_000).encode(),
        "a/empty.html": b"",
        "a/with space & ümlaut#1.htm": PAGE.format("name").encode(),
        "latin.HTML": PAGE.format("café").encode("latin-1"),
        "binary.html": bytes(range(256)) * 300,
    }
    for name, content in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "style.css").write_text("p {}")
    return pages


def read_records(warc):
    with warc.open("rb") as stream:
        for record in ArchiveIterator(stream, check_digests="raise"):
            body = record.content_stream().read()
            url = record.rec_headers.get_header("WARC-Target-URI")
            yield record.rec_type, url, record.http_headers and record.http_headers.get_statuscode(), body


def test_every_page_is_in_the_warc_byte_for_byte(tmp_path):
    pages = write_pages(tmp_path / "pages")
    warc = tmp_path / "web" / "x.warc.gz"
    begun = time.monotonic()
    count = capture(tmp_path / "pages", "example.localhost", warc)
    seconds = time.monotonic() - begun

    assert count == Captured(len(pages), sum(map(len, pages.values())), 0)
    records = list(read_records(warc))
    assert [kind for kind, *_ in records] == ["warcinfo"] + ["response", "request"] * len(pages)
    responses = {url: (status, body) for kind, url, status, body in records if kind == "response"}
    assert sorted(body for _, body in responses.values()) == sorted(pages.values())
    assert {status for status, _ in responses.values()} == {"200"}
    assert all(url.startswith("http://example.localhost/") for url in responses)
    assert (
        responses["http://example.localhost/a/with%20space%20%26%20%C3%BCmlaut%231.htm"][1]
        == PAGE.format("name").encode()
    )
    assert not warc.with_name("x.warc.gz.part").exists()
    assert seconds < 5, "a page must not wait for a delayed acknowledgement (40 ms each)"


def test_links_and_other_files_are_no_pages(tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("outside")
    pages = write_pages(tmp_path / "pages")
    (tmp_path / "pages" / "link.html").symlink_to(secret)
    (tmp_path / "pages" / "folder.html").mkdir()
    assert find_pages(tmp_path / "pages") == sorted(pages)


def test_a_page_that_cannot_be_served_is_counted_and_costs_no_other(tmp_path, monkeypatch):
    pages = write_pages(tmp_path / "pages")
    found = [*find_pages(tmp_path / "pages"), "gone.html"]
    monkeypatch.setattr("pairmill.demo_capture.find_pages", lambda folder: ["gone.html", *found])
    count = capture(tmp_path / "pages", "example.localhost", tmp_path / "x.warc.gz")
    assert (count.pages, count.failed) == (len(pages), 2)


def test_an_empty_folder_gives_a_warc_without_pages(tmp_path):
    (tmp_path / "pages").mkdir()
    assert capture(tmp_path / "pages", "example.localhost", tmp_path / "x.warc.gz") == Captured(0, 0, 0)
    assert [kind for kind, *_ in read_records(tmp_path / "x.warc.gz")] == ["warcinfo"]
