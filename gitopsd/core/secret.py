"""A secret value that cannot be shown by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A password, token or key. Has no serialiser: printing, formatting and pickling show nothing of it, or raise.

    `reveal()` is the only way to the value; call it where the value is used and keep the answer in no field.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied into another form")
