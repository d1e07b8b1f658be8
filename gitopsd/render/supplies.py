"""What renders need from elsewhere: fetched through the sources room, decrypted, looked up; and its identity.

The identity of what was given is part of a render's evidence: while each need still stands for the same, so does the
result. Errors have none: a render that met one is not remembered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import GitopsdError, RenderError, SpecError, shown_url
from gitopsd.core.origin import chart_origin, file_origin
from gitopsd.plugin.supply import Given, Need, NeedKind
from gitopsd.ports.clock import Clock
from gitopsd.ports.sources import Sources

HEAD: Final = "HEAD"
MOST_NEEDS: Final = 500
_KEPT_SECONDS: Final = 86_400.0
_LARGEST_FILE: Final = 16 << 20

Decrypt = Callable[[AppSpec, bytes, str, str], Awaitable[bytes]]
"""The plain text of an encrypted file: for whom, its content, its path, its format. Raises `GitopsdError`, `NoKeyError`
where there is no key for it.
"""

LookUp = Callable[[AppSpec, Need], Awaitable[bytes]]
"""The object or list (JSON) that a `lookup` asks for. Raises `GitopsdError`."""


class NoKeyError(RenderError):
    """No key opens an encrypted file; the text names whom it was encrypted for."""


@dataclass(frozen=True, slots=True, order=True)
class Supplied:
    """A need that was met, and what it stood for then."""

    need: Need
    identity: str


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom needs are met: the application, and the snapshots by their roots' names ("" is the source's own).

    `hidden` gathers what encrypted files held, word by word, to be kept out of messages.
    """

    spec: AppSpec
    roots: Mapping[str, str]
    hidden: set[str] = field(default_factory=set, compare=False, repr=False)


class Supplies:
    """Meets needs for all renders. `decrypt` and `look_up` are None where gitopsd runs without them.

    What moves (a branch, a range of versions, a file of the web) is looked up again by whoever looks after the
    application's sources (`Rendered.places`), not here. `refusal` says why a project may not use an origin.
    """

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        *,
        decrypt: Decrypt | None = None,
        keys: Callable[[], int] = lambda: 0,
        look_up: LookUp | None = None,
        refusal: Callable[[str, str], str] = lambda _origin, _project: "",
    ) -> None:
        self._sources = sources
        self._refusal = refusal
        self._clock = clock
        self._decrypt = decrypt
        self._keys = keys
        self._look_up = look_up
        self._used: dict[tuple[str, str], float] = {}
        self._limiter = anyio.CapacityLimiter(4)

    async def get(self, need: Need, asker: Asker) -> tuple[Given, str]:
        """What was needed, and its identity. Raises `GitopsdError` where it cannot be had."""
        match need.kind:
            case NeedKind.DECRYPT:
                return await self._decrypted(need, asker)
            case NeedKind.LOOKUP:
                found = await self._looked(need, asker)
                return Given(content=found), _digest(found)
            case NeedKind.HTTP:
                origin, commit = await self._resolved(need, asker)
                snapshot = await self._sources.snapshot(origin, commit)
                return Given(content=await self._only_file(snapshot.root)), self._name(origin, commit)
            case NeedKind.CHART | NeedKind.GIT:
                origin, commit = await self._resolved(need, asker)
                return Given(root=(await self._sources.snapshot(origin, commit)).root), self._name(origin, commit)

    async def identity(self, need: Need, asker: Asker) -> str:
        """What the need stands for now; "" where that cannot be told. Encrypted files are told by their bytes, which
        are among the reads already.
        """
        try:
            match need.kind:
                case NeedKind.DECRYPT:
                    return self._encrypted(need)
                case NeedKind.LOOKUP:
                    return _digest(await self._looked(need, asker))
                case NeedKind.HTTP | NeedKind.CHART | NeedKind.GIT:
                    return self._name(*await self._resolved(need, asker))
        except SpecError:
            return _REFUSED
        except GitopsdError:
            return ""

    def used(self) -> Mapping[str, frozenset[str]]:
        """Origin → the revisions that renders were given during the last day, for `Sources.keep`."""
        since = self._clock.monotonic() - _KEPT_SECONDS
        self._used = {place: at for place, at in self._used.items() if at >= since}
        found: dict[str, set[str]] = {}
        for origin, commit in self._used:
            found.setdefault(origin, set()).add(commit)
        return {origin: frozenset(commits) for origin, commits in found.items()}

    async def _resolved(self, need: Need, asker: Asker) -> tuple[str, str]:
        """Origin and revision. Raises `SpecError` for what the application's project may not use."""
        origin = origin_of(need)
        refused = self._refusal(origin, asker.spec.project)
        if refused:
            raise SpecError(refused, hint="use a repository of the application's project")
        commit = await self._sources.commit(origin, need.version or HEAD)
        self._used[origin, commit] = self._clock.monotonic()
        return origin, commit

    def _name(self, origin: str, commit: str) -> str:
        """What was given: the same revision in another form has other files."""
        return commit + self._sources.form(origin)

    async def _decrypted(self, need: Need, asker: Asker) -> tuple[Given, str]:
        root = await self._root_of(need, asker)
        cipher = await anyio.to_thread.run_sync(_read_within, root, need.path, limiter=self._limiter)
        decrypt = self._decrypt or _without_keys
        try:
            plain = await decrypt(asker.spec, cipher, need.path, need.format)
        except NoKeyError:
            if not need.optional:
                raise
            return Given(content=cipher), self._encrypted(need)
        asker.hidden.update(await anyio.to_thread.run_sync(hidden_words, plain, cipher, limiter=self._limiter))
        return Given(content=plain), self._encrypted(need)

    def _encrypted(self, need: Need) -> str:
        """Plain text that was needed changes with the file alone; whether an optional file is opened, with the keys."""
        return f"{_ENCRYPTED} {self._keys()}" if need.optional else _ENCRYPTED

    async def _root_of(self, need: Need, asker: Asker) -> str:
        """The folder that the file is in: a root of the render, or what was given for another need."""
        if need.root not in (NeedKind.CHART, NeedKind.GIT):
            return asker.roots[need.root]
        holder = Need(NeedKind(need.root), url=need.url, name=need.name, version=need.version)
        origin, commit = await self._resolved(holder, asker)
        return (await self._sources.snapshot(origin, commit)).root

    async def _looked(self, need: Need, asker: Asker) -> bytes:
        if self._look_up is None:
            raise GitopsdError("lookup is switched off", hint="set helm.lookup: true in gitopsd.yaml")
        return await self._look_up(asker.spec, need)

    async def _only_file(self, root: str) -> bytes:
        def read() -> bytes:
            (path,) = (each for each in Path(root).iterdir() if each.is_file())
            return path.read_bytes()

        return await anyio.to_thread.run_sync(read, limiter=self._limiter)


@dataclass(slots=True)
class RecordingSupply:
    """`plugin.Supply` for one render: remembers what was given, and whether something could not be.

    `waited` (s) is how long getting it took: that is not the renderer's fault.
    """

    supplies: Supplies
    asker: Asker
    roots: Mapping[str, str] = field(default_factory=dict)
    supplied: dict[Need, str] = field(default_factory=dict)
    failed: bool = False
    on_wait: Callable[[float], None] = lambda _seconds: None

    def masked(self, words: str) -> str:
        """A message without what encrypted files held. Work for a thread, if they held much."""
        for word in sorted(self.asker.hidden, key=len, reverse=True):
            words = words.replace(word, "…")
        return words

    @property
    def secret(self) -> bool:
        """Whether decrypted content went into the render: its manifests belong on no disk."""
        return any(need.kind is NeedKind.DECRYPT for need in self.supplied)

    async def get(self, need: Need) -> Given:
        """See `plugin.Supply.get`."""
        if len(self.supplied) >= MOST_NEEDS:
            self.failed = True
            return Given(error=f"a render needs more than {MOST_NEEDS} things from elsewhere")
        began = anyio.current_time()
        try:
            given, self.supplied[need] = await self.supplies.get(need, self.asker)
        except GitopsdError as error:
            self.failed = True
            why = f"{error.what}: {error.why}" if error.why else error.what
            if need.kind is NeedKind.DECRYPT:
                return Given(error=why, hint=error.hint)  # it names the file itself
            return Given(error=f"{_shown(need)} cannot be had: {why}", hint=error.hint)
        finally:
            self.on_wait(anyio.current_time() - began)
        return given


async def _without_keys(_spec: AppSpec, _cipher: bytes, path: str, _syntax: str) -> bytes:
    raise NoKeyError(f"{path} is encrypted with SOPS", hint="configure the keys under sops in gitopsd.yaml")


# Differs from every revision: what was rendered when it was allowed is not kept.
_REFUSED: Final = "refused"
_ENCRYPTED: Final = "encrypted"
_WORD: Final = re.compile(rb"[^\s\"'=,:{}\[\]]{4,4096}")
_ORDINARY: Final = frozenset(("true", "false", "null"))


def hidden_words(plain: bytes, cipher: bytes) -> frozenset[str]:
    """What stands in the plain text alone, word by word: what the encryption was for."""
    known = set(_WORD.findall(cipher))
    found = (word.decode(errors="replace") for word in set(_WORD.findall(plain)) - known)
    return frozenset(word for word in found if word not in _ORDINARY)


def place_of(need: Need) -> tuple[str, str, str] | None:
    """(origin, target revision, tag prefix) of what is fetched; None for what is not."""
    if need.kind in (NeedKind.DECRYPT, NeedKind.LOOKUP):
        return None
    return origin_of(need), need.version or HEAD, ""


def origin_of(need: Need) -> str:
    """The origin that a chart, a git base or a file is fetched from."""
    match need.kind:
        case NeedKind.CHART:
            return chart_origin(need.url, need.name)
        case NeedKind.HTTP:
            return file_origin(need.url)
        case _:
            return need.url


def _shown(need: Need) -> str:
    match need.kind:
        case NeedKind.CHART:
            return f"the chart {need.name} {need.version} of {shown_url(need.url)}".replace("  ", " ")
        case NeedKind.GIT:
            return f"{shown_url(need.url)} at {need.version or 'HEAD'}"
        case NeedKind.HTTP:
            return shown_url(need.url)
        case NeedKind.DECRYPT:
            return f"the plain text of {need.path}"
        case NeedKind.LOOKUP:
            return f"{need.object_kind} {need.namespace}/{need.name}"


def _read_within(root: str, path: str) -> bytes:
    """The engine named the path after following links inside of the snapshot; it is opened as it stands there."""
    wanted = (Path(root) / path).resolve()
    if not wanted.is_relative_to(Path(root).resolve()):
        raise GitopsdError(f"{path} leaves the repository")
    if wanted.stat().st_size > _LARGEST_FILE:
        raise GitopsdError(f"{path} is larger than {_LARGEST_FILE} bytes")
    return wanted.read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
