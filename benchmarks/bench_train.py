"""A training step beside sentence-transformers' and beside the floor: one Transformer, the same pairs, one run.

``python benchmarks/bench_train.py --pairs PAIR_SET [--shape tiny] [--batch 4096] [--device cpu]``

The pairs are train rows of a pair set at their real lengths, the Transformer has random weights, and all sides take the
same global batches of it, cut into the same tokens, with the same loss (symmetric), optimizer, precision and share of
dropout (on a CPU pairmill and the floor draw its masks by `train.dropout_masks`, sentence-transformers as torch does).

- **pairmill**: steps of the trainer's own loop, with their data, as its metrics tell them; the first is not counted.
- **sentence-transformers**: `CachedMultipleNegativesRankingLoss`, forward, backward and AdamW. Its batches are cut into
  tokens and padded ahead of time and not counted. `--peer-batches` and `--peer-tokens` are its mini-batch sizes, tried
  on a quarter of a batch; the fastest is measured on whole batches.
- **the floor**: forward and backward of the batch's real tokens alone, without padding, loss, optimizer or data, plus
  the second forward of the chunks whose graphs pairmill does not keep; the faster of packed rows and of chunks of equal
  lengths.

Each is measured `--steps` times, and the fastest counts. On a CPU that others use too, believe the CPU seconds, with
one thread. Memory is what a process holds beyond what it held before its first step: on a GPU torch's peak, on a CPU
that of resident memory but for files', each side in its own process.

``--memory 1024,4096,16384`` measures pairmill's at several batches instead, ``--chunks 16384,65536`` its speed with
chunks of so many tokens, with dropout and without.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import os
import platform
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice, product
from typing import Any

import numpy as np
import torch
import transformers
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer
from transformers import AutoModel, BertConfig, LlamaConfig, PretrainedConfig, PreTrainedTokenizerFast

from schemas.pair_set import read_manifest, read_pair_set
from train.allocator import ONEDNN_CAPACITY, prepare_allocator
from train.batch_plan import BatchPlan
from train.building import build_plan, choose_kernels
from train.checkpoint import Origin
from train.dropout_masks import quicken_dropout
from train.encoder import SIDE_OF, SIDES, Role
from train.gradcache import Chunk, chunks_of, replayed_chunks
from train.graph_memory import settle_kept_tokens
from train.journal import Journal
from train.loss import Temperature
from train.processes import ALONE
from train.ragged import Ragged
from train.recipe import Recipe
from train.run_folder import RunFolder
from train.token_cache import SPLIT, TokenCache, open_or_make
from train.train_rows import TrainRows
from train.training import Learner, Material, texts_of, train
from train.transformer_encoder import TransformerEncoder
from train.word_tokenizer import CLOSING, MASK, OPENING, PADDING, UNKNOWN, train_marked_tokenizer

VOCABULARY = 16_000
BERT = {
    "tiny": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512},
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bert-base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
}
LLAMA = {
    "tiny-decoder": {
        "hidden_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "intermediate_size": 256,
    },
    "smollm2": {
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
    },
}
Features = dict[str, torch.Tensor]
PREPARE = "prepare"
PARTS = ("pairmill", "peer", "floor")


@dataclass(frozen=True)
class Cost:
    """Of one step: seconds by the clock, CPU seconds of the process."""

    wall: float
    cpu: float


class Bench:
    """What all sides share."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        """`folder` is the run's own; what is the same for every run may lie in the one that `args` names."""
        self.args, self.folder = args, folder
        self.prepared = Path(args.prepared or folder)
        self.device = torch.device(args.device)
        self.recipe = Recipe(
            encoder="small", pooling="mean", batch=args.batch, steps=args.steps + 1, epochs=None, seed=args.seed,
            anchor_length=args.anchor_length, positive_length=args.positive_length, precision=args.precision,
            chunk_tokens=args.chunk_tokens, gradcache=args.gradcache, graph_gib=args.graph_gib,
            attention=args.attention, compile=args.compile, checkpoint_every=10**9,
        )  # fmt: skip

    @cached_property
    def tokenizer(self) -> Tokenizer:
        path = self.prepared / "tokenizer.json"
        if not path.is_file():
            texts = [text for row in islice(_texts(self.args.pairs), 30_000) for text in row]
            train_marked_tokenizer(texts, VOCABULARY).save(str(path))
        return Tokenizer.from_file(self.args.tokenizer or str(path))

    def encoder(self) -> TransformerEncoder:
        """The same random weights each time."""
        torch.manual_seed(self.args.seed)
        names = {"pad": PADDING, "unk": UNKNOWN, "cls": OPENING, "sep": CLOSING, "mask": MASK}
        special = {f"{role}_token": token for role, token in names.items()}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=self.tokenizer, **special)
        model = AutoModel.from_config(_config(self.args, len(tokenizer), tokenizer.pad_token_id), dtype=torch.float32)
        model.config.use_cache = False
        encoder = TransformerEncoder(model, tokenizer, "mean", self.recipe.length)
        return encoder.to(self.device).train()

    @cached_property
    def rows(self) -> TrainRows:
        lengths = {"anchor": self.recipe.anchor_length, "positive": self.recipe.positive_length}
        cache: TokenCache = open_or_make(self.args.pairs, self.encoder(), lengths, self.prepared / "tokens")
        return TrainRows([cache])

    @cached_property
    def plan(self) -> BatchPlan:
        return build_plan(self.recipe, [self.args.pairs], self.rows)

    def texts(self, step: int) -> dict[Role, Ragged]:
        return texts_of(self.rows, self.plan.step(step), ALONE)

    def kept_tokens(self, encoder: TransformerEncoder) -> int:
        """What the trainer decides, written down once so that all sides speak of the same."""
        record = self.folder / f"graphs-{self.recipe.batch}-{self.recipe.chunk_tokens}-{self.args.dropout}.json"
        texts = self.texts(0)
        return settle_kept_tokens(self.recipe, encoder, texts, record, ALONE, is_resumed=record.is_file())

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16")

    def timed(self, work: Callable[[], object]) -> Cost:
        self.synchronize()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.synchronize()
        return Cost(time.perf_counter() - wall, time.process_time() - cpu)

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _config(args: argparse.Namespace, vocabulary: int, padding: int) -> PretrainedConfig:
    shared = {"vocab_size": vocabulary, "pad_token_id": padding}
    places = max(args.anchor_length, args.positive_length) + 2
    if args.shape in LLAMA:
        return LlamaConfig(**LLAMA[args.shape], **shared, max_position_embeddings=places)
    dropout = {"hidden_dropout_prob": args.dropout, "attention_probs_dropout_prob": args.dropout}
    return BertConfig(**BERT[args.shape], **shared, **dropout, max_position_embeddings=places)


def _texts(folder: str) -> Iterator[tuple[str, str]]:
    for batch in read_pair_set(folder, SPLIT).scanner(list(SIDES), batch_size=4096).to_batches():
        yield from zip(*(batch.column(side).to_pylist() for side in SIDES), strict=True)


class TimedRun(RunFolder):
    """A run's folder that notes the process's CPU seconds when a step's line is written."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        object.__setattr__(self, "cpu", [])

    def add_metrics(self, values: Mapping[str, Any]) -> None:
        super().add_metrics(values)
        self.cpu.append(time.process_time())


def pairmill(bench: Bench) -> tuple[list[Cost], dict[str, Any]]:
    """Steps of the trainer after the first, and what the last one's metrics say."""
    encoder = bench.encoder()
    choose_kernels(encoder, bench.recipe, Journal())
    learner = Learner(encoder, Temperature().to(bench.device))
    material = Material(bench.recipe, bench.plan, bench.rows, kept_tokens=bench.kept_tokens(encoder))
    with tempfile.TemporaryDirectory() as folder:
        run = TimedRun(Path(folder))
        train(material, learner, run, Origin((), "", ""), quiet=True)
        lines = [json.loads(line) for line in run.metrics.read_text(encoding="utf-8").splitlines()]
    steps = range(1, bench.args.steps + 1)
    tokens = [sum(len(ragged.ids) for ragged in bench.texts(step).values()) for step in steps]
    walls = [count / lines[step]["tokens_per_second"] for step, count in zip(steps, tokens, strict=True)]
    costs = [Cost(wall, run.cpu[step] - run.cpu[step - 1]) for step, wall in zip(steps, walls, strict=True)]
    replayed, padded = _replayed(bench, encoder)
    counted = {"real_share": lines[-1]["real_token_share"], "replayed_share": replayed / max(padded, 1)}
    return costs, {**counted, "packed": encoder.is_packed, "metrics": lines[-1]}


def peer(bench: Bench) -> tuple[list[Cost], dict[str, Any]]:
    """The fastest of its mini-batch sizes."""
    from sentence_transformers import SentenceTransformer

    batch = bench.recipe.batch
    tried = [{"mini_batch_size": size} for size in bench.args.peer_batches]
    tried += [{"mini_batch_size": batch, "mini_batch_num_tokens": size} for size in bench.args.peer_tokens]
    with tempfile.TemporaryDirectory() as folder:
        bench.encoder().save(Path(folder))
        model = SentenceTransformer(folder, device=str(bench.device)).train()
    features = [_peer_features(bench, step) for step in range(1, bench.args.steps + 1)]
    warm, part = (_first_rows(features[0], size) for size in (64, max(batch // 4, 2)))
    walls = {}
    for settings in tried:
        _peer_step(bench, model, warm, settings)()
        if len(tried) > 1:
            walls[str(settings)] = bench.timed(_peer_step(bench, model, part, settings)).wall
    best = min(tried, key=lambda settings: walls.get(str(settings), 0.0))
    costs = [bench.timed(_peer_step(bench, model, batch, best)) for batch in features]
    return costs, {"tried": walls, "settings": best, "real_share": _peer_share(features[0], best)}


def _peer_features(bench: Bench, step: int) -> list[Features]:
    """What its collator makes of a batch: each column padded to its longest text."""
    encoder, texts = bench.encoder(), bench.texts(step)
    padded = [encoder.padded(texts[side], side) for side in SIDES]
    return [{"input_ids": ids.to(bench.device), "attention_mask": mask.to(bench.device)} for ids, mask in padded]


def _first_rows(features: Sequence[Features], count: int) -> list[Features]:
    return [{name: value[:count] for name, value in side.items()} for side in features]


def _peer_step(
    bench: Bench,
    model: torch.nn.Module,
    features: Sequence[Features],
    settings: Mapping[str, int],
) -> Callable[[], None]:
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    directions = ("query_to_doc", "doc_to_query")
    loss = CachedMultipleNegativesRankingLoss(
        model, scale=1 / 0.07, directions=directions, partition_mode="per_direction", **settings
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)

    def work() -> None:
        with bench.autocast():
            value = loss([dict(side) for side in features], None)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return work


def _peer_share(features: Sequence[Features], settings: Mapping[str, int]) -> float:
    """Real tokens of those that it computes; a mini-batch is as wide as its longest text."""
    real = padded = 0
    for side in features:
        lengths = side["attention_mask"].sum(1).cpu().numpy()
        budget, start = settings.get("mini_batch_num_tokens"), 0
        while start < len(lengths):
            size = settings["mini_batch_size"]
            if budget:
                size = max(int(np.searchsorted(np.cumsum(lengths[start:]), budget, side="right")), 1)
            own = lengths[start : start + size]
            real, padded, start = real + int(own.sum()), padded + len(own) * int(own.max()), start + size
    return real / padded


def floor(bench: Bench) -> tuple[list[Cost], dict[str, Any]]:
    """Forward and backward of real tokens alone, in the faster of two layouts, and the second forward."""
    found: dict[str, list[Cost]] = {}
    encoders = {"equal lengths": bench.encoder(), "packed": bench.encoder()}
    if encoders["packed"].pack():
        del encoders["packed"]
    replayed, whole = _replayed(bench, encoders["equal lengths"])
    for step in range(bench.args.steps + 1):
        texts = bench.texts(step)
        if not step:  # a few rows, not counted
            texts = {role: tokens.take(np.arange(min(len(tokens), 256))) for role, tokens in texts.items()}
        for name, encoder in encoders.items():
            chunks = _bare_chunks(encoder, texts, bench.args.chunk_tokens, name == "packed")
            cost = bench.timed(partial(_both_ways, bench, encoder, texts, chunks))
            again = bench.timed(partial(_forward, bench, encoder, texts, chunks)) if replayed else Cost(0, 0)
            share = replayed / max(whole, 1)
            found.setdefault(name, []).append(Cost(cost.wall + share * again.wall, cost.cpu + share * again.cpu))
    best = min(found, key=lambda name: min(cost.wall for cost in found[name][1:]))
    return found[best][1:], {"layout": best, "real_share": 1.0, "replayed_share": replayed / max(whole, 1)}


def _replayed(bench: Bench, encoder: TransformerEncoder) -> tuple[int, int]:
    """Padded tokens of a step that pairmill embeds twice, and all of them."""
    budget = bench.recipe.chunk_tokens
    chunks = chunks_of(encoder, bench.texts(1), budget)
    again = replayed_chunks(chunks, budget, bench.kept_tokens(encoder))
    return sum(chunk.tokens for chunk in again), sum(chunk.tokens for chunk in chunks)


def _bare_chunks(
    encoder: TransformerEncoder, texts: Mapping[Role, Ragged], budget: int, is_packed: bool
) -> list[Chunk]:
    """Chunks without padding: as the trainer cuts them where packed, else of rows of one length."""
    if is_packed:
        return chunks_of(encoder, texts, budget)
    found = []
    for role, tokens in texts.items():
        for length in np.unique(tokens.lengths):
            rows = np.flatnonzero(tokens.lengths == length)
            size = max(budget // max(int(length), 1), 1)
            found += [Chunk(role, rows[at : at + size], 0) for at in range(0, len(rows), size)]
    return found


def _both_ways(
    bench: Bench, encoder: TransformerEncoder, texts: Mapping[Role, Ragged], chunks: Sequence[Chunk]
) -> None:
    for chunk in chunks:
        with bench.autocast():
            vectors = encoder.embed(texts[chunk.role].take(chunk.rows), SIDE_OF[chunk.role])
        vectors.backward(torch.ones_like(vectors))
    encoder.zero_grad(set_to_none=True)


@torch.no_grad()
def _forward(bench: Bench, encoder: TransformerEncoder, texts: Mapping[Role, Ragged], chunks: Sequence[Chunk]) -> None:
    for chunk in chunks:
        with bench.autocast():
            encoder.embed(texts[chunk.role].take(chunk.rows), SIDE_OF[chunk.role])


WORK = {"pairmill": pairmill, "peer": peer, "floor": floor}


def prepare(bench: Bench) -> dict[str, Any]:
    """What all sides read is written in a process of its own: what it leaves behind in memory is in no figure."""
    return {"rows": bench.rows.rows}


def measure(bench: Bench, part: str) -> dict[str, Any]:
    """One side, in this process."""
    prepare_allocator()
    if part != "peer":  # as `train/run.py` does; sentence-transformers draws dropout's masks as torch does
        quicken_dropout()
    _ = bench.plan, bench.encoder()
    with _Memory(bench.device) as memory:
        costs, more = WORK[part](bench)
    best, cpu, pairs = min(costs, key=lambda cost: cost.wall), min(cost.cpu for cost in costs), bench.plan.batch
    figures = {"seconds": best.wall, "pairs_per_second": pairs / best.wall, "pairs_per_cpu_second": pairs / cpu}
    return {**figures, "peak_memory_mb": memory.peak / 1e6, **more}


class _Memory:
    """What a process comes to hold: on a GPU torch's peak; on a CPU its own pages, looked at fifty times a second,
    without those of files that it reads in place, which the system takes back when it likes.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._ended = device, threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0.0
        """Bytes more than at the start."""

    def __enter__(self) -> _Memory:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        self._before = self._held()
        if self._device.type != "cuda":
            self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join()
        else:
            self.peak = self._held() - self._before

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.peak = max(self.peak, self._held() - self._before)

    def _held(self) -> float:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        status = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


def in_a_process(args: argparse.Namespace, part: str, folder: Path, **changed: object) -> dict[str, Any]:
    """`measure` in a process of its own."""
    given = json.dumps(vars(args) | changed | {"part": part, "folder": str(folder)})
    command = [sys.executable, __file__, "--pairs", "", "--child", given]
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads), "TOKENIZERS_PARALLELISM": "true"}
    if part in ("peer", "floor"):  # what saves memory is the trainer's own choice, and no cost of theirs
        environment[ONEDNN_CAPACITY] = "1024"
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"measuring {part} failed")
    return json.loads(done.stdout.splitlines()[-1])


def child(given: dict[str, Any]) -> None:
    args = argparse.Namespace(**given)
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    bench = Bench(args, Path(args.folder))
    print(json.dumps(prepare(bench) if args.part == PREPARE else measure(bench, args.part)))


def compare(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All parts asked for, and the table of them."""
    found = {part: in_a_process(args, part, folder) for part in PARTS if part in args.only}
    title = f"{args.shape}, batch {args.batch:,}, {args.device}, {args.precision}, gradcache {args.gradcache}"
    names = {"pairmill": "pairmill", "peer": "sentence-transformers", "floor": "floor"}
    table = Table("", "pairs/s", "seconds", "pairs per CPU s", "real tokens", "embedded twice", "peak MB", title=title)
    for part, one in found.items():
        twice = {"peer": 1.0}.get(part, one.get("replayed_share", 0.0))
        figures = f"{one['pairs_per_second']:,.0f}", f"{one['seconds']:.2f}", f"{one['pairs_per_cpu_second']:,.1f}"
        table.add_row(
            names[part], *figures, f"{one['real_share']:.3f}", f"{twice:.2f}", f"{one['peak_memory_mb']:,.0f}"
        )
    Console(width=110).print(table)
    others = [part for part in found if part != "pairmill" and "pairmill" in found]
    rates = ("pairs_per_second", "pairs_per_cpu_second")
    ratios = {part: {rate: found["pairmill"][rate] / found[part][rate] for rate in rates} for part in others}
    for part, ratio in ratios.items():
        clock, cpu = (ratio[rate] for rate in rates)
        print(f"pairmill beside {names[part]}: {clock:.2f} times its pairs a second, {cpu:.2f} by CPU seconds")
    if "peer" in found:
        print(f"sentence-transformers' settings: {found['peer']['settings']}, of {found['peer']['tried']}")
    return {"parts": found, "ratios": ratios}


def memory(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Peak memory of pairmill's steps with every graph but one freed, at several batches."""
    found = {}
    table = Table(
        "batch", "peak MB", "of the smallest", "pairs/s", title=f"{args.shape}, gradcache full, {args.device}"
    )
    for batch in args.memory:
        one = in_a_process(args, "pairmill", folder, batch=batch, gradcache="full")
        found[batch] = {name: one[name] for name in ("peak_memory_mb", "pairs_per_second")}
        share = one["peak_memory_mb"] / found[args.memory[0]]["peak_memory_mb"]
        table.add_row(f"{batch:,}", f"{one['peak_memory_mb']:,.0f}", f"{share:.2f}", f"{one['pairs_per_second']:,.0f}")
    Console(width=110).print(table)
    return {"memory": found}


def chunks(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Speed of pairmill's steps by the size of its chunks, with dropout and without."""
    found = []
    names = ("chunk tokens", "dropout", "pairs/s", "HFU", "MFU", "embedded twice", "peak MB")
    table = Table(*names, title=f"{args.shape}, batch {args.batch:,}, {args.device}, {args.precision}")
    for size, dropout in product(args.chunks, dict.fromkeys((args.dropout, 0.0))):
        one = in_a_process(args, "pairmill", folder, chunk_tokens=size, dropout=dropout)
        found.append({"chunk_tokens": size, "dropout": dropout, **one})
        hfu, mfu = (f"{one['metrics'][name]:.3f}" for name in ("hfu", "mfu"))
        rest = f"{one['replayed_share']:.2f}", f"{one['peak_memory_mb']:,.0f}"
        table.add_row(f"{size:,}", f"{dropout}", f"{one['pairs_per_second']:,.0f}", hfu, mfu, *rest)
    Console(width=110).print(table)
    return {"chunks": found}


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--pairs", required=True, help="a pair set's folder")
    add("--device", default="cpu")
    add("--threads", type=int, default=os.cpu_count(), help="of the CPU")
    add("--seed", type=int, default=0)
    add("--shape", choices=[*BERT, *LLAMA], default="tiny")
    add("--dropout", type=float, default=0.1, help="of BERT's hidden states and attention")
    add("--tokenizer", help=f"a tokenizer.json (one of {VOCABULARY:,} tokens is trained on the pairs)")
    add("--prepared", help="a folder that keeps the tokenizer and the tokens for further runs (none is kept)")
    add("--batch", type=int, default=4096)
    add("--anchor-length", type=int, default=126)
    add("--positive-length", type=int, default=254)
    add("--precision", choices=["float32", "bfloat16"], default="float32")
    add("--chunk-tokens", type=int, default=16_384)
    add("--gradcache", choices=["auto", "full", "off"], default="auto")
    add("--graph-gib", type=float)
    add("--attention", choices=["auto", "padded"], default="auto")
    add("--compile", action="store_true")
    add("--steps", type=int, default=2, help="measured; the fastest counts")
    add("--peer-batches", type=_numbers, default=[16, 32, 64, 128], help="mini_batch_size tried (16,32,64,128)")
    add("--peer-tokens", type=_numbers, default=[4096, 16_384], help="mini_batch_num_tokens tried (4096,16384)")
    add("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    add("--memory", type=_numbers, default=[], help="measure memory at these batches instead")
    add("--chunks", type=_numbers, default=[], help="measure speed with chunks of so many tokens instead")
    add("--json", help="a file for everything that was found")
    add("--child", help=argparse.SUPPRESS)
    return parser


def main() -> None:
    args = _parser().parse_args()
    if args.child:
        child(json.loads(args.child))
        return
    rows = read_manifest(args.pairs).splits.get(SPLIT, 0)
    if rows < max(args.memory or [args.batch]):
        raise SystemExit(f"{args.pairs} has {rows:,} train rows; give a smaller --batch, or more pairs")
    with tempfile.TemporaryDirectory() as folder:
        in_a_process(args, PREPARE, Path(folder))
        found = (memory if args.memory else chunks if args.chunks else compare)(args, Path(folder))
    if args.json:
        names = ("torch", "transformers", "sentence-transformers")
        versions = {name: version(name) for name in names if find_spec(name.replace("-", "_"))}
        machine = torch.cuda.get_device_name() if args.device.startswith("cuda") else platform.processor()
        about = {"command": sys.argv, "versions": versions, "machine": machine, "python": platform.python_version()}
        Path(args.json).write_text(json.dumps(about | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
