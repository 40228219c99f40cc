"""Each layout line by line; whatever a line holds, a reader says something of it or ValueError."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.supervised.line_readers import READERS, Layout
from miners.supervised.statements import Refused, Role, Statement, Text, id_key, own_text, store_seed

QUERIES, PASSAGES = store_seed("msmarco/queries"), store_seed("msmarco/passages")
NLI_HEADER = ("gold_label", "sentence1", "sentence2", "pairID")


def said(name, line, **settings):
    return tuple(Layout(name, "msmarco", **settings).reader()(line))


def test_texts_take_what_stands_behind_the_id():
    assert said("texts", '7\t "A" passage. ', store="passages") == (Text(id_key(PASSAGES, "7"), b'"A" passage.'),)
    assert said("texts", "7\t", store="queries") == (Text(id_key(QUERIES, "7"), b""),)


def test_judgements():
    positive = (Statement(Role.POSITIVE, id_key(QUERIES, "1"), id_key(PASSAGES, "2")),)
    assert said("qrels", "1\t0\t2\t1") == said("qrels", "1 Q0 2 3") == positive == said("beir_qrels", "1\t2\t1")
    assert said("qrels", "1\t0\t2\t0") == said("beir_qrels", "1\t2\t-1") == (Refused("not_positive"),)


def test_triples_say_what_answers_only_where_no_judgements_do():
    left, right, other = id_key(QUERIES, "1"), id_key(PASSAGES, "2"), id_key(PASSAGES, "3")
    assert said("id_triples", "1\t2\t3") == (Statement(Role.NEGATIVE, left, other),)
    assert said("id_triples", "1\t2\t3", triples_are_positives=True) == (Statement(Role.TRIPLE, left, right, other),)


def test_the_same_id_of_two_stores_or_sets_is_two_keys():
    keys = {id_key(store_seed(name), "1") for name in ("a/queries", "a/passages", "b/queries")}
    assert len(keys) == 3


def test_hard_negatives_of_several_systems_count_once():
    line = json.dumps({"qid": 1, "pos": [2], "neg": {"bm25": [3, 4], "other": ["4"]}})
    roles = [one.role for one in said("hard_negatives", line, triples_are_positives=True)]
    assert roles == [Role.POSITIVE, Role.NEGATIVE, Role.NEGATIVE]
    assert [one.role for one in said("hard_negatives", line)] == [Role.NEGATIVE, Role.NEGATIVE]


def test_beir_texts_have_their_title_before_them():
    row = {"_id": "d1", "title": " T ", "text": "body ", "metadata": {}}
    assert said("beir_corpus", json.dumps(row), store="passages")[0].text == b"T body"
    assert said("beir_corpus", json.dumps(row | {"title": ""}), store="passages")[0].text == b"body"
    assert said("beir_queries", json.dumps({"_id": "q", "text": "why"}), store="queries")[0].text == b"why"


@pytest.mark.parametrize(("label", "role"), [("entailment", Role.POSITIVE), ("contradiction", Role.NEGATIVE)])
def test_labels_say_what_belongs_together(label, role):
    left, right = own_text("a premise"), own_text("a hypothesis")
    expected = (Statement(role, left.key, right.key, 0, (left, right)),)
    assert said("nli_tsv", f"{label}\ta premise\ta hypothesis \tid", header=NLI_HEADER) == expected
    row = {"gold_label": label, "sentence1": " a premise", "sentence2": "a hypothesis"}
    assert said("nli_json", json.dumps(row)) == expected


@pytest.mark.parametrize(("label", "reason"), [("neutral", "neutral"), ("-", "no_gold_label")])
def test_labels_that_say_nothing(label, reason):
    assert said("nli_tsv", f"{label}\ta\tb\tid", header=NLI_HEADER) == (Refused(reason),)


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("texts", "7 no tab", "1 columns where 2"),
        ("texts", "\ttext", "id is empty"),
        ("qrels", "1\t0\t2", "3 columns"),
        ("qrels", "1\t0\t2\tyes", "no number"),
        ("id_triples", "1\t2", "2 columns where 3"),
        ("text_triples", "a\tb\tc\td", "4 columns where 3"),
        ("beir_corpus", '{"_id": 1}', "no text of BEIR"),
        ("beir_corpus", '{"_id": 1.5, "text": "x"}', "an id is float"),
        ("beir_corpus", '{"_id": "1", "text": "\\ud800"}', "surrogates"),
        ("beir_corpus", "[" * 100_000, "nested"),
        ("hard_negatives", '{"qid": 1, "neg": {"bm25": 3}}', "no line of hard negatives"),
        ("nli_json", '{"gold_label": "entailment"}', "sentence1"),
        ("nli_json", "[]", "no object but list"),
        ("nli_tsv", "entailment\ta", "2 columns where the header has 4"),
        ("nli_tsv", "perhaps\ta\tb\tid", "label is 'perhaps'"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(name, line, told):
    with pytest.raises(ValueError, match=told):
        said(name, line, header=NLI_HEADER, store="passages")


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
objects = st.dictionaries(
    st.sampled_from(["_id", "text", "title", "qid", "pos", "neg", "gold_label", "sentence1"]), values
)


@pytest.mark.parametrize("name", sorted(READERS))
@given(line=st.one_of(st.text(max_size=40), objects.map(json.dumps)))
def test_no_line_breaks_a_reader(name, line):
    try:
        found = said(name, line, header=NLI_HEADER, store="passages", triples_are_positives=True)
    except ValueError:
        return
    assert found and all(isinstance(one, Text | Statement | Refused) for one in found)
