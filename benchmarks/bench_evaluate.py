"""Time of CoSQA-sized retrieval beside sentence-transformers' own encoding of the same texts, in one run.

``python benchmarks/bench_evaluate.py [--model FOLDER] [--sources FOLDER]``

Queries are the first sentences of documentation, functions are Python's own (the standard library by default), as many
as CoSQA has: 500 and 6,000. The evaluator encodes, searches, makes BM25's row, all metrics and their intervals;
sentence-transformers only encodes, with its default batch size. Both run in this process with the same threads, in
turns, and CPU seconds are compared. Without --model the weights are random, in MiniLM-L6's shape: the time is the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import json
import sysconfig
import tempfile
import time
from collections.abc import Callable

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from miners.code import functions
from train.command_line import CommandParser
from train.evaluate import main as evaluate
from train.evaluation.code_search_files import COSQA_CODE, COSQA_QUERIES

BAR = 1.2
LENGTH = 256
"""Tokens that MiniLM-L6 reads."""


def write_cosqa(folder: Path, sources: Path, queries: int, candidates: int) -> tuple[list[str], list[str]]:
    """CoSQA's two files, made of documented functions; the queries and the functions."""
    codes: dict[str, int] = {}
    asked: list[dict[str, object]] = []
    for path in sorted(sources.rglob("*.py")):
        for function in functions(path.read_bytes(), "python", str(path)):
            if function.code in codes:
                continue
            if function.summary and len(asked) < queries:
                asked.append({"idx": f"q{len(asked)}", "doc": function.summary, "retrieval_idx": len(codes)})
            codes[function.code] = len(codes)
            if len(codes) == candidates:
                break
        if len(codes) == candidates:
            break
    if len(codes) < candidates or len(asked) < queries:
        raise ValueError(f"{sources} has {len(codes):,} functions, {len(asked):,} of them documented: too few")
    folder.mkdir(parents=True)
    (folder / COSQA_CODE).write_text(json.dumps(codes))
    (folder / COSQA_QUERIES).write_text(json.dumps(asked))
    return [str(one["doc"]) for one in asked], list(codes)


def write_model(folder: Path, texts: list[str]) -> None:
    """A sentence-transformers folder in MiniLM-L6's shape with random weights and a vocabulary of the texts."""
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=30_522, special_tokens=[*special.values()], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    base = folder.with_name("base")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **special).save_pretrained(base)
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    BertModel(BertConfig(vocab_size=30_522, **shape)).save_pretrained(base)
    word = Transformer(str(base), max_seq_length=LENGTH)
    SentenceTransformer(modules=[word, Pooling(384)], device="cpu").save(str(folder))


def cpu_seconds_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process while it works."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> int:
    parser = CommandParser(prog="bench_evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a sentence-transformers folder (default: random weights of MiniLM-L6's shape)")
    parser.add_argument(
        "--sources",
        default=sysconfig.get_paths()["stdlib"],
        help="folder of Python files (default: the standard library)",
    )
    parser.add_argument("--queries", type=int, default=500, help="default: 500")
    parser.add_argument("--functions", type=int, default=6000, help="default: 6000")
    parser.add_argument("--rounds", type=int, default=1, help="of both, in turns; the best of each counts (default: 1)")
    args = parser.parse(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="bench-evaluate-") as place:
        cosqa = Path(place) / "cosqa"
        try:
            queries, codes = write_cosqa(cosqa, Path(args.sources), args.queries, args.functions)
        except ValueError as error:
            parser.error(str(error))
        model = args.model or str(Path(place) / "model")
        if not args.model:
            write_model(Path(model), [*queries, *codes])
        peer = SentenceTransformer(model, device="cpu")
        peer.encode(queries[:8])
        ours, theirs = [], []
        for _ in range(args.rounds):
            theirs.append(cpu_seconds_of(lambda: (peer.encode(queries), peer.encode(codes))))
            ours.append(cpu_seconds_of(lambda: evaluate([model, "--cosqa", str(cosqa), "--device", "cpu", "--quiet"])))
    ratio = min(ours) / min(theirs)
    print(f"{args.queries:,} queries, {args.functions:,} functions, {model if args.model else 'random weights'}")
    print(f"sentence-transformers, encoding alone  {min(theirs):8.1f} CPU s")
    print(f"pairmill evaluate, all of it           {min(ours):8.1f} CPU s   {ratio:.2f} x (bar: {BAR} x)")
    return int(ratio > BAR)


if __name__ == "__main__":
    sys.exit(main())
