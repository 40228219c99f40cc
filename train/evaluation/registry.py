"""Every task of the evaluator, by the name that `--tasks` takes."""

from __future__ import annotations

from train.evaluation.beir import RETRIEVAL
from train.evaluation.code_search import CODE_SEARCH, COSQA
from train.evaluation.mteb_tasks import MTEB
from train.evaluation.pair_set import PAIR_SET
from train.evaluation.similarity import STS
from train.evaluation.task import Task
from train.probes.task import PROBE

TASKS: dict[str, Task] = {
    "pair-set": PAIR_SET,
    "code-search": CODE_SEARCH,
    "cosqa": COSQA,
    "retrieval": RETRIEVAL,
    "sts": STS,
    "probe": PROBE,
    "mteb": MTEB,
}
