"""Every error that gitopsd raises on purpose.

    GitopsdError            what happened, where, why, what to do next, and whether trying again can help
    ├── ConfigError         a file of ours, or a key in it, cannot be used
    ├── SourceError         a repository cannot be reached, read, or does not hold what was asked for
    ├── RenderError         the files were there but gave no manifests
    ├── SpecError           an application asks for something that it cannot have
    ├── ClusterError        a Kubernetes API server did not do what it was asked
    │   └── ClusterDown     … because it cannot be reached at all
    ├── StoreError          the state on disk cannot be read or written
    ├── OperationError      an operation that was asked for cannot be done now
    └── PluginError         a plugin is broken; named, so that its author can be found

An error's texts never hold a secret: URLs come through `shown_url`, objects are named by kind and name only.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_TRY: Final = ". Try: "
_CLUSTER: Final = re.compile(r"cluster [^:,]{1,253}, ")


class GitopsdError(Exception):
    """A failure that says what to do next.

    `what` happened in one sentence; `where` (file:line:column, application, object, repository), `why` (the cause in
    the words of whoever refused), `hint` (the next thing to try). `retryable`: the same call may succeed later without
    anyone's doing. A `why` that is the line of another error brings the hint of that one, which is nearer to the cause:
    nobody is told two things to try.
    """

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "", retryable: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why, self.hint = _nearest(why, hint)
        self.retryable = retryable

    def __str__(self) -> str:
        """One line for logs and conditions: `where: what: why. Try: hint`."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        body = f"{head}: {self.why}" if self.why else head
        if not self.hint:
            return body
        return f"{body.rstrip('.')}{_TRY}{self.hint}"


def without_hint(said: str) -> tuple[str, str]:
    """The line of an error without what to try next, and that (with what leads to it; "" if there is none)."""
    told, lead, hint = said.partition(_TRY)
    return told, f"{lead}{hint}"


def beside(subject: str, said: str) -> str:
    """The line of an error as it stands beside the name of the object that it is about: it does not begin with it."""
    if not said:  # most have nothing to say, and there are thousands
        return said
    cluster = _CLUSTER.match(said)
    head = f"{subject}: "
    begin = cluster.end() if cluster else 0
    return said[begin + len(head) :] if said.startswith(head, begin) else said


def _nearest(why: str, hint: str) -> tuple[str, str]:
    """`why` without the hint in it, and that hint; of several each stays with what it belongs to."""
    told = why.count(_TRY)
    if not told or "\n" in why:
        return why, hint
    if told > 1:
        return why, ""
    cause, _, nearer = why.partition(_TRY)
    return cause, nearer


class ConfigError(GitopsdError):
    """A configuration file, or a key in it, cannot be used."""


class SourceError(GitopsdError):
    """A repository cannot be reached or read, or does not hold what was asked for."""


class RenderError(GitopsdError):
    """The files were there but gave no manifests."""


class SpecError(GitopsdError):
    """An application asks for something that it cannot have."""


class OperationError(GitopsdError):
    """An operation that was asked for cannot be done now, or not so.

    `reason` is a word for machines: `InProgress` (another one is under way), `NothingInProgress`, `PlanChanged` (git or
    the cluster moved since the plan was shown), `NotFound`, `Blocked` (a sync window, a dependency, an error
    condition), `Invalid`.
    """

    def __init__(self, what: str, *, reason: str, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.reason = reason


class ClusterError(GitopsdError):
    """A Kubernetes API server did not do what it was asked.

    `status` is the HTTP status (0 when there was no answer), `reason` the machine-readable reason of the Status object
    (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/), `retry_after` seconds or None.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        retryable: bool = False,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint, retryable=retryable)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class ClusterDown(ClusterError):  # noqa: N818  # a state of the cluster rather than an error of a call
    """The API server cannot be reached at all."""


class StoreError(GitopsdError):
    """The state on disk cannot be read or written."""


class PluginError(GitopsdError):
    """A plugin failed in a way that its protocol does not allow; the message names it."""


def shown_url(url: str) -> str:
    """`url` as it may be shown to people: without user info, query and fragment, where tokens hide.

    Understands scp-like addresses (`git@host:path`), which lose their user too.
    """
    if not _SCHEME.match(url):
        head, _, tail = url.rpartition("@")
        is_path = "/" in head and ":" not in head and not head.startswith("//")
        shown = url if is_path else tail
        return shown.split("?", 1)[0].split("#", 1)[0]
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return url.split("://", 1)[0] + "://…"
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))
