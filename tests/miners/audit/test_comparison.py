"""Two sets compared: counts against plain set operations, planted changes found, and nothing found where none is."""

from dataclasses import replace

import numpy as np
import pytest

from miners.audit.compared_rows import CompareConfig, ComparedRows
from miners.audit.comparison import comparison_figures
from miners.audit.summary import AuditConfig, Summary
from schemas.ledger import Ledger
from schemas.manifest import Manifest
from schemas.pair import SPLITS, Provenance, make_pair, make_signals, pairs_to_table


def config_of(**settings):
    return CompareConfig(permutations=499, **settings)


def web_pairs(n, seed=0, german=0.3, words=30):
    """Rows of pages of three; the language is the site's."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i in range(n):
        site = int(rng.integers(0, max(2, n // 6)))
        language = "de" if (site * 7919) % 1000 < german * 1000 else "en"
        anchor, positive = f"anchor {i} of {site}", "word " * int(rng.poisson(words) + 1) + str(i)
        quality = (("stop_word_share", float(rng.random())),)
        pairs.append(
            make_pair(
                kind="neighbor_text",
                language=language,
                anchor=anchor,
                positive=positive,
                place=("f.warc", i),
                group=f"site{site}.org",
                signals=make_signals(anchor, positive, language_score=float(rng.beta(8, 2)), quality=quality),
                provenance=Provenance(url=f"https://site{site}.org/{i}", license="MIT" if i % 2 else None),
            )
        )
    return pairs


def read(pairs, config, split="train", step=170):
    rows, summary = ComparedRows(config), Summary(AuditConfig(rows=len(pairs)))
    for start in range(0, len(pairs), step):
        table, part = pairs_to_table(pairs[start : start + step]), ComparedRows(config)
        part.add(table, SPLITS.index(split))
        summary.add(table, split, 0, start)
        part.compact()
        rows.merge(part)
    return rows, summary


def manifest_of(pairs, **settings):
    ledger = Ledger("mine-web")
    ledger.read("record", len(pairs) + settings.get("lost", 0))
    ledger.keep("record", len(pairs))
    return Manifest("mine-web", "run", settings, 0, "0", ledger.to_json(), ())


def compare(pairs, others, config=None, **settings):
    config = config or config_of(rows=max(len(pairs), len(others)))
    (rows, summary), (other_rows, other_summary) = read(pairs, config), read(others, config)
    manifests = manifest_of(pairs, **settings), manifest_of(others, window=1)
    return comparison_figures(rows, other_rows, summary, other_summary, *manifests, "other")


def test_rows_pairs_and_groups_that_came_and_went():
    first = web_pairs(900)
    again = replace(first[0], row_id="f" * 32)  # the same pair at another place
    second = [*first[200:], *web_pairs(120, seed=1), again]
    figures = compare(second, first)
    ids = [{pair.row_id for pair in pairs} for pairs in (second, first)]
    contents = [{pair.pair_id for pair in pairs} for pairs in (second, first)]
    groups = [{pair.group for pair in pairs} for pairs in (second, first)]
    for name, (ours, theirs) in {"rows": ids, "pairs": contents, "groups": groups}.items():
        found = {key: figures[name][key] for key in ("kept", "added", "removed")}
        assert found == {"kept": len(ours & theirs), "added": len(ours - theirs), "removed": len(theirs - ours)}, name
    assert figures["rows"]["moved"] == 0 and figures["rows"]["interval"] is None
    for group in figures["groups"]["moved_most"]:
        assert group["pairs"] == sum(pair.group == group["name"] for pair in second)
        assert group["other_pairs"] == sum(pair.group == group["name"] for pair in first)


def test_rows_that_changed_their_split_are_counted():
    pairs, config = web_pairs(300), config_of(rows=300)
    (rows, summary), (other, other_summary) = read(pairs, config), read(pairs[:200], config)
    moved, _ = read(pairs[200:], config, split="test")
    other.merge(moved)
    manifest = manifest_of(pairs)
    figures = comparison_figures(rows, other, summary, other_summary, manifest, manifest, "other")
    assert figures["rows"]["moved"] == 100 and figures["rows"]["kept"] == 300


def test_a_set_and_itself_differ_in_nothing():
    pairs = web_pairs(600)
    figures = compare(pairs, pairs[::-1], window=1)
    assert figures["rows"]["added"] == figures["rows"]["removed"] == 0
    assert {entry["verdict"] for entry in figures["labels"] + figures["signals"]} == {"same"}
    assert all(entry["p_holm"] == 1 for entry in figures["labels"] + figures["signals"])
    assert figures["config"] == [] and figures["groups"]["jensen_shannon"] == 0
    assert all(entry["value"] == entry["other_value"] for entry in figures["headline"])


def test_two_crawls_of_one_world_are_the_same():
    figures = compare(web_pairs(1000, seed=2), web_pairs(1000, seed=3))
    assert figures["rows"]["kept"] == 0
    tested = {entry["name"]: entry["verdict"] for entry in figures["labels"] + figures["signals"]}
    assert set(tested.values()) == {"same"}
    assert {"language", "license", "positive_words", "language_score", "quality.stop_word_share"} <= set(tested)


def test_planted_changes_are_found_and_nothing_else():
    figures = compare(web_pairs(1000, seed=2, german=0.8, words=60), web_pairs(1000, seed=3, german=0.2))
    verdicts = {entry["name"]: entry["verdict"] for entry in figures["labels"] + figures["signals"]}
    assert verdicts["language"] == verdicts["source"] == verdicts["positive_words"] == "large drift"
    assert {verdicts[name] for name in ("license", "language_score", "quality.stop_word_share", "split")} == {"same"}
    [words] = [entry for entry in figures["signals"] if entry["name"] == "positive_words"]
    assert words["wasserstein"] == pytest.approx(30, abs=2) and words["unit"] == "words"
    assert words["cliffs_delta"] > 0.95 and words["set"]["median"] - words["other"]["median"] == pytest.approx(
        30, abs=3
    )
    [language] = [entry for entry in figures["labels"] if entry["name"] == "language"]
    assert language["p"] <= language["p_holm"] < 0.05 and language["cramers_v"] > 0.3


def test_settings_and_stages_stand_side_by_side():
    figures = compare(web_pairs(60), web_pairs(50), window=2, rules={"least": [1, 2]}, lost=40)
    settings = {entry["name"]: (entry["value"], entry["other_value"]) for entry in figures["config"]}
    assert settings == {"window": ("2", "1"), "rules.least": ("[1, 2]", "–"), "lost": ("40", "–")}
    record = next(stage for stage in figures["stages"] if stage["stage"] == "record")
    assert (record["kept_share"], record["other_kept_share"]) == (0.6, 1.0)


def test_large_sets_are_compared_by_a_share_of_their_ids():
    first = web_pairs(3000)
    figures = compare(first[1000:], first, config_of(rows=3000, id_rows=1000, sample_rows=500))
    for name, truth in (("kept", 2000), ("removed", 1000)):
        low, high = figures["rows"]["interval"][name]
        assert low <= figures["rows"][name] <= high and abs(figures["rows"][name] - truth) < 250
    assert figures["rows"]["added"] == 0
    assert 400 < figures["method"]["other_sampled_rows"] < 600


def test_the_cut_into_files_changes_nothing():
    pairs, config = web_pairs(500), config_of(rows=500, id_rows=100, sample_rows=100)
    whole, pieces = read(pairs, config, step=500)[0], read(pairs, config, step=37)[0]
    assert whole.sample().equals(pieces.sample())
    for one, two in zip(whole.ids(), pieces.ids(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_empty_set_is_compared_too():
    figures = compare([], web_pairs(100))
    assert figures["rows"] == {"kept": 0, "added": 0, "removed": 100, "moved": 0, "interval": None}
    assert figures["signals"] == []
    assert {entry["verdict"] for entry in figures["labels"]} == {"same"}
