"""Amounts of memory as Kubernetes writes them (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""

from __future__ import annotations

import re

EXPECTED = "expected an amount of memory such as 512Mi or 1Gi, or a number of bytes"
LARGEST_BYTES = 2**50

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_AMOUNT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(|k|M|G|T|Ki|Mi|Gi|Ti)", re.ASCII)


def parse_memory(value: object) -> int:
    """Bytes. Raises `ValueError` whose text says what was expected."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value < LARGEST_BYTES
    amount = _AMOUNT.fullmatch(str(value)) if whole or isinstance(value, str) else None
    if amount is None:
        raise ValueError(EXPECTED)
    size = int(float(amount[1]) * _UNITS[amount[2]])
    if not 0 < size <= LARGEST_BYTES:
        raise ValueError(EXPECTED)
    return size
