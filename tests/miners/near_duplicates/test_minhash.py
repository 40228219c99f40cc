import random

import numpy as np
import pytest
from datasketch import MinHash

from miners.near_duplicates.minhash import SignatureConfig, permutations, permutations_checksum, signatures
from miners.near_duplicates.shingle_rule import CODE, TEXT
from miners.near_duplicates.shingles import shingle_sets


def _texts(count: int) -> list[str]:
    rng = random.Random(3)
    return [" ".join(f"w{rng.randrange(60)}" for _ in range(rng.randrange(0, 300))) for _ in range(count)]


@pytest.mark.parametrize("config", [SignatureConfig(), SignatureConfig(CODE, 37, 12345)])
def test_bit_identical_to_datasketch(config: SignatureConfig) -> None:
    texts = [*_texts(80), "", "one", "..."]
    ours = signatures(texts, config)
    assert ours.dtype == np.uint32 and ours.shape == (83, config.permutations)
    sets = shingle_sets(texts, config.shingles)
    for i in range(len(texts)):
        theirs = MinHash(
            config.permutations, config.seed, scheme="affine32", hashfunc=lambda value: int(value) & 0xFFFFFFFF
        )
        theirs.update_batch(sets[i].tolist())
        assert np.array_equal(theirs.hashvalues, ours[i])


def test_datasketch_reads_a_row() -> None:
    config = SignatureConfig()
    rows = signatures(["a b c d e f g h i j", "a b c d e f g h i k"], config)
    drawn = permutations(config.permutations, config.seed)
    one, two = (MinHash(hashvalues=row, permutations=drawn, scheme="affine32", seed=config.seed) for row in rows)
    assert one.jaccard(two) == pytest.approx(5 / 7, abs=0.15)


def test_permutations_are_those_of_datasketch_and_their_checksum_is_stable() -> None:
    assert np.array_equal(permutations(128, 7), MinHash(128, 7, scheme="affine32").permutations)
    assert permutations_checksum(128, 1) == SignatureConfig().as_dict()["permutations_xxh3_64"]
    assert permutations_checksum(128, 1) != permutations_checksum(128, 2)


def test_large_text_crosses_the_kernel_block() -> None:
    text = " ".join(f"w{i}" for i in range(70_000))
    config = SignatureConfig(TEXT, 4)
    together = signatures(["x", text, "y z"], config)
    assert np.array_equal(together[1], signatures([text], config)[0])


@pytest.mark.parametrize("bad", [{"scheme": "legacy"}, {"permutations": 0}, {"seed": -1}])
def test_impossible_configs_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError):
        SignatureConfig(**bad)
