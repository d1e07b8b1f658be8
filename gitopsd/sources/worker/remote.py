"""libgit2 on the network: look-ups over ssh and from folders, and every fetch. Credentials go to one origin, once."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import unquote, urlsplit

import pygit2
from pygit2.enums import CredentialType

from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, mapping, sequence, text
from gitopsd.core.known_hosts import BadKnownHostsError, check_known_hosts, known_fingerprints
from gitopsd.core.repo_url import parse
from gitopsd.sources.names import safe_join
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import mirror, tame

_PARENT = os.getppid()
_LIBGIT2_REFERENCE = 4
# git2/remote.h: GIT_FETCH_DEPTH_UNSHALLOW
_UNSHALLOW = 2147483647


class Callbacks(pygit2.RemoteCallbacks):
    """Answers libgit2's questions for one connection."""

    def __init__(self, access: JsonObject, max_bytes: int = 0) -> None:
        super().__init__()
        self.access = access
        self.max_bytes = max_bytes
        self.fingerprint = ""
        self.tried = False
        self.url = parse(text(access, "url"))

    def credentials(
        self, url: str, username_from_url: str | None, allowed_types: CredentialType
    ) -> pygit2.Username | pygit2.UserPass | pygit2.Keypair:
        """One try for the URL that we meant; a second question means that the first answer was wrong."""
        asked = self.url if url == text(self.access, "address") else parse(url)
        if (asked.scheme, asked.host, asked.port) != (self.url.scheme, self.url.host, self.url.port):
            raise Failure(FailureKind.REDIRECT, "the server redirected to another host, which asks for credentials")
        user = username_from_url or text(self.access, "username") or ("git" if self.url.scheme == "ssh" else "")
        if allowed_types & CredentialType.USERNAME:
            return pygit2.Username(user)
        if self.tried:
            raise Failure(FailureKind.AUTH, "the server refused the credentials")
        self.tried = True
        key, password = text(self.access, "ssh_key"), text(self.access, "password")
        if key and allowed_types & CredentialType.SSH_MEMORY:
            return pygit2.KeypairFromMemory(user, None, key, "")
        if password and allowed_types & CredentialType.USERPASS_PLAINTEXT:
            return pygit2.UserPass(text(self.access, "username") or user, password)
        given = (
            "the server refused the credentials" if text(self.access, "token") else "the server asks for credentials"
        )
        raise Failure(FailureKind.AUTH, given)

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:  # noqa: ARG002 - pygit2 calls it so
        """Accept what libgit2 found valid (CA; known_hosts), unless the configuration says otherwise (G1)."""
        if valid:
            return True
        switch = "insecure_host_key" if self.url.scheme == "ssh" else "insecure"
        if boolean(self.access, switch):
            return True
        if self.url.scheme != "ssh":
            raise Failure(FailureKind.TLS, "the server's certificate is not trusted, or is not for this host")
        raise self._stranger()

    def _stranger(self) -> Failure:
        """A host that nobody told of, or (G1) one that has not the key that it is known by."""
        shown = f" {self.fingerprint}" if self.fingerprint else ""
        # At the door of a tunnel, the host's lines stand under the door's name.
        door = integer(self.access, "door")
        host, port = ("127.0.0.1", door) if door else (self.url.host, self.url.port or 22)
        known = known_fingerprints(text(self.access, "known_hosts"), host, port)
        if not known:
            return Failure(FailureKind.HOST_KEY, f"the server's key{shown} is not among the known hosts")
        why = f"the server has the key{shown} and is known by {' and '.join(known[:3])}"
        return Failure(FailureKind.OTHER_HOST_KEY, why)

    def transfer_progress(self, stats: Any) -> None:
        """Stop when the pack grows beyond the limit (D9), or when the daemon is gone."""
        if self.max_bytes and stats.received_bytes > self.max_bytes:
            raise Failure(FailureKind.LIMIT, f"the server sent more than {self.max_bytes // 1_000_000} MB")
        if os.getppid() != _PARENT:
            raise Failure(FailureKind.DIED, "the daemon is gone")

    def custom_headers(self) -> list[str] | None:
        """A bearer token, or a password that shall be sent unasked: libgit2 knows no credential of that kind."""
        if not _has_header(self.access):
            return None
        from gitopsd.sources.worker import http  # noqa: PLC0415 - only those who need it pay for it

        return [f"{name}: {value}" for name, value in http.authorization(self.access).items()]


def advertised(access: JsonObject, most: int) -> list[tuple[str, str]]:
    """(name, id) of everything that an ssh server or a local repository advertises."""
    scratch = safe_join(os.environ["HOME"], "scratch.git")
    with _tunnelled(access) as there, _KnownHosts(there):
        remote = mirror.made(scratch).remotes.create_anonymous(_address(there))
        heads = remote.list_heads(callbacks=Callbacks(there))
    if len(heads) > 2 * most:
        raise Failure(FailureKind.LIMIT, f"the server advertises more than {most} refs")
    return [(head.name or "", str(head.oid)) for head in heads]


def fetch(request: JsonObject) -> Mapping[str, JsonValue]:
    """`access`, `mirror`, `refspecs`, `max_bytes`, `depth` → `{"bytes", "objects"}`; it is all in the mirror then.

    `depth` is how many commits of the history are to be there (0: all), unless the `whole` history is asked for.
    """
    access = mapping(request, "access")
    if text(access, "url").startswith("http"):
        return _fetched_from_the_web(request, access)
    with _tunnelled(access) as there:
        return _into_mirror(request, there)


def _tunnelled(access: JsonObject) -> AbstractContextManager[JsonObject]:
    if not text(access, "proxy_scheme"):
        return nullcontext(access)
    from gitopsd.sources.worker import sshtunnel  # noqa: PLC0415 - only those who need it pay for it

    return sshtunnel.tunnelled(access)


def _fetched_from_the_web(request: JsonObject, access: JsonObject) -> Mapping[str, JsonValue]:
    if text(access, "proxy_scheme") or text(access, "client_cert") or boolean(access, "check_revocation"):
        from gitopsd.sources.worker import relay  # noqa: PLC0415 - only those who need it pay for it

        with relay.opened(access) as door:
            return _into_mirror(request, {"url": door.url})
    if _has_header(access):
        from gitopsd.sources.worker import http  # noqa: PLC0415 - only those who need it pay for it

        # libgit2 would carry the header along a redirect to another port; this refuses such a server first (S10).
        access = {**access, "url": http.advertised(access, 1_000_000_000).base}
    return _into_mirror(request, access)


def _has_header(access: JsonObject) -> bool:
    """Whether libgit2 has to be given the Authorization header, instead of a credential."""
    forced = boolean(access, "force_basic") and bool(text(access, "password"))
    return text(access, "url").startswith("http") and (forced or bool(text(access, "token")))


def _into_mirror(request: JsonObject, access: JsonObject) -> Mapping[str, JsonValue]:
    repository = mirror.made(text(request, "mirror"))
    refspecs = [spec for spec in sequence(request, "refspecs") if isinstance(spec, str)]
    callbacks = Callbacks(access, integer(request, "max_bytes"))
    with _KnownHosts(access):
        stats = _fetched(repository, access, refspecs, callbacks, _depth(request, repository, access))
    return {"bytes": stats.received_bytes, "objects": stats.total_objects}


def _depth(request: JsonObject, repository: pygit2.Repository, access: JsonObject) -> int:
    """What libgit2 is to be told. A folder gives no shallow history; a shallow mirror becomes whole by a number."""
    if text(access, "url").startswith("file:"):
        return 0
    wanted = 0 if boolean(request, "whole") else integer(request, "depth")
    return _UNSHALLOW if repository.is_shallow and not wanted else wanted


def _fetched(
    repository: pygit2.Repository, access: JsonObject, refspecs: Sequence[str], callbacks: Callbacks, depth: int
) -> pygit2.remotes.TransferProgress:
    remote = repository.remotes.create_anonymous(_address(access))
    try:
        return remote.fetch(list(refspecs), callbacks=callbacks, depth=depth)
    except pygit2.GitError as error:
        if getattr(error, "error_class", 0) != _LIBGIT2_REFERENCE:
            raise
    # A branch `a` became a folder `a/b`: our own notes of what was fetched are in each other's way, and may go.
    for name in list(repository.references):
        repository.references.delete(name)
    return repository.remotes.create_anonymous(_address(access)).fetch(list(refspecs), callbacks=callbacks, depth=depth)


def _address(access: JsonObject) -> str:
    """What libgit2 is to connect to: the door of a tunnel, the URL; a folder as its plain path."""
    url = text(access, "address") or text(access, "url")
    if not url.startswith("file:"):
        return url
    path = unquote(urlsplit(url).path)
    if not os.path.isdir(path):
        raise Failure(FailureKind.NOT_FOUND, "there is no such folder")
    return path


class _KnownHosts:
    """The known hosts of one access, in the file that libgit2 reads, as long as the connection lasts."""

    def __init__(self, access: JsonObject) -> None:
        self.lines = text(access, "known_hosts")

    def __enter__(self) -> None:
        try:
            check_known_hosts(self.lines)
        except BadKnownHostsError as error:
            raise Failure(FailureKind.KNOWN_HOSTS, str(error)) from None
        path = tame.known_hosts_file()
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.lines.rstrip("\n") + "\n" if self.lines.strip() else "")

    def __exit__(self, *_: object) -> None:
        os.truncate(tame.known_hosts_file(), 0)


def _show_fingerprints() -> None:
    """Let `Callbacks` see the host key's SHA-256, which pygit2 drops on its way to `certificate_check`.

    Reaches into pygit2: where its insides changed, errors only lack the fingerprint.
    """
    from pygit2 import callbacks as inside  # noqa: PLC0415 - private parts, reached for in one place only
    from pygit2.ffi import ffi  # noqa: PLC0415 - private parts, as above

    check: Callable[..., int] = inside._certificate_check_cb

    def seen(cert: Any, valid: int, host: Any, data: Any) -> int:
        payload = ffi.from_handle(data)
        if isinstance(payload, Callbacks) and payload.url.scheme == "ssh":
            # struct git_cert_hostkey: two ints (kind; which hashes there are, 4 = SHA-256), MD5, SHA-1, SHA-256.
            head = bytes(ffi.buffer(ffi.cast("char *", cert), 76))
            if head[4] & 4:
                payload.fingerprint = "SHA256:" + base64.b64encode(head[44:76]).decode().rstrip("=")
        return check(cert, valid, host, data)

    ffi.def_extern(name="_certificate_check_cb")(seen)


try:
    _show_fingerprints()
except (ImportError, AttributeError):
    Callbacks.fingerprint = ""
