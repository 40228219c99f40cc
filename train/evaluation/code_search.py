"""The tasks `code-search`, on CodeSearchNet's files by its protocols, and `cosqa`, on CoSQA's retrieval files."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.evaluation.code_search_files import COSQA_CODE, COSQA_QUERIES, read_code_search, read_cosqa
from train.evaluation.collection_search import CollectionSearch
from train.evaluation.flags import known_names
from train.evaluation.paired_search import PROTOCOLS, PairedSearch
from train.evaluation.task import Prepared, Setting, Task

COSQA_METRICS = ("mrr", "ndcg@10", "recall@1", "recall@5", "recall@10")


def _add_code_search_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--code-search",
        nargs="+",
        metavar="PATH",
        help="CodeSearchNet's test files (.jsonl, .jsonl.gz), folders of them, or folders with a codebase.jsonl",
    )


def _prepare_code_search(args: argparse.Namespace, setting: Setting) -> Prepared:
    protocols = known_names(args.protocol, PROTOCOLS, "protocol")
    files = read_code_search(args.code_search)
    for note in files.notes:
        setting.journal.note(note)
    search = PairedSearch(
        task="code-search",
        data=files.name,
        rows=files.rows,
        protocols=protocols,
        strip_comments=args.strip_comments,
        mask_names=args.mask_names,
        device=setting.device,
        journal=setting.journal,
        is_asked=files.is_asked,
    )
    search.check()
    identity = {
        "paths": args.code_search,
        "queries": int(files.is_asked.sum()),
        "functions": len(files.rows),
        "code_base": files.cleaned,
    }
    return Prepared(identity, search.measure, search.baselines, search.item_texts)


def _add_cosqa_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cosqa", metavar="FOLDER", help=f"folder with {COSQA_QUERIES} and {COSQA_CODE}")


def _prepare_cosqa(args: argparse.Namespace, setting: Setting) -> Prepared:
    collection = read_cosqa(Path(args.cosqa), args.strip_comments)
    search = CollectionSearch(
        "cosqa", collection, COSQA_METRICS, setting.device, setting.journal, depth=len(collection.documents)
    )
    identity = {"folder": args.cosqa, "queries": len(collection.queries), "functions": len(collection.documents)}
    return Prepared(identity, search.measure, search.baselines, collection.item_texts)


CODE_SEARCH = Task(
    "functions by their documentation, from CodeSearchNet's files",
    "--code-search",
    _add_code_search_flags,
    _prepare_code_search,
)
COSQA = Task("functions by web queries, from CoSQA's retrieval files", "--cosqa", _add_cosqa_flags, _prepare_cosqa)
