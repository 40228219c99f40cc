"""Real processes over gloo, forked from one interpreter that has loaded torch.

``worlds.py parity RESULT`` writes RESULT.2 and RESULT.4, JSON of how far the gradients of worlds of two and four are
from one process's; ``worlds.py train SIZE ARGUMENT …`` is ``torchrun --nproc-per-node SIZE train/run.py ARGUMENT …``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from tests.train.test_gradcache import batch, bert, static
from train.encoder import Encoder
from train.gradcache import embed_and_backward
from train.graph_memory import ALL_GRAPHS
from train.loss import Identity, Temperature, matryoshka_info_nce
from train.processes import ALONE, Processes
from train.run import main

ROWS = 24
ENCODERS: dict[str, Callable[[], Encoder]] = {"bert": bert, "static": static}
CASES = [
    *product(["bert"], ["symmetric"], [None, 1, 60, 10_000], [True, False], [()]),
    *product(["bert"], ["symmetric"], [60], [False], [()], [200, ALL_GRAPHS]),
    *product(["bert", "static"], ["anchor_to_positive", "symmetric with negatives"], [None, 60], [False], [()]),
    *product(["bert", "static"], ["four_directions"], [None, 60], [False], [(4,)]),
]


def in_world(size: int, work: Callable[..., object], *arguments: object) -> None:
    """Runs `work(*arguments)` in `size` processes that find each other as under torchrun."""
    fork = multiprocessing.get_context("fork")
    port = str(20_000 + os.getpid() % 20_000 + size)
    children = [fork.Process(target=_child, args=(rank, size, port, work, arguments)) for rank in range(size)]
    for child in children:
        child.start()
    for child in children:
        child.join(100)
        if child.exitcode != 0:
            raise SystemExit(f"a process of a world of {size} ended with {child.exitcode}")


def _child(rank: int, size: int, port: str, work: Callable[..., object], arguments: tuple) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    torch.set_num_threads(1)
    sys.exit(work(*arguments))


def known_identity() -> Identity:
    """Hashes and clusters of few values, so that many pairs of rows are known, within and across processes."""
    rng = np.random.default_rng(5)
    draw = lambda: torch.from_numpy(rng.integers(0, 60, ROWS))  # noqa: E731
    cells = np.unique(rng.integers(0, ROWS, (20, 2)), axis=0)
    return Identity(draw(), draw(), draw(), draw() % 2 == 0, (cells[:, 0].copy(), cells[:, 1].copy()))


def gradient(case: Sequence, processes: Processes) -> tuple[float, float, dict[str, torch.Tensor]]:
    """Loss, masked share and gradients of the global batch, as one process of the world has them."""
    name, kind, budget, is_sorted, dimensions, *kept = case
    torch.manual_seed(0)
    encoder = ENCODERS[name]().double().eval()
    temperature = Temperature().double()
    texts = batch(ROWS)
    if "negative" in kind:
        texts["negative"] = batch(ROWS + 1)["anchor"].take(np.arange(ROWS))
    if is_sorted:
        texts = {role: tokens.take(np.argsort(tokens.lengths)) for role, tokens in texts.items()}
    mine = processes.share(np.arange(ROWS))
    texts = {role: tokens.take(mine) for role, tokens in texts.items()}
    shares = []

    def loss_of(vectors: dict[str, torch.Tensor]) -> torch.Tensor:
        sides = (vectors["anchor"], vectors["positive"], vectors.get("negative"))
        settings = {"known": known_identity(), "kind": kind.split()[0], "processes": processes, "block": 5}
        loss, share = matryoshka_info_nce(dimensions, sides, temperature(), **settings)
        shares.append(share)
        return loss

    loss = float(embed_and_backward(encoder, texts, loss_of, budget, *kept))
    parameters = {**dict(encoder.named_parameters()), "temperature": temperature.log_scale}
    processes.average_gradients(parameters.values())
    return loss, shares[-1], {key: value.grad for key, value in parameters.items()}


@cache
def expected(name: str, kind: str, is_sorted: bool, dimensions: tuple[int, ...]) -> tuple:
    """What one process finds without GradCache."""
    return gradient((name, kind, None, is_sorted, dimensions), ALONE)


def difference(loss: float, share: float, got: dict[str, torch.Tensor], reference: tuple) -> dict[str, float]:
    """How far a result is from the reference: the largest relative error of a gradient, of the loss, of the share."""
    wanted_loss, wanted_share, wanted = reference
    # Some gradients are zero but for rounding: a key's bias shifts all its logits alike.
    largest = max(float(value.abs().max()) for value in wanted.values())
    real = {key: value for key, value in wanted.items() if value.abs().max() > 1e-12 * largest}
    worst = max(float((got[key] - value).abs().max() / value.abs().max()) for key, value in real.items())
    return {"gradient": worst, "loss": abs(loss / wanted_loss - 1), "share": share - wanted_share}


def parity(result: str) -> None:
    """Each case's largest relative error of a gradient against one process without GradCache, and of the loss."""
    dist.init_process_group("gloo")
    processes = Processes(dist.get_rank(), dist.get_world_size(), dist.group.WORLD)
    found = []
    for case in CASES:
        loss, share, got = gradient(case, processes)
        if processes.is_first:
            found.append({"case": case, **difference(loss, share, got, expected(case[0], case[1], *case[3:5]))})
    if processes.is_first:
        Path(f"{result}.{processes.size}").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    work, *rest = sys.argv[1:]
    if work == "parity":
        for size in (2, 4):
            in_world(size, parity, *rest)
    else:
        in_world(int(rest[0]), main, rest[1:])
