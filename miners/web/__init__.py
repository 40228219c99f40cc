"""Neighbouring text from web crawls: WARC and WET records in, pairs of adjacent passages out."""

from miners.web.extraction import paragraphs
from miners.web.mining import mine_batches, mine_records
from miners.web.passages import PassageConfig, neighbor_pairs
from miners.web.record_reader import read_records
from miners.web.web_config import WebConfig

__all__ = ["PassageConfig", "WebConfig", "mine_batches", "mine_records", "neighbor_pairs", "paragraphs", "read_records"]
