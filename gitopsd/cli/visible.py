"""The one function that foreign text passes on its way to a terminal (advisory X7)."""

from __future__ import annotations

import unicodedata

_AROUND = " \t\n"


def visible(text: str) -> str:
    """`text` on one line: control, bidirectional and other invisible characters as `\\u001b`, line ends as spaces.

    Repositories and clusters hold what anybody wrote: it must not move the cursor, set a title or hide its order.
    """
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text.replace("\r\n", "\n").strip(_AROUND))


def is_harmless(text: str) -> bool:
    """Whether `text` can stand as it is, line ends aside."""
    return text.isprintable() or all(_stands(char) or char in "\n\t" for char in text)


def _stands(char: str) -> bool:
    # Spaces of other scripts are not printable for Python, and do no harm.
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _shown(char: str) -> str:
    if _stands(char):
        return char
    if char in "\n\t":
        return " "
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
