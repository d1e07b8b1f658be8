"""Who signed a commit or an annotated tag, read from git's objects themselves (advisory U3).

`head` wants the tag or the commit itself signed by a listed key. `strict` wants that of every ancestor too, back to the
beginning or to a seal: a signed commit with the trailer `Argocd-gpg-seal: REASON` in its message, which vouches for
all before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from gitopsd.core.jsonvalue import JsonObject, JsonValue, sequence, text
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import mirror, openpgp, sshsig
from gitopsd.sources.worker.verdict import BadSignatureError, cannot_be_read

_SEAL: Final = re.compile(rb"^argocd-gpg-seal:[ \t]*\S", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Signed:
    """What was signed, and the armored signature; `parents` of a commit."""

    payload: bytes
    signature: bytes | None
    parents: Sequence[str]
    message: bytes


class _Keys:
    """The listed keys of both kinds."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._ssh = sshsig.keys(line for item in texts if "-----BEGIN PGP" not in item for line in _lines(item))
        self._ring = openpgp.KeyRing([item for item in texts if "-----BEGIN PGP" in item])

    def verify(self, signed: _Signed) -> str:
        """Whose signature it is; raises `BadSignatureError`."""
        if signed.signature is None:
            raise BadSignatureError("is not signed")
        armored = signed.signature.strip()
        if not armored:
            raise BadSignatureError("has an empty signature")
        if armored.startswith(sshsig.BEGIN):
            return sshsig.verify(armored, signed.payload, self._ssh)
        if armored.startswith(openpgp.BEGIN):
            return self._ring.verify(armored, signed.payload)
        raise cannot_be_read("it is neither OpenPGP's nor SSH's")


def verify(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `commit`, `tag` ({"ref", "name"}: where a tag lies in the mirror and its own name, or empty), `mode`,
    `keys`, `known` (commits verified strictly before) → `{"signers": [fingerprints], "commits": how many}`.

    Raises `Failure` of kind SIGNATURE.
    """
    repository = mirror.opened(text(request, "mirror"))
    commit = text(request, "commit")
    try:
        keys = _Keys([str(key) for key in sequence(request, "keys")])
    except (ValueError, IndexError) as error:
        raise Failure(FailureKind.SIGNATURE, f"a key of verify.keys cannot be used: {error}") from None
    signers = {_tip(repository, commit, text(request, "tag", "ref"), text(request, "tag", "name"), keys)}
    count = 1
    if text(request, "mode") == "strict":
        known = {str(item) for item in sequence(request, "known")}
        count = _walk(repository, commit, keys, known, signers)
    return {"signers": [*sorted(signers)], "commits": count}


def _tip(repository: pygit2.Repository, commit: str, ref: str, name: str, keys: _Keys) -> str:
    """A tag with a signature answers for its commit; where it has none, the commit answers for itself."""
    tag = repository.references.get(ref) if ref else None
    target = repository.get(tag.target) if tag is not None and isinstance(tag.target, pygit2.Oid) else None
    if isinstance(target, pygit2.Tag):
        signed, points_to, own_name = _tag(repository, target)
        if signed.signature is not None:
            what = f"tag {own_name}"
            if points_to != commit or own_name != name:
                raise Failure(FailureKind.SIGNATURE, f"{what} was made for another commit or name")
            return _verified(keys, signed, what)
    return _verified(keys, _commit(repository, commit), f"commit {commit[:12]}")


def _walk(repository: pygit2.Repository, tip: str, keys: _Keys, known: set[str], signers: set[str]) -> int:
    """Verify `tip` and all its ancestors, but for those behind seals and those that are known."""
    todo, seen = [tip], {tip}
    while todo:
        here = todo.pop()
        if here in known:
            continue
        signed = _commit(repository, here)
        signers.add(_verified(keys, signed, f"commit {here[:12]}"))
        if _SEAL.search(signed.message):
            continue
        for parent in signed.parents:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return len(seen)


def _verified(keys: _Keys, signed: _Signed, what: str) -> str:
    try:
        return keys.verify(signed)
    except BadSignatureError as error:
        raise Failure(FailureKind.SIGNATURE, f"{what} {error}") from None


def _commit(repository: pygit2.Repository, commit: str) -> _Signed:
    try:
        kind, data = repository.odb.read(pygit2.Oid(hex=commit))
    except KeyError:
        why = f"commit {commit[:12]} is not there to be verified; `strict` needs the whole history (no depth)"
        raise Failure(FailureKind.SIGNATURE, why) from None
    if kind != ObjectType.COMMIT:
        raise Failure(FailureKind.SIGNATURE, f"{commit[:12]} is no commit")
    head, _, message = data.partition(b"\n\n")
    kept: list[bytes] = []
    signatures: list[list[bytes]] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith((b"gpgsig ", b"gpgsig-sha256 ")):
            # git leaves both out of what is signed; the second is of another object format than ours.
            signatures.append([line.partition(b" ")[2]])
            inside = True
        elif inside and line.startswith(b" "):
            signatures[-1].append(line[1:])
        else:
            inside = False
            kept.append(line)
    parents = [line[7:].decode("ascii", "replace") for line in kept if line.startswith(b"parent ")]
    if len(signatures) > 1:
        raise Failure(FailureKind.SIGNATURE, f"commit {commit[:12]} has more than one signature")
    payload = b"\n".join(kept) + b"\n\n" + message
    return _Signed(payload, b"\n".join(signatures[0]) if signatures else None, parents, message)


def _tag(repository: pygit2.Repository, tag: pygit2.Tag) -> tuple[_Signed, str, str]:
    """What was signed, the commit that the tag is for ("" if it is not for one), and its own name."""
    data = repository.odb.read(tag.id)[1]
    head, _, message = data.partition(b"\n\n")
    fields = dict(line.partition(b" ")[::2] for line in head.split(b"\n"))
    points_to = fields.get(b"object", b"").decode("ascii", "replace") if fields.get(b"type") == b"commit" else ""
    begins = [at for mark in (openpgp.BEGIN, sshsig.BEGIN) if (at := data.rfind(b"\n" + mark)) >= 0]
    name = fields.get(b"tag", b"").decode("utf-8", "replace")
    if not begins:
        return _Signed(data, None, (), message), points_to, name
    cut = max(begins) + 1
    return _Signed(data[:cut], data[cut:], (), message), points_to, name


def _lines(item: str) -> list[str]:
    return [line for line in item.splitlines() if line.strip() and not line.lstrip().startswith("#")]
