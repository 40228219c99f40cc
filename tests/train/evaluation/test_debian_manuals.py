"""What the multilingual sets hold: sections that say the same, and one side of the split for all languages."""

from __future__ import annotations

import gzip
import json
import stat

import pytest

from benchmarks.debian_manuals import (
    Manual,
    chosen_files,
    english_sections,
    in_own_words,
    read_manual,
    translated_sections,
    write_classification,
    write_retrieval,
)
from train.evaluation.beir_folder import read_beir
from train.probes.labelled_folder import read_labelled_folder

LONG = "This sentence says in many words what the command number {} does with all of its files and folders. " * 3
LANG = "Dieser Satz sagt mit vielen Worten, was der Befehl Nummer {} mit allen seinen Dateien und Ordnern macht. " * 3


def manual(name, chapter, text, *more, head=("name",)):
    return Manual(name, chapter, (head, ("synopsis",), (text.replace("{}", name),), *more))


def in_english(*names):
    return {f"{name}.1": manual(name, "1", LONG) for name in names}


def test_sections_are_the_same_by_place_and_number_of_paragraphs():
    english = in_english("a", "b", "c", "d", "e")
    german = {
        "a.1": manual("a", "1", LANG, ("Über die Übersetzung",)),
        "b.1": manual("b", "1", LANG, ("one",), ("section too many",)),
        "c.1": Manual("c", "1", (("name",), ("synopsis",), (LANG.replace("{}", "c"), "a paragraph of its own"))),
        "d.1": manual("d", "1", LONG),
        "f.1": manual("f", "1", LANG),
        "e.1": manual("e", "1", "kurz"),
    }
    texts = english_sections(english)
    assert len(texts) == 5
    found = list(translated_sections(english, texts, german, "de"))
    assert [(name, place) for name, place, _ in found] == [("a.1", 2)]
    assert found[0][2].startswith("Dieser Satz")


def test_texts_that_manuals_share_are_no_answers():
    shared = {f"{name}.1": manual(name, "1", LONG.replace("{}", "one")) for name in "ab"}
    assert english_sections(shared) == {}


def test_the_sets_are_what_the_evaluator_reads(tmp_path):
    names = [f"m{i}" for i in range(90)]
    manuals = {
        language: {f"{n}.{c}": manual(n, c, text) for i, n in enumerate(names) for c in "13"[i % 2]}
        for language, text in (("en", LONG), ("de", LANG))
    }
    write_retrieval(tmp_path / "retrieval", manuals, most_queries=20)
    found = read_beir(tmp_path / "retrieval", "test", 1, False)
    assert len(found.queries) == 20 and len(found.documents) == 90 and set(found.languages) == {"de"}
    for query, judged in found.judged.items():
        assert list(judged) == [query.removeprefix("de/")]
    write_classification(tmp_path / "classification", manuals)
    german, english = read_labelled_folder(tmp_path / "classification")
    assert german.labels == english.labels == ("1", "3")
    for probe in (german, english):
        assert not {one.group for one in probe.train} & {one.group for one in probe.test}
    assert {one.group for one in german.test} == {one.group for one in english.test}
    own = read_beir(tmp_path / "retrieval-own-words", "test", 1, False)
    assert own.judged == found.judged and not any("m1" in query for query in own.queries)
    before = (tmp_path / "retrieval" / "queries.jsonl").read_bytes()
    write_retrieval(tmp_path / "retrieval", manuals, most_queries=20)
    assert (tmp_path / "retrieval" / "queries.jsonl").read_bytes() == before
    assert {"language", "metadata"} <= json.loads(before.splitlines()[0]).keys()


def test_own_words_are_none_of_the_right_documents():
    left = in_own_words(
        "Die Funktion open(2) gibt -1 zurück; siehe POSIX.1-2001 と Linux の説明。",
        "The open(2) call of Linux, POSIX.1-2001",
    )
    assert left.split() == ["Die", "Funktion", "()", "gibt", "-", "zurück;", "siehe", ".-", "と", "の説明。"]


def test_the_same_manuals_are_chosen_in_every_language(tmp_path):
    pages = tmp_path / "usr/share/man"
    for folder, names in (("man1", "abcd"), ("de/man1", "cdxyz"), ("man3", "k")):
        (pages / folder).mkdir(parents=True)
        for name in names:
            (pages / folder / f"{name}.{folder[-1]}.gz").write_bytes(b"")
    (pages / "man1" / "link.1.gz").symlink_to("a.1.gz")
    found = chosen_files(tmp_path, ("en", "de"), 5)
    english, german = ([path.name for path in found[language]] for language in ("en", "de"))
    assert english == ["a.1.gz", "b.1.gz", "c.1.gz", "d.1.gz", "k.3.gz"]
    assert len(german) == 3 and {"c.1.gz", "d.1.gz"} < set(german)


@pytest.mark.parametrize(
    ("html", "sections"),
    [
        (
            '<section class="Sh"><h1>N</h1><p>a <b>b</b>\n c</p><dl><dt>-x</dt><dd><p>inner</p></dd></dl></section>',
            (("a b c", "-x", "inner"),),
        ),
        ("<section class='Sh'><p>never closed", None),
    ],
)
def test_paragraphs_are_the_innermost_blocks(html, sections, tmp_path):
    """With a stand-in that prints what mandoc printed: the real one is not installed everywhere."""
    mandoc = tmp_path / "mandoc"
    mandoc.write_text(f"#!/bin/sh\ncat > /dev/null\ncat <<'END'\n{html}\nEND\n")
    mandoc.chmod(mandoc.stat().st_mode | stat.S_IXUSR)
    page = tmp_path / "x.1.gz"
    page.write_bytes(gzip.compress(b".TH X 1\n"))
    read = read_manual(page, str(mandoc))
    assert (read and read.sections) == sections
    link = tmp_path / "y.1.gz"
    link.write_bytes(gzip.compress(b".so man1/x.1\n"))
    assert read_manual(link, str(mandoc)) is None
