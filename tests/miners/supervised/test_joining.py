"""The arrays' verdicts against a plain reading of the rule, statement by statement."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from miners.supervised.joining import FATES, Statements, join
from miners.supervised.statements import Role

KEYS = {number: (number * 0x9E3779B97F4A7C15) % (1 << 64) for number in range(12)}


def arrays(rows):
    columns = list(zip(*rows, strict=True)) or [()] * 5
    role, part, left, right, other = columns
    keys = [np.array([KEYS[n] for n in side], np.uint64) for side in (left, right, other)]
    return Statements(np.array(role, np.uint8), np.array(part, np.int64), *keys)


def texts(present, blank):
    known = np.array(sorted(KEYS[n] for n in present), np.uint64)
    return known, np.array([key in {KEYS[n] for n in blank} for key in known.tolist()], bool)


def joined(rows, most, seed=0, present=range(12), blank=()):
    said = arrays(rows)
    known, is_blank = texts(present, blank)
    result = join(said, known, is_blank, most, seed)
    names = {key: number for number, key in KEYS.items()}
    pairs = {}
    for i, statement in enumerate(result.statement.tolist()):
        _, part, left, right, _ = rows[statement]
        negatives = result.negatives[result.bounds[i] : result.bounds[i + 1]].tolist()
        assert (part, left, right) not in pairs
        pairs[part, left, right] = [names[key] for key in negatives]
    return pairs, [FATES[fate] for fate in result.fates.tolist()]


statement = st.tuples(
    st.sampled_from([int(role) for role in Role]), st.integers(0, 1), st.integers(0, 2), *[st.integers(3, 11)] * 2
)


@given(
    st.lists(statement, max_size=30),
    st.integers(0, 4),
    st.integers(0, 2**40),
    st.sets(st.integers(0, 11), min_size=8),
    st.sets(st.integers(3, 11), max_size=2),
)
def test_every_statement_has_the_fate_of_the_rule(rows, most, seed, present, blank):
    pairs, fates = joined(rows, most, seed, present, blank)
    there = [
        left in present and right in present and (role != Role.TRIPLE or other in present)
        for role, _, left, right, other in rows
    ]
    answers = {
        (part, left, right)
        for (role, part, left, right, _), is_there in zip(rows, there, strict=True)
        if is_there and role != Role.NEGATIVE
    }
    assert set(pairs) == answers
    used, offered = {}, {}
    for (part, left, _), negatives in pairs.items():
        used.setdefault((part, left), set()).update(negatives)
    made, seen = set(), set()
    for (role, part, left, right, other), is_there, fate in zip(rows, there, fates, strict=True):
        query, wrong = (part, left), right if role == Role.NEGATIVE else other
        maker = role != Role.NEGATIVE and is_there and (part, left, right) not in made
        expected = None
        if not is_there:
            expected = "missing_text"
        else:
            if role != Role.NEGATIVE:
                made.add((part, left, right))
            if role == Role.POSITIVE:
                expected = "kept" if maker else "same_pair"
            elif not any(query == (p, q) for p, q, _ in answers):
                expected = "no_positive"
            elif wrong in blank:
                expected = "empty_negative"
            elif (*query, wrong) in answers:
                expected = "known_positive"
            elif (query, wrong) in seen:
                expected = "same_negative"
            else:
                seen.add((query, wrong))
                offered.setdefault(query, set()).add(wrong)
                expected = "kept" if wrong in used[query] else "not_sampled"
            expected = "kept" if maker else expected
        assert fate == expected
    for (part, left, right), negatives in pairs.items():
        pool = offered.get((part, left), set())
        assert len(negatives) == len(set(negatives)) == min(most, len(pool))
        assert set(negatives) <= pool - {right}


@given(st.lists(statement, max_size=20), st.permutations(range(20)), st.integers(0, 9))
def test_the_sample_is_the_same_in_any_order(rows, order, seed):
    shuffled = [rows[i] for i in order if i < len(rows)]
    assert joined(rows, 2, seed)[0] == joined(shuffled, 2, seed)[0]


def test_a_seed_samples_all_alike_and_another_differently():
    rows = [(Role.POSITIVE, 0, query, 3, 0) for query in range(3)]
    rows += [(Role.NEGATIVE, 0, query, wrong, 0) for query in range(3) for wrong in range(4, 12)]
    drawn = [joined(rows, 2, seed)[0] for seed in range(300)]
    counts = np.bincount(
        [wrong for pairs in drawn for negatives in pairs.values() for wrong in negatives], minlength=12
    )
    assert counts[:4].sum() == 0 and counts.sum() == 300 * 3 * 2
    assert abs(counts[4:] - 225).max() < 5 * np.sqrt(225)
    assert any(pairs != drawn[0] for pairs in drawn)


def test_positives_of_one_query_get_samples_of_their_own():
    rows = [(Role.POSITIVE, 0, 0, right, 0) for right in (3, 4, 5)]
    rows += [(Role.NEGATIVE, 0, 0, wrong, 0) for wrong in range(6, 12)]
    drawn = [tuple(map(tuple, joined(rows, 1, seed)[0].values())) for seed in range(20)]
    assert any(len(set(negatives)) > 1 for negatives in drawn)


def test_nothing_said_is_nothing_joined():
    assert joined([], 3) == ({}, [])
