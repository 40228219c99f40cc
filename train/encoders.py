"""Reading an embedding model: a folder that the trainer wrote, sentence-transformers' or Hugging Face's.

>>> encoder = load_encoder("RUN/model")                                     # doctest: +SKIP
>>> vectors = encoder.encode(["sorts a list"], side="anchor")               # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from train.encoder import Side, check_side, normalize_rows
from train.model_folder import read_settings


class TextEncoder(Protocol):
    """What `load_encoder` gives."""

    dimension: int

    def encode(self, texts: Sequence[str], side: Side = "anchor", batch_size: int = 256) -> np.ndarray:
        """Normalised float32 vectors of (texts, dimension)."""
        ...


def finite_vectors(encoder: TextEncoder, texts: Sequence[str], side: Side) -> np.ndarray:
    """What the encoder gives, as contiguous float32; FloatingPointError, with a text, where that is not finite."""
    vectors = np.ascontiguousarray(encoder.encode(texts, side=side), np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if bad.size:
        raise FloatingPointError(
            f"the model gives embeddings that are not finite for {bad.size:,} of {len(texts):,} {side}s, "
            f"first for {texts[bad[0]][:60]!r}"
        )
    return vectors


CPU_BATCH = 32
"""Texts at a time on a CPU: sentence-transformers' own default. 256 pad more and take a tenth longer there."""


class ForeignEncoder:
    """A sentence-transformers model in our shape: the anchor is its query, the positive its document."""

    def __init__(self, path: str, device: str) -> None:
        from sentence_transformers import SentenceTransformer

        try:
            self.model = SentenceTransformer(path, device=device, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(f"{path} is no model that sentence-transformers reads ({reason})") from None
        self.dimension = self.model.get_embedding_dimension()

    def encode(self, texts: Sequence[str], side: Side = "anchor", batch_size: int = 256) -> np.ndarray:
        """See `TextEncoder.encode`; prompts and routes are the model's own."""
        check_side(side)
        if not len(texts):
            return np.zeros((0, self.dimension), np.float32)
        batch_size = min(batch_size, CPU_BATCH) if self.model.device.type == "cpu" else batch_size
        encode = self.model.encode_query if side == "anchor" else self.model.encode_document
        return normalize_rows(encode(list(texts), batch_size=batch_size, show_progress_bar=False))


def load_encoder(path: str | Path, device: str = "cpu") -> TextEncoder:
    """The model of a folder (or, if no such folder is there, of a hub name), on `device`, ready to encode.

    Weights are read as safetensors; code that comes with a model is never run. ValueError where there is no model.
    """
    folder = Path(path)
    settings = read_settings(folder) if folder.is_dir() else None
    if settings is None:
        return ForeignEncoder(str(path), device)
    if settings["encoder"] == "static":
        from train.static_encoder import load_static

        return load_static(folder, settings).eval().to(device)
    from train.transformer_folder import load_transformer

    return load_transformer(folder, settings).eval().to(device)
