"""Why a signature is no good: each reason in words of its own (advisory U3)."""

from __future__ import annotations


class BadSignatureError(Exception):
    """Says why: the part of a sentence that follows what was to be signed ("commit 1234 …")."""


def cannot_be_read(why: str = "") -> BadSignatureError:
    """A signature that is broken."""
    return BadSignatureError(f"has a signature that cannot be read{': ' if why else ''}{why}")


def of_another_key(fingerprint: str) -> BadSignatureError:
    """A signature by somebody who is not listed."""
    return BadSignatureError(f"is signed by a key that is not among verify.keys ({fingerprint})")


def of_other_content(fingerprint: str) -> BadSignatureError:
    """A signature by a listed key that does not fit."""
    return BadSignatureError(f"has a signature of key {fingerprint} that was made for something else")
