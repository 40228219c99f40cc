"""What a pair is: the Arrow schema, ids and hashes, the manifest with its ledger, reading and verifying a set.

The bottom of the house: it imports neither the miners, nor Beam, nor torch.
"""

from schemas.manifest import Manifest, PairSetError
from schemas.pair import (
    DOCSTRING_CLASS,
    DOCSTRING_CODE,
    DOCSTRING_KINDS,
    DOCSTRING_MODULE,
    KINDS,
    NEIGHBOR_TEXT,
    SCHEMA,
    SPLITS,
    Pair,
    Provenance,
    Signals,
    make_pair,
)
from schemas.pair_set import read_manifest, read_pair_set

__all__ = [
    "DOCSTRING_CLASS",
    "DOCSTRING_CODE",
    "DOCSTRING_KINDS",
    "DOCSTRING_MODULE",
    "KINDS",
    "NEIGHBOR_TEXT",
    "SCHEMA",
    "SPLITS",
    "Manifest",
    "Pair",
    "PairSetError",
    "Provenance",
    "Signals",
    "make_pair",
    "read_manifest",
    "read_pair_set",
]
