"""How many graphs a step keeps: as many as the memory at hand holds, decided once a run and written down.

A graph's bytes for a padded token are counted on the longest chunks of the first step, where they are highest. On a GPU
the memory at hand is what is free beside the optimizer, the working memory of a chunk and the loss; on a CPU it is the
recipe's `graph_gib`, since what is free there is not ours to take. A resumed run reads what was decided, because the
order in which gradients are added up follows from it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from train.encoder import SIDE_OF, Encoder, Role
from train.gradcache import RandomState, chunks_of
from train.loss import BLOCK_CELLS
from train.processes import Processes
from train.ragged import Ragged
from train.recipe import Recipe

ALL_GRAPHS = sys.maxsize
CPU_GIB = 1.0
_GIB = 1 << 30
_USED_OF_FREE = 0.85
"""Of a GPU's free memory; the rest is for the allocator's gaps."""
_WORKING_GRAPHS = 3
"""A chunk in work takes its own graph, its gradients, and the kernels' space, each no larger than the graph."""
_STATES = 3
"""Of a trained weight: its gradient and the optimizer's two moments."""


@dataclass(frozen=True)
class GraphBytes:
    """What the graphs of the longest chunks take."""

    per_token: float
    """Of a padded token, in the chunk where it is highest."""
    largest: int
    """Of the largest graph."""


def settle_kept_tokens(
    recipe: Recipe,
    encoder: Encoder,
    texts: Mapping[Role, Ragged],
    record: Path,
    processes: Processes,
    *,
    is_resumed: bool,
) -> int:
    """The padded tokens of a step whose graphs are kept, the same for all processes; `texts` are those of a first step.

    Reads and writes `record`.
    """
    if recipe.gradcache == "full" or recipe.chunk_tokens is None:
        return 0
    if recipe.gradcache == "off":
        return ALL_GRAPHS
    made_for = _made_for(recipe, encoder, processes)
    known = _read(record) if is_resumed else {}
    if _lowest(int(known.get("made_for") == made_for), encoder, processes):
        return int(known["kept_tokens"])
    measured = measure_graphs(encoder, texts, recipe.chunk_tokens, recipe.precision)
    room = _room(recipe, encoder, measured, sum(map(len, texts.values())) * processes.size)
    kept = _lowest(int(room / max(measured.per_token, 1.0)), encoder, processes)
    if processes.is_first:
        values = {"kept_tokens": kept, "graph_bytes_per_token": measured.per_token, "made_for": made_for}
        record.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return kept


def measure_graphs(encoder: Encoder, texts: Mapping[Role, Ragged], budget: int, precision: str) -> GraphBytes:
    """Counts what backward will need of each role's longest chunk: the storages that its graph holds, weights aside."""
    before = RandomState.capture(encoder.device)
    per_token, largest, seen = 0.0, 0, set()
    for chunk in chunks_of(encoder, texts, budget):
        if chunk.role in seen:
            continue
        seen.add(chunk.role)
        with torch.autocast(encoder.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            size = _graph_bytes(encoder, texts[chunk.role].take(chunk.rows), chunk.role)
        per_token, largest = max(per_token, size / chunk.tokens), max(largest, size)
    before.restore(encoder.device)
    return GraphBytes(per_token, largest)


def _lowest(value: int, encoder: Encoder, processes: Processes) -> int:
    return -int(processes.highest(torch.tensor(-value, dtype=torch.int64, device=encoder.device)))


def _graph_bytes(encoder: Encoder, tokens: Ragged, role: Role) -> int:
    weights = {value.untyped_storage().data_ptr() for value in (*encoder.parameters(), *encoder.buffers())}
    held: dict[int, int] = {}

    def note(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        graph = encoder.embed(tokens, SIDE_OF[role])
        size = sum(held.values())
        del graph
    return size


def _room(recipe: Recipe, encoder: Encoder, measured: GraphBytes, texts: int) -> float:
    """Bytes for kept graphs; `texts` are those of a global batch."""
    if recipe.graph_gib is not None:
        return recipe.graph_gib * _GIB
    if encoder.device.type != "cuda":
        return CPU_GIB * _GIB
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info(encoder.device)[0]
    vectors = 4 * texts * encoder.dimension * 4
    blocks = 2 * BLOCK_CELLS * 4
    taken = _STATES * _trained_bytes(encoder) + _WORKING_GRAPHS * measured.largest + vectors + blocks
    return max(_USED_OF_FREE * free - taken, 0.0)


def _trained_bytes(module: nn.Module) -> int:
    return sum(value.numel() * value.element_size() for value in module.parameters() if value.requires_grad)


def _made_for(recipe: Recipe, encoder: Encoder, processes: Processes) -> dict[str, str | int | float | None]:
    """What the decision hangs on beside the data: another machine or number of processes decides anew."""
    is_gpu = encoder.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(encoder.device) if is_gpu else encoder.device.type,
        "processes": processes.size,
        "chunk_tokens": recipe.chunk_tokens,
        "graph_gib": recipe.graph_gib,
        "precision": recipe.precision,
        "attention": recipe.attention,
    }


def _read(record: Path) -> dict:
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
