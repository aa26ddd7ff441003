"""The hash chain of the record: each entry's hash covers the text of the entry and the hash before it."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.canonical import sha256

GENESIS = "0" * 64


@dataclass(frozen=True)
class Link:
    """One entry as the chain sees it."""

    seq: int
    prev: str
    text: str
    hash: str


def next_hash(prev: str, text: str) -> str:
    """Hash an entry that follows `prev` (64 hexadecimal digits, so the two parts cannot be shifted)."""
    return sha256(prev + text)


def broken_at(links: Iterable[Link], start: int = 1, prev: str = GENESIS) -> str | None:
    """Follow the chain in order and say, in words, where it first breaks; None when it holds."""
    expected = start
    for link in links:
        if link.seq != expected:
            return f"entry {expected} is missing (found {link.seq})"
        if link.prev != prev:
            return f"entry {link.seq} does not follow the entry before it"
        if next_hash(prev, link.text) != link.hash:
            return f"entry {link.seq} was changed after it was written"
        prev, expected = link.hash, expected + 1
    return None
