import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from miners.near_duplicates.side_hashes import side_hashes
from schemas.side_hash import side_hash

_texts = st.text(st.one_of(st.sampled_from(" \t\n\x0b\x1c\x1d\x85\xa0aBZz[@`{\x00\x7f"), st.characters(codec="utf-8")))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_texts, st.booleans()), max_size=6), st.integers(0, 2))
@example([("", False), ("A\x1cb  C\n", False), ("", True)], 1)
def test_as_one_by_one(drawn: list[tuple[str, bool]], skipped: int) -> None:
    texts = [text for text, _ in drawn]
    array = pa.array(["é"] * skipped + texts + ["behind"], pa.string()).slice(skipped, len(texts))
    hashes, words = side_hashes(array, np.array([is_code for _, is_code in drawn], bool))
    assert hashes.tolist() == [side_hash(text, is_code=is_code) for text, is_code in drawn]
    assert words.tolist() == [len(text.split()) for text in texts]
