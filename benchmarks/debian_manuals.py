"""Builds multilingual evaluation sets from Debian's translated manuals: ``debian_manuals.py --output manuals``.

In: the packages `manpages`, `manpages-dev` and their translations, fetched by apt-get and unpacked without installing
(`--packages` keeps them). Out, in --output:

- `retrieval/`, in BEIR's layout: a query is a section of a translated manual, the right document the same section in
  English among all English sections; each query says its `language`, and its manual as `group`;
- `retrieval-own-words/`: the same queries without the words and numbers that the right document has too, so that names
  and options, which no translator touches, give nothing away;
- `classification/`, labelled texts: the longest section of a manual, and as its label the chapter that the manual is of
  (1 commands, 2 system calls, 3 library functions, 5 files, 7 miscellany, 8 administration).

Two sections are the same when both manuals have the same number of sections and theirs have the same place and the same
number of paragraphs: translations are made from the English source, paragraph by paragraph. Names and synopses, texts
that several manuals share and texts that were left in English are not taken. The same packages give the same files.

  pairmill evaluate MODEL --beir manuals/retrieval manuals/retrieval-own-words --probe manuals/classification
  pairmill evaluate MODEL --probe manuals/classification --probe-train-language en
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import xxhash

ENGLISH = "en"
LANGUAGES = ("de", "fr", "es", "ja")
CHAPTERS = ("1", "2", "3", "5", "7", "8")
FIRST_TAKEN = 2
"""Sections before it are the name and the synopsis."""
FEWEST_CHARS = defaultdict(lambda: 200, ja=80)
MOST_CHARS = defaultdict(lambda: 1500, ja=700)
"""Japanese says the same in fewer than half the characters."""
FEWEST_TRAINED, FEWEST_TESTED = 15, 5
TESTED_PERCENT = 40
MANUAL_NAME = re.compile(r"(?P<name>.+)\.(?P<chapter>[1-8])\.gz")

WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]+|\d+")
BLOCKS = ("p", "dt", "dd", "li")


@dataclass(frozen=True)
class Manual:
    """One manual in one language: of each section its paragraphs."""

    name: str
    chapter: str
    sections: tuple[tuple[str, ...], ...]


def download(languages: Iterable[str], folder: Path) -> None:
    """The packages that there are of these languages, and mandoc, which reads manuals."""
    wanted = ["mandoc", "manpages", "manpages-dev"]
    wanted += [f"manpages-{language}{kind}" for language in languages for kind in ("", "-dev")]
    folder.mkdir(parents=True, exist_ok=True)
    for package in wanted:
        if list(folder.glob(f"{package}_*.deb")):
            continue
        done = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True)
        if done.returncode and not package.endswith("-dev"):
            sys.exit(f"apt-get cannot fetch {package}: {done.stderr.strip()}; run apt-get update first")


def unpack(packages: Path, root: Path) -> None:
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)


def chosen_files(root: Path, languages: Iterable[str], most: int) -> dict[str, list[Path]]:
    """The files of each language: of every chapter at most `most` manuals, the same in all languages.

    Those that are there in English come first, for a translation is nothing without them; among equals a hash decides.
    """
    pages = root / "usr/share/man"
    found: dict[str, dict[str, Path]] = {}
    for language in languages:
        folder = pages if language == ENGLISH else pages / language
        files = [path for path in folder.glob("man[1-8]/*.gz") if not path.is_symlink()]
        found[language] = {path.name: path for path in sorted(files)}
    names = sorted(set().union(*found.values()), key=lambda name: (name not in found[ENGLISH], hash_of(name)))
    by_chapter: dict[str, list[str]] = defaultdict(list)
    for name in names:
        named = MANUAL_NAME.fullmatch(name)
        if named and len(by_chapter[named["chapter"]]) < most:
            by_chapter[named["chapter"]].append(name)
    taken = {name for some in by_chapter.values() for name in some}
    return {language: [files[name] for name in files if name in taken] for language, files in found.items()}


def read_manuals(files: Iterable[Path], mandoc: str) -> dict[str, Manual]:
    """The manuals by `name.chapter`; links to others, and what mandoc cannot read, are left out."""
    with ThreadPoolExecutor() as pool:  # the work is mandoc's, a process a manual
        found = pool.map(lambda path: read_manual(path, mandoc), files)
        return {f"{manual.name}.{manual.chapter}": manual for manual in found if manual}


def read_manual(path: Path, mandoc: str) -> Manual | None:
    named = MANUAL_NAME.fullmatch(path.name)
    source = gzip.decompress(path.read_bytes())
    if not named or source.startswith(b".so "):
        return None
    command = [mandoc, "-T", "html", "-O", "fragment", "-K", "utf-8"]
    html = subprocess.run(command, input=source, capture_output=True).stdout.decode("utf-8", errors="replace")
    try:
        document = ElementTree.fromstring(f"<html>{html}</html>")
    except ElementTree.ParseError:
        return None
    sections = tuple(tuple(paragraphs(section)) for section in document.iterfind(".//section[@class='Sh']"))
    return Manual(named["name"], named["chapter"], sections)


def paragraphs(section: ElementTree.Element) -> Iterator[str]:
    """The texts of a section's innermost blocks; examples of code and tables are left out."""
    for block in section.iter():
        if block.tag in BLOCKS and not any(inner.tag in BLOCKS for inner in block.iter() if inner is not block):
            yield " ".join("".join(block.itertext()).split())


def joined(blocks: Iterable[str], language: str) -> str | None:
    """The blocks, as many as fit whole, as one text; None where that is too short to be a passage."""
    most = MOST_CHARS[language]
    text = ""
    for block in filter(None, blocks):
        if text and len(text) + 1 + len(block) > most:
            break
        text = f"{text} {block}".strip()
    return text[:most] if len(text) >= FEWEST_CHARS[language] else None


def english_sections(manuals: Mapping[str, Manual]) -> dict[tuple[str, int], str]:
    """The texts that one manual alone has, by manual and place."""
    found = {
        (name, place): text
        for name, manual in manuals.items()
        for place, blocks in enumerate(manual.sections[FIRST_TAKEN:], start=FIRST_TAKEN)
        if (text := joined(blocks, ENGLISH))
    }
    times = Counter(found.values())
    return {where: text for where, text in found.items() if times[text] == 1}


def translated_sections(
    english: Mapping[str, Manual], texts: Mapping[tuple[str, int], str], other: Mapping[str, Manual], language: str
) -> Iterator[tuple[str, int, str]]:
    """(manual, place, text) of what says the same as an English section."""
    for name in sorted(english.keys() & other.keys()):
        original, translation = english[name].sections, other[name].sections
        # A translation may end with a section of its own, about who translated.
        if len(translation) not in (len(original), len(original) + 1):
            continue
        for place, (blocks, same) in enumerate(zip(original, translation, strict=False)):
            text = joined(same, language)
            if text and (name, place) in texts and len(blocks) == len(same) and not is_same_text(blocks, same):
                yield name, place, text


def is_same_text(blocks: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a third or more of the paragraphs that are sentences were left as they are."""
    pairs = [(a, b) for a, b in zip(blocks, others, strict=True) if a.count(" ") >= 5]
    return not pairs or 3 * sum(a == b for a, b in pairs) >= len(pairs)


def hash_of(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def in_own_words(text: str, english: str) -> str:
    """The text without the words and numbers that its English section has too: names, options, years."""
    known = set(WORD.findall(english.casefold()))
    left = WORD.sub(lambda found: "" if found[0].casefold() in known else found[0], text)
    return " ".join(left.split())


def write_retrieval(folder: Path, manuals: Mapping[str, Mapping[str, Manual]], most_queries: int) -> None:
    """Two sets of the same queries: as they are, and (`-own-words`) without the words of the right document."""
    texts = english_sections(manuals[ENGLISH])
    queries = []
    for language in sorted(manuals.keys() - {ENGLISH}):
        found = list(translated_sections(manuals[ENGLISH], texts, manuals[language], language))
        found.sort(key=lambda one: hash_of(f"{one[0]} {one[1]}"))
        for name, place, text in found[:most_queries]:
            query = {"_id": f"{language}/{name}#{place}", "text": text, "language": language}
            queries.append((query | {"metadata": {"group": name}}, texts[name, place]))
        print(f"retrieval: {language}, {min(len(found), most_queries):,} of {len(found):,} sections")
    print(f"retrieval: {len(texts):,} English sections to choose from")
    documents = [{"_id": f"{name}#{place}", "title": "", "text": text} for (name, place), text in sorted(texts.items())]
    write_beir(folder, documents, [query for query, _ in queries])
    own = [query | {"text": in_own_words(query["text"], english)} for query, english in queries]
    own = [query for query in own if len(query["text"]) >= FEWEST_CHARS[query["language"]]]
    write_beir(folder.with_name(f"{folder.name}-own-words"), documents, own)


def write_beir(folder: Path, documents: Iterable[Mapping[str, Any]], queries: list[dict[str, Any]]) -> None:
    write_lines(folder / "corpus.jsonl", documents)
    write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels").mkdir(exist_ok=True)
    judged = [f"{query['_id']}\t{query['_id'].partition('/')[2]}\t1" for query in queries]
    lines = ["query-id\tcorpus-id\tscore", *judged]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_classification(folder: Path, manuals: Mapping[str, Mapping[str, Manual]]) -> None:
    """A manual is in training or in test in all languages, so that no translation gives its label away; chapters
    with too few English manuals are left out, for a probe may be trained on English alone."""
    found: dict[str, dict[bool, list[dict[str, str]]]] = {}
    for language in sorted(manuals):
        by_chapter: dict[tuple[str, bool], list[dict[str, str]]] = defaultdict(list)
        for name, manual in sorted(manuals[language].items()):
            passages = (joined(blocks, language) for blocks in manual.sections[FIRST_TAKEN:])
            if text := max(filter(None, passages), key=len, default=None):
                is_tested = hash_of(f"split {name}") % 100 < TESTED_PERCENT
                line = {"text": text, "label": manual.chapter, "language": language, "group": name}
                by_chapter[manual.chapter, is_tested].append(line)
        labels = [
            chapter
            for chapter in CHAPTERS
            if len(by_chapter[chapter, False]) >= FEWEST_TRAINED and len(by_chapter[chapter, True]) >= FEWEST_TESTED
        ]
        found[language] = {part: [one for label in labels for one in by_chapter[label, part]] for part in (False, True)}
        sizes = ", ".join(f"{len(texts):,}" for texts in found[language].values())
        print(f"classification: {language}, chapters {', '.join(labels)}; {sizes} texts to train and test")
    known = {one["label"] for one in found[ENGLISH][False]}
    for is_tested, name in ((False, "train.jsonl"), (True, "test.jsonl")):
        lines = [one for texts in found.values() for one in texts[is_tested] if one["label"] in known]
        write_lines(folder / name, lines)


def write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(value, ensure_ascii=False) + "\n" for value in values]
    path.write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--languages", nargs="+", default=LANGUAGES, help=f"default: {' '.join(LANGUAGES)}")
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="where packages lie, and are kept when fetched")
    parser.add_argument("--manuals", type=int, default=120, help="most manuals of a chapter (default: 120)")
    parser.add_argument("--queries", type=int, default=500, help="most queries of a language (default: 500)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        packages = (args.packages or Path(temporary) / "packages").resolve()
        download(args.languages, packages)
        root = Path(temporary) / "root"
        unpack(packages, root)
        files = chosen_files(root, (ENGLISH, *args.languages), args.manuals)
        mandoc = str(root / "usr/bin/mandoc")
        manuals = {language: read_manuals(some, mandoc) for language, some in files.items()}
    for language, found in manuals.items():
        print(f"{language}: {len(found):,} manuals")
    write_retrieval(args.output / "retrieval", manuals, args.queries)
    write_classification(args.output / "classification", manuals)


if __name__ == "__main__":
    main()
