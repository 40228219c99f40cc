"""Tokenizers trained on the shards, for encoders whose base has none.

All splitting of identifiers (camelCase, snake_case, letters from digits) is done inside the tokenizer itself, so that
whoever loads the exported `tokenizer.json` cuts a text as the trainer did. Training is a function of the texts, which
are read twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from schemas.token_rows import cut_texts
from train.ragged import Ragged

UNKNOWN, PADDING, OPENING, CLOSING, MASK = "[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"

# A blank where a capital starts a word: fooBar -> foo Bar, HTTPServer -> HTTP Server.
_CAMEL = Regex(r"(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})")
_WORDS = Regex(r"[\p{L}\p{M}]+|\p{N}+")
_WORDS_AND_MARKS = Regex(r"[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}_]")
# A letter that texts hardly ever hold, before each word of a function's head: what stands up to the first round
# bracket of the first line that is no decorator. The bracket itself becomes a character that ends the head.
NAME_MARK, _HEAD_END = "\u02ee", "\u0001"
_HEAD = Regex(r"\A(?:\s*@[^\n]*\n)*[^(\n]*\K\(")
_WORD_OF_HEAD = Regex(r"(?<![\p{L}\p{M}])(?=\p{L}[^\x01\n]*\x01)")
# A longer piece is data (base64, hashes), not language.
_LONGEST_PIECE = 24
_LARGEST_ALPHABET = 4000


def train_word_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Words and pieces of words without marks, for a bag. `vocabulary` counts tokens, `UNKNOWN` among them.

    Each has a twin behind them, for words of a function's head (`NAME_MARK` and the same token): see `plain_tokens`.
    """
    return _with_names(_train(_pieces(_WORDS), texts, vocabulary, [UNKNOWN]))


def plain_tokens(tokenizer: Tokenizer) -> np.ndarray:
    """Of each token, the one that it is outside of a function's head: itself, or its twin. int64."""
    known = tokenizer.get_vocab()
    plain = np.arange(len(known))
    for token, number in known.items():
        if len(token) > 1 and token[0] == NAME_MARK:
            plain[number] = known[token[1:]]
    return plain


def train_marked_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Words, pieces and marks, framed as BERT frames them, for a small Transformer."""
    tokenizer = _pieces(_WORDS_AND_MARKS)
    _train(tokenizer, texts, vocabulary, [PADDING, UNKNOWN, OPENING, CLOSING, MASK])
    frame = [(name, tokenizer.token_to_id(name)) for name in (OPENING, CLOSING)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{OPENING} $A {CLOSING}", pair=f"{OPENING} $A {CLOSING} $B {CLOSING}", special_tokens=frame
    )
    return tokenizer


def cut_tokens(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Ragged:
    """The first `length` tokens of each text, nothing added."""
    ids, lengths = cut_texts(tokenizer, texts, length)
    return Ragged(ids.astype(np.int64), np.concatenate([[0], np.cumsum(lengths)]))


def _pieces(words: Regex) -> Tokenizer:
    # Byte-pair encoding, because its training is a function of the texts: WordPiece's numbers its pieces in the order
    # of a randomly seeded hash table, so that two runs on the same pairs would differ.
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(_CAMEL, " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(words, behavior="removed", invert=True)
    return tokenizer


def _with_names(tokenizer: Tokenizer) -> Tokenizer:
    """The same, and words of a function's head are cut as any other, their first piece into its twin."""
    definition = json.loads(tokenizer.to_str())
    steps = [
        normalizers.NFKC(),
        normalizers.Replace(_HEAD, _HEAD_END),
        normalizers.Replace(_CAMEL, " "),
        normalizers.Lowercase(),
        normalizers.Replace(_WORD_OF_HEAD, NAME_MARK),
    ]
    vocabulary, merges = definition["model"]["vocab"], definition["model"]["merges"]
    plain = [token for token in vocabulary if token != UNKNOWN and NAME_MARK not in token]
    vocabulary.setdefault(NAME_MARK, len(vocabulary))
    # The merges with the mark come last, when the word is in its pieces.
    for token in plain:
        vocabulary[NAME_MARK + token] = len(vocabulary)
        merges.append([NAME_MARK, token])
    named = Tokenizer.from_str(json.dumps(definition))
    named.normalizer = normalizers.Sequence(steps)
    return named


def _train(tokenizer: Tokenizer, texts: Iterable[str], vocabulary: int, special: list[str]) -> Tokenizer:
    if iter(texts) is texts:
        raise ValueError("the texts are read twice: hand in a list, or an object that can be iterated again")
    alphabet = _alphabet(tokenizer, texts, limit=min(_LARGEST_ALPHABET, max(vocabulary // 4, 64)))
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        max_token_length=_LONGEST_PIECE,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _alphabet(tokenizer: Tokenizer, texts: Iterable[str], limit: int) -> list[str]:
    """The commonest characters of the normalised texts. The trainer's own limit drops rare ones in a random order."""
    raw: Counter[str] = Counter()
    for text in texts:
        raw.update(text)
    counts: Counter[str] = Counter()
    for character, count in raw.items():
        for normal in tokenizer.normalizer.normalize_str(character):
            if not normal.isspace():
                counts[normal] += count
    return sorted(counts, key=lambda character: (-counts[character], character))[:limit]
