import pytest

from miners.contamination import evaluation_record, repository_name


@pytest.mark.parametrize(
    ("record", "texts"),
    [
        ({"_id": "q1", "text": "how do I sort", "metadata": {"url": "https://a.b/c"}}, ("how do I sort",)),
        ({"query-id": "7", "corpus-id": "a b c", "score": "1"}, ()),
        ({"sentence1": "A man plays.", "sentence2": "A man is playing.", "label": "entailment"}, None),
        ({"idx": 3, "doc": "Sorts a list", "code": "def f():\n  pass", "retrieval_idx": 4}, None),
        # Tokens of a CodeSearchNet row: one text, not a text a word.
        ({"docstring_tokens": ["Returns", "the", "name"], "code_tokens": ["def", "f"]}, ()),
        ({"words": ["Returns", "the", "name"]}, ("Returns the name",)),
        ({"passages": ["one text", "another text"], "language": "python"}, ("one text", "another text")),
        ({"nested": {"question": "where?", "id": "no"}, "empty": "  ", "n": 3, "none": None}, ("where?",)),
        ("a line of a file", ("a line of a file",)),
        ({"anchor": "a side", "positive": "the other", "row_id": "00", "provenance": {"symbol": "f"}}, None),
    ],
)
def test_texts_are_what_is_no_id_label_or_address(record, texts) -> None:
    expected = (
        texts
        if texts is not None
        else tuple(
            record[name] for name in ("sentence1", "sentence2", "doc", "code", "anchor", "positive") if name in record
        )
    )
    assert evaluation_record(record).texts == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Owner/Name", "owner/name"),
        ("https://github.com/owner/name", "owner/name"),
        ("https://github.com/owner/name/blob/main/a.py#L3", "owner/name"),
        ("git@github.com:owner/name.git", "owner/name"),
        ("ssh://git@host.org/owner/name.git/", "owner/name"),
        ("github.com/owner/name", "owner/name"),
        ("example.com", None),
        ("", None),
    ],
)
def test_a_repository_has_one_name(name: str, expected: str | None) -> None:
    assert repository_name(name) == expected


def test_a_repository_is_named_by_its_field_or_by_a_code_pairs_group() -> None:
    assert evaluation_record({"repo": "https://github.com/a/b", "code": "x = 1"}).repository == "a/b"
    assert evaluation_record({"nwo": "A/b", "function": "x"}).repository == "a/b"
    assert evaluation_record({"report": "a/b"}).repository is None
    pair = {"anchor": "doc", "positive": "code", "group": "a/b"}
    assert evaluation_record({**pair, "kind": "docstring_code"}).repository == "a/b"
    assert evaluation_record({**pair, "kind": "neighbor_text"}).repository is None
