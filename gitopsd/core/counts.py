"""How many there are of something, in words."""

from __future__ import annotations


def counted(count: int, nouns: str) -> str:
    """`1 repository`, `2 repositories`; `nouns` is the plural of a word that forms it by -s or -ies."""
    if count != 1:
        return f"{count} {nouns}"
    return f"1 {nouns.removesuffix('ies')}y" if nouns.endswith("ies") else f"1 {nouns.removesuffix('s')}"
