"""The task `retrieval`: sets in BEIR's layout, a folder each (MS MARCO, Natural Questions, every BEIR set, TREC's)."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.evaluation.beir_folder import read_beir
from train.evaluation.collection_search import CollectionSearch
from train.evaluation.flags import check_different_names
from train.evaluation.task import Prepared, Setting, Task, together
from train.evaluation.trec_metrics import read_run
from train.negatives.nearest import INDEXES, check_index

METRICS = ("ndcg@10", "mrr@10", "map", "recall@10", "recall@20", "recall@100")


def _add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--beir",
        nargs="+",
        metavar="FOLDER",
        help="folders with corpus.jsonl, queries.jsonl and qrels/NAME.tsv, each a set",
    )
    group.add_argument("--qrels", default="test", metavar="NAME", help="which of qrels/ judges (default: test)")
    group.add_argument(
        "--relevant-from",
        type=int,
        default=1,
        metavar="GRADE",
        help="lowest grade that MRR, MAP and recall count as relevant (default: 1; TREC DL passages: 2)",
    )
    group.add_argument("--code-documents", action="store_true", help="documents are code: BM25 splits identifiers")
    group.add_argument(
        "--index", default=INDEXES[0], choices=INDEXES, help="search by blocks, or by faiss's flat index in memory"
    )
    group.add_argument(
        "--rerank",
        metavar="RUN",
        help="order the candidate lists of this TREC run file anew, instead of searching all documents",
    )


def _prepare(args: argparse.Namespace, setting: Setting) -> Prepared:
    if args.relevant_from < 1:
        raise ValueError(f"--relevant-from {args.relevant_from} is below 1; grades from 1 on are relevant")
    if args.rerank and len(args.beir) > 1:
        raise ValueError("--rerank takes the run of one set; name one folder with --beir")
    check_index(args.index)
    check_different_names(args.beir)
    prepared = []
    for name in args.beir:
        collection = read_beir(Path(name), args.qrels, args.relevant_from, args.code_documents)
        for note in collection.notes:
            setting.journal.note(note)
        run = read_run(Path(args.rerank), collection.place_of) if args.rerank else None
        search = CollectionSearch(
            "retrieval", collection, METRICS, setting.device, setting.journal, index=args.index, run=run
        )
        search.check()
        identity = {
            "folder": name,
            "qrels": args.qrels,
            "queries": len(collection.queries),
            "documents": len(collection.documents),
            "relevant_from": args.relevant_from,
            "rerank": args.rerank,
        }
        prepared.append(Prepared(identity, search.measure, search.baselines, collection.item_texts))
    return together(prepared, "sets", args.beir)


RETRIEVAL = Task("retrieval from folders in BEIR's layout, beside BM25", "--beir", _add_flags, _prepare)
