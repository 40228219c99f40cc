"""Every task of the evaluator, by the name that `--tasks` takes."""

from __future__ import annotations

from train.evaluation.pair_set import PAIR_SET
from train.evaluation.task import Task
from train.probes.task import PROBE

TASKS: dict[str, Task] = {"pair-set": PAIR_SET, "probe": PROBE}
