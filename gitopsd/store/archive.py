"""The file that a backup is: a tar archive, compressed by gzip, with a manifest first that says what is in it.

    manifest.json      which gitopsd made it, when, of what; the SHA-256 and size of each other part
    state.db           a whole copy of the state
    random.key.sealed  what random values in charts are drawn from, encrypted with the state's key
    state.key          that key, in backups that were made with it

Nothing in it but `state.key` gives a Secret away.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from gitopsd.core.errors import StoreError
from gitopsd.core.jsonvalue import integer, mapping, text
from gitopsd.store.jsontext import from_json, to_json

FORMAT: Final = 1
DATABASE: Final = "state.db"
KEY: Final = "state.key"
SEEDS: Final = "random.key.sealed"

_MANIFEST: Final = "manifest.json"
_PARTS: Final = (DATABASE, SEEDS, KEY)
_SMALL: Final = 1 << 16
_CHUNK: Final = 1 << 18
_GZIP: Final = 31  # zlib's window bits for a gzip header and its checksum at the end


@dataclass(frozen=True, slots=True)
class Part:
    """What a file in the archive must be."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`version` of gitopsd, `revision` of the state file, `installation` (its ID, "" for none), `configuration`: the
    digest of the files that were in force ("" if unknown), `key`: the mark of the key that the state is encrypted with.
    """

    version: str
    revision: str
    created: datetime
    installation: str
    configuration: str
    key: str
    parts: Mapping[str, Part]

    @property
    def with_key(self) -> bool:
        """Whether the key is in it."""
        return KEY in self.parts


def part_of(content: IO[bytes]) -> Part:
    """What an open file is, from where it stands to its end; it stands where it stood afterwards. Blocks."""
    start, size = content.tell(), 0
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    content.seek(start)
    return Part(digest.hexdigest(), size)


def packed(manifest: Manifest, contents: Mapping[str, IO[bytes]]) -> Iterator[bytes]:
    """The archive in pieces of at most some 256 KB, each made when it is asked for. Blocks."""
    pack = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    for piece in _tarred(manifest, contents):
        if done := pack.compress(piece):
            yield done
    yield pack.flush()


def verified(path: Path) -> Manifest:
    """What a backup holds, after every byte of it was read and compared with its manifest; nothing is written. Blocks.

    Raises `StoreError` for anything that is no whole backup, and for one of a later format.
    """
    return unpack(path, lambda _: None)


def unpack(path: Path, target: Callable[[str], IO[bytes] | None]) -> Manifest:
    """As `verified`; what `target` opens for a part (by its name) gets it, and is closed. Blocks."""
    try:
        with gzip.open(path) as content:
            with tarfile.open(fileobj=content, mode="r|") as archive:
                manifest = _unpacked(archive, target)
            while content.read(_CHUNK):  # what no part needs is there all the same: the checksum at the very end
                pass
            return manifest
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise StoreError(
            "this is no whole backup of gitopsd", where=str(path), why=str(error), hint="take another backup"
        ) from None


class Whole:
    """Watches an archive go by, piece by piece, and knows whether it came to its end undamaged."""

    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(_GZIP)

    def look(self, piece: bytes) -> None:
        """The next piece; one that cannot be is remembered."""
        with contextlib.suppress(zlib.error):
            while piece:
                self._unpack.decompress(piece, _CHUNK)
                piece = self._unpack.unconsumed_tail

    @property
    def complete(self) -> bool:
        """Whether the end, with the right checksum, was there."""
        return self._unpack.eof


def _tarred(manifest: Manifest, contents: Mapping[str, IO[bytes]]) -> Iterator[bytes]:
    described = _written(manifest)
    sizes = {name: part.size for name, part in manifest.parts.items()}
    for name, size, content in (
        (_MANIFEST, len(described), io.BytesIO(described)),
        *((name, sizes[name], contents[name]) for name in _PARTS if name in sizes),
    ):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = size, 0o600, int(manifest.created.timestamp())
        yield entry.tobuf(tarfile.GNU_FORMAT)
        while chunk := content.read(_CHUNK):
            yield chunk
        yield bytes(-size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _unpacked(archive: tarfile.TarFile, target: Callable[[str], IO[bytes] | None]) -> Manifest:
    first = archive.next()
    described = archive.extractfile(first) if first is not None and first.name == _MANIFEST else None
    if described is None or first is None or first.size > _SMALL:
        raise ValueError("it has no manifest")
    manifest = _read(described.read())
    found = set()
    while (entry := archive.next()) is not None:
        part, content = manifest.parts.get(entry.name), archive.extractfile(entry) if entry.isreg() else None
        if part is None or content is None or entry.name in found or entry.size != part.size:
            raise ValueError(f"{entry.name[:100]!r} is not what the manifest says")
        found.add(entry.name)
        _copy(entry.name, part, content, target(entry.name))
    if missing := sorted(manifest.parts.keys() - found):
        raise ValueError(f"{missing[0]} is missing")
    return manifest


def _copy(name: str, part: Part, content: IO[bytes], to: IO[bytes] | None) -> None:
    digest, size = hashlib.sha256(), 0
    with to or contextlib.nullcontext():
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if to is not None:
                to.write(chunk)
    if (digest.hexdigest(), size) != (part.sha256, part.size):
        raise ValueError(f"{name} is damaged")


def _written(manifest: Manifest) -> bytes:
    body = {
        "format": FORMAT,
        "version": manifest.version,
        "revision": manifest.revision,
        "created": manifest.created.isoformat(),
        "installationID": manifest.installation,
        "configuration": manifest.configuration,
        "key": manifest.key,
        "files": {name: {"sha256": part.sha256, "size": part.size} for name, part in manifest.parts.items()},
    }
    return to_json(body).encode() + b"\n"


def _read(content: bytes) -> Manifest:
    body = from_json(content)
    if integer(body, "format") != FORMAT:
        version = text(body, "version")[:40]
        raise ValueError(f"gitopsd {version} made it in a later format; restore it with that version")
    files = mapping(body, "files")
    parts = {name: Part(text(files, name, "sha256"), integer(files, name, "size")) for name in files}
    if DATABASE not in parts or not parts.keys() <= set(_PARTS):
        raise ValueError("its manifest names other files than a backup has")
    if any(part.size > _SMALL for name, part in parts.items() if name != DATABASE):
        raise ValueError("its manifest names a key that is none")
    return Manifest(
        version=text(body, "version"),
        revision=text(body, "revision"),
        created=datetime.fromisoformat(text(body, "created")),
        installation=text(body, "installationID"),
        configuration=text(body, "configuration"),
        key=text(body, "key"),
        parts=parts,
    )
