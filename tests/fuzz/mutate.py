"""Valid text and bytes, spoiled at random."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

TOKEN = re.compile(r"[A-Za-z_@][A-Za-z_0-9]*|[0-9.]+|[^\sA-Za-z0-9_]")
WORDS = (
    "-1", "65536", "1e30", "f16", "i5", "comptime_int", "type", ".{}", "{}", "undefined", "inline",
    "union", "extern", "0x7fffffffffff", "anytype", "void", "&a", "(((((", "[*]", '"', "'", "const",
    "var", "fn", "task", "comptime", "param", "struct", "enum", "while (true) {}", "true", "@range",
    "@zeros", "@as", "u16", "i16", "f32", "color", "0", "1", "32767", "break", "return", "continue",
    "=", "==", "+", "*", "<<", ">>", "!", "~", "&", "|", ",", ";", ":", ".", "(", ")", "{", "}",
    "[", "]", "->", "=>", "switch", "if", "else", "for", "a", "x", "main", "@get_dsd", "@map",
)  # fmt: skip


def _sort(word: str) -> str:
    return "word" if word[0].isalpha() or word[0] == "_" else word[0] if word[0] == "@" else "sign"


def tokens(text: str, rng: random.Random) -> str:
    """`text` with a few tokens removed, replaced, repeated, exchanged or inserted.

    Half of the changes put another word in a word's place, so that many results still parse.
    """
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        spans = [m.span() for m in TOKEN.finditer(text)]
        if not spans:
            return text
        start, end = rng.choice(spans)
        other = text[slice(*rng.choice(spans))]
        if rng.random() < 0.6:
            if _sort(other) == _sort(text[start:end]) or (other + text[start:end]).isalnum():
                text = text[:start] + other + text[end:]
            continue
        word = rng.choice([rng.choice(WORDS), other, other, "", chr(rng.randrange(1, 256))])
        keep = rng.choice([start, end])
        text = f"{text[:keep]}{word}{'' if keep == start else ' '}{text[end:]}"
    return text


def _flip(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] ^= 1 << rng.randrange(8)


def _set(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] = rng.choice([0, 10, 34, 39, 47, 64, 92, 123, 125, 127, 128, 255, rng.randrange(256)])


def _remove(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.choice([1, 1, 1, 2, 8, 64])]


def _repeat(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = data[at : at + rng.choice([1, 2, 8, 64])] * rng.choice([1, 1, 2, 20])


def _move(data: bytearray, at: int, rng: random.Random) -> None:
    other = rng.randrange(len(data))
    data[at:at] = data[other : other + rng.choice([1, 4, 16])]


def _cut(data: bytearray, at: int, rng: random.Random) -> None:
    if rng.random() < 0.2:
        del data[at:]


_CHANGES: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    _flip, _set, _remove, _repeat, _move, _cut,
)  # fmt: skip


def changed_bytes(content: bytes, rng: random.Random) -> bytes:
    """`content` with a few bytes flipped, set, removed, repeated, moved or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if data:
            rng.choice(_CHANGES)(data, rng.randrange(len(data)), rng)
    return bytes(data)
