"""The scores of a model in training: the task pair-set of `train/evaluate.py` on a pair set's validation split."""

from __future__ import annotations

from collections.abc import Callable

from train.encoder import Encoder
from train.evaluation.measured import Measured
from train.evaluation.paired_search import ALL_AT_ONCE, FULL, PairedSearch
from train.journal import Journal
from train.split_rows import read_split
from train.training import Scores

MOST_ROWS = 10_000
"""Of the split, whose canonical order is a shuffled one."""
SPLIT = "validation"
_MAIN = "mrr"


def validation_of(data: str, device: str) -> Callable[[Encoder], Scores]:
    """What measures an encoder on the first rows of the validation split, known answers left out.

    The main score is the MRR over the positives of all sources together; those of each source among its own stand
    beside it. ValueError where the set has no validation rows, or one.
    """
    rows = read_split(data, SPLIT)
    search = PairedSearch(
        task="pair-set",
        data=f"{data}/{SPLIT}",
        rows=rows.first(MOST_ROWS),
        protocols=(FULL,),
        strip_comments=False,
        mask_names=False,
        device=device,
        journal=Journal(quiet=True),
    )
    search.check()

    def measure(encoder: Encoder) -> Scores:
        lists = [one for one in search.measure(encoder) if isinstance(one, Measured)]
        means = [dict(zip(one.metrics, one.values.mean(0).tolist(), strict=True)) for one in lists]
        whole = next((m for one, m in zip(lists, means, strict=True) if one.protocol == ALL_AT_ONCE), means[0])
        by_source = {one.part: m[_MAIN] for one, m in zip(lists, means, strict=True) if one.protocol == FULL}
        return Scores(whole[_MAIN], {**whole, "mrr_by_source": by_source})

    return measure
