"""A set of real text with every fault planted in known numbers: each is found and counted; the same without, none."""

import ast
import json
import pydoc_data.topics
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from miners.audit.checks import CheckConfig
from pipelines import audit as audit_command
from pipelines.audit import main
from schemas import Provenance, make_pair

FOREIGN = (
    "Die Bibliothek der Stadt öffnet am Montag um neun Uhr und schließt erst am späten Abend wieder ihre Türen.",
    "Wer einen Ausweis besitzt, darf bis zu zwölf Bücher gleichzeitig ausleihen und vier Wochen lang behalten.",
    "Im Lesesaal dürfen keine Getränke stehen, weil die alten Handschriften sehr empfindlich gegen Wasser sind.",
    "Les horaires de la bibliothèque changent pendant les vacances, et la salle de lecture reste fermée le matin.",
    "Chaque lecteur peut emprunter douze livres à la fois, à condition de présenter une carte en cours de validité.",
    "Il est interdit de photographier les manuscrits sans avoir obtenu une autorisation écrite du conservateur.",
)
SECRET = "The job reads its bucket with the key AKIA{}7EXAMQ and writes what it finds to the table of results."
EVALUATION = "which of the three northern harbours had been frozen over for more than forty days at the end of winter"
STOCK = "Please accept all the cookies that this website sets."


def paragraphs():
    """Of the language's reference, and of the documentation of the standard library."""
    for _, text in sorted(pydoc_data.topics.topics.items()):
        yield from re.split(r"\n\s*\n", text)
    for path in sorted(Path(ast.__file__).parent.rglob("*.py")):
        if "test" not in str(path) and "site-packages" not in str(path):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                    yield from re.split(r"\n\s*\n", ast.get_docstring(node) or "")


def prose(count):
    """Distinct paragraphs of English."""
    seen = set()
    for paragraph in paragraphs():
        plain = " ".join(paragraph.split())
        words = plain.split()
        if re.fullmatch(r"[A-Z][^<>@&=+*|\\]+\.", plain) and 30 <= len(words) <= 120 and not seen & shingles(words):
            seen |= shingles(words)
            yield plain
            count -= 1
            if not count:
                return


def shingles(words):
    return {" ".join(words[i : i + 5]).casefold() for i in range(len(words) - 4)}


def text_pair(i, anchor, positive, *, group=None, language="en", license=None):
    """A row of a page of its own domain."""
    return make_pair(
        kind="neighbor_text",
        language=language,
        anchor=anchor,
        positive=positive,
        place=("crawl.warc", i),
        group=group or f"site{i}.example",
        provenance=Provenance(url=f"https://site{i}.example/{i}", license=license, date="2026-01-02T00:00:00Z"),
    )


def related(text, other):
    """Whether two texts have a word in common."""
    one, two = (set(re.findall("[a-z]{2,}", part.lower())) for part in (text, other))
    return bool(one & two)


def code_pairs(count, taken):
    """Documented functions of the standard library, each with its module as the group."""
    seen = set(taken)
    for path in sorted(Path(ast.__file__).parent.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            documentation = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            code = ast.unparse(node.body[1:]) if documentation and len(node.body) > 3 else ""
            words = code.split()
            if not 40 <= len(words) <= 200 or "://" in code or not related(documentation, code):
                continue
            if not seen & shingles([*documentation.split(), *words]):
                seen |= shingles(words)
                yield make_pair(
                    kind="docstring_code",
                    language="python",
                    anchor=documentation,
                    positive=code,
                    place=("stdlib", path.name, node.lineno),
                    group=f"stdlib/{path.stem}",
                    provenance=Provenance(path=path.name, symbol=node.name, license="PSF-2.0"),
                )
                count -= 1
                if not count:
                    return


@pytest.fixture(scope="module")
def passages():
    """Pairs of paragraphs that stand one after the other."""
    found = list(prose(560))
    return [pair for pair in zip(found[::2], found[1::2], strict=True) if related(*pair)]


@pytest.fixture(scope="module")
def clean(passages):
    """Some 200 rows without a fault: (train, validation)."""
    taken = set().union(*(shingles(text.split()) for pair in passages for text in pair))
    rows = [text_pair(i, anchor, positive) for i, (anchor, positive) in enumerate(passages[:120])]
    return rows[:100] + list(code_pairs(90, taken)), rows[100:]


@pytest.fixture
def audit(tmp_path):
    """Runs the command on a set; gives its status and its figures."""

    def run(folder, *flags):
        output = tmp_path / f"report-{folder.name}"
        status = main(["--input", str(folder), "--output", str(output), "--quiet", "--workers", "1", *flags])
        return status, json.loads((output / "audit.json").read_bytes())

    return run


@pytest.fixture
def evaluation(tmp_path):
    """A file with one evaluation text."""
    path = tmp_path / "harbours.jsonl"
    path.write_text(json.dumps({"query-id": "7", "query": EVALUATION}) + "\n")
    return path


@pytest.fixture
def gates(tmp_path):
    """Gates that let no fault pass."""
    path = tmp_path / "gates.yaml"
    names = (
        *("duplicate_share", "near_duplicate_share", "leaks", "contamination_share", "secrets", "personal_data"),
        *("wrong_language_share", "markup_share", "boilerplate_share", "no_overlap_share", "full_overlap_share"),
        *("excluded_license_share", "broken_rules", "removed_rows"),
    )
    path.write_text("".join(f"max_{name}: 0\n" for name in names) + "max_group_share: 0.1\nmin_pairs: 100\n")
    return path


def counted(figures):
    """The number of each fault."""
    texts = figures["texts"]
    return {
        "duplicates": figures["repeats"]["pair"]["extra"],
        "near": figures["near_duplicates"]["with_one"],
        "leaked groups": figures["leaks"]["groups"],
        "leaked sides": figures["leaks"]["sides"],
        "leaked near": figures["leaks"]["near"]["rows"],
        "secrets": texts["secrets"]["found"],
        "personal": texts["personal_data"]["found"],
        "language": texts["wrong_language"]["rows"],
        "markup": {entry["name"]: entry["rows"] for entry in texts["markup"]["by_name"]},
        "boilerplate": texts["boilerplate"]["rows"],
        "no overlap": texts["overlap"]["almost_nothing"]["rows"],
        "full overlap": texts["overlap"]["almost_everything"]["rows"],
        "contaminated": figures["contamination"]["rows"],
        "licences": figures["licenses"]["excluded"],
        "broken": {f"{entry['column']} {entry['rule']}": entry["rows"] for entry in figures["schema"]["broken"]},
    }


NONE = {
    **dict.fromkeys(("duplicates", "near", "leaked groups", "leaked sides", "leaked near", "secrets", "personal"), 0),
    **dict.fromkeys(("language", "boilerplate", "no overlap", "full overlap", "contaminated", "licences"), 0),
    "markup": {},
    "broken": {},
}


@pytest.mark.slow
def test_a_clean_set_has_no_fault(make_pair_set, clean, audit, evaluation, gates):
    train, validation = clean
    folder = make_pair_set(train, validation=validation, files=3)
    flags = ["--licenses", "permissive", "--decontaminate", str(evaluation), "--gates", str(gates)]
    status, figures = audit(folder, *flags)
    assert counted(figures) == NONE
    assert status == 0
    assert not [found for found in figures["findings"] if found["level"] == "bad"]
    assert figures["near_duplicates"]["interval"] is None and figures["texts"]["secrets"]["interval"] is None


def plant(clean, passages):
    """The clean rows with faults, and how many of each."""
    train, validation = list(clean[0]), list(clean[1])
    free = (text for pair in passages[120:] for text in pair)
    number = iter(range(1000, 9999))

    def row(anchor=None, positive=None, **about):
        return text_pair(next(number), anchor or next(free), positive or next(free), **about)

    texts = [pair for pair in train if pair.kind == "neighbor_text"]
    train += [text_pair(next(number), pair.anchor, pair.positive) for pair in texts[:7]]
    train += [text_pair(next(number), changed(pair.anchor), changed(pair.positive)) for pair in texts[10:15]]
    train += [row(positive=SECRET.format(f"QX3M{i}RT2YZ")) for i in range(4)]
    train += [
        row(positive=f"Write to the editors at anna.k{i}@verlag-nord.de before the month ends.") for i in range(3)
    ]
    train += [row(anchor=FOREIGN[2 * i], positive=FOREIGN[2 * i + 1]) for i in range(3)]
    train += [row(group="one-large.example") for _ in range(60)]
    train += [replace(row(), anchor_hash=i) for i in range(5)]
    train += [row(positive=f"<p>The <b>{i}th</b> part says &nbsp; nothing.</p> " + next(free)) for i in range(4)]
    train += [row(positive="Im Winter ist es schÃ¶n und grÃ¼n, " + next(free)) for _ in range(2)]
    train += [row(license="GPL-3.0-only") for _ in range(6)]
    train += [row(positive=f"Nobody could say {EVALUATION}, and so on.") for _ in range(3)]
    train += [row(positive=f"{STOCK}\n{next(free)}") for _ in range(6)]
    train += [row(anchor=text, positive=" ".join(sorted(text.split()))) for text in (next(free), next(free))]
    validation += [row(group=pair.group) for pair in texts[20:23]]
    validation += [row(positive=pair.positive) for pair in texts[30:32]]
    validation += [row(anchor=changed(pair.anchor), positive=changed(pair.positive)) for pair in texts[40:44]]
    return train, validation


def changed(text):
    """The text with its last word but one replaced."""
    words = text.split()
    return " ".join([*words[:-2], "otherwise", words[-1]])


PLANTED = {
    **NONE,
    "duplicates": 7,
    "near": 2 * (5 + 4),
    "leaked groups": 3,
    "leaked sides": 2,
    "leaked near": 4,
    "secrets": 4,
    "personal": 3,
    "language": 3,
    "markup": {"html_entities": 4, "html_tags": 4, "mojibake": 2},
    "boilerplate": 6,
    "no overlap": 1,  # the pair in two languages
    "full overlap": 2,
    "contaminated": 3,
    "licences": 6,
    "broken": {"anchor_hash is the hash of its side": 5},
}


def test_every_planted_fault_is_found_and_counted(make_pair_set, clean, passages, audit, evaluation, gates, capsys):
    train, validation = plant(clean, passages)
    folder = make_pair_set(train, validation=validation, files=3)
    flags = ["--licenses", "permissive", "--decontaminate", str(evaluation), "--gates", str(gates)]
    status, figures = audit(folder, *flags)
    assert counted(figures) == PLANTED
    assert figures["groups"]["largest_share"] == pytest.approx(60 / (len(train) + len(validation)))
    assert status == 1
    failed = {gate["gate"] for gate in figures["gates"] if not gate["passed"]}
    assert failed == {gate["gate"] for gate in figures["gates"]} - {"max_removed_rows", "min_pairs"}
    printed = capsys.readouterr().err
    assert all(f"gate {gate} failed" in printed for gate in failed)
    titles = " ".join(found["title"] for found in figures["findings"] if found["level"] == "bad")
    for word in ("secrets", "Near-duplicates", "evaluation", "licences", "rules", "more than one split", "Personal"):
        assert word in titles
    page = next(folder.parent.glob("report-*/report.html")).read_text(encoding="utf-8")
    assert "AKIAQX3M" not in json.dumps(figures["texts"]) and "anna.k" not in json.dumps(figures["texts"])
    assert "AKIAQX3M" not in page


def test_a_sample_of_texts_has_an_interval(make_pair_set, clean, passages, audit, monkeypatch):
    monkeypatch.setattr(audit_command, "CheckConfig", partial(CheckConfig, text_rows=150))
    train, validation = plant(clean, passages)
    _, figures = audit(make_pair_set(train, validation=validation))
    markup = figures["texts"]["markup"]
    assert 100 < markup["looked_at"] < 200
    low, high = markup["interval"]
    assert low <= 6 / len(train + validation) <= high
    assert figures["schema"]["rows"] == len(train + validation)
    assert figures["schema"]["recomputed"] == markup["looked_at"]
