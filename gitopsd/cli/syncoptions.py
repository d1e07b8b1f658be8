"""What a sync can be asked for on the command line; the same words for `app plan`, `app sync` and `app rollback`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from gitopsd.cli.duration import seconds_of
from gitopsd.core.jsonvalue import JsonObject, JsonValue


class Strategy(StrEnum):
    """`apply` runs no hooks."""

    APPLY = "apply"
    HOOK = "hook"


Revisions = Annotated[
    list[str] | None,
    typer.Option("--revision", metavar="REVISION", help="Instead of the target revision; one for each source."),
]
Prune = Annotated[
    bool | None, typer.Option("--prune/--no-prune", help="Delete what left git. Default: as the application says.")
]
Force = Annotated[bool, typer.Option("--force", help="Make anew what cannot be changed in place.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace objects as a whole instead of applying them.")]
OutOfSyncOnly = Annotated[
    bool, typer.Option("--apply-out-of-sync-only", help="As it always is: only what differs is applied.")
]
Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        metavar="[!]GROUP:KIND:[NS/]NAME",
        help="These objects only, or all but these; globs, may be repeated. Runs no hooks.",
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="Objects with this label only; may be repeated."),
]
Confirm = Annotated[bool, typer.Option("--confirm", help="Delete also what a guard holds back (`app plan` names it).")]
How = Annotated[
    Strategy | None, typer.Option("--strategy", help="`apply` runs no hooks. Default: hook.", show_default=False)
]
Info = Annotated[
    list[str] | None, typer.Option("--info", metavar="KEY=VALUE", help="Kept with the operation; may be repeated.")
]
RetryLimit = Annotated[
    int | None,
    typer.Option("--retry-limit", metavar="N", min=-1, help="How often a failure is tried again; -1 for ever."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Ask the API server whether it would take it; changes nothing.")
]
PlanId = Annotated[
    str, typer.Option("--plan", metavar="ID", help="Exactly what `app plan` showed under this id, or nothing.")
]
Async = Annotated[bool, typer.Option("--async", help="Do not wait until it is over.")]
Timeout = Annotated[
    str, typer.Option(metavar="DURATION", help="How long to wait; it goes on after that. Exit code 3. 0: for ever.")
]
AssumeYes = Annotated[
    bool, typer.Option("--assume-yes", "-y", help="Do not ask on a terminal before something is deleted.")
]


class Wishes(NamedTuple):
    """The options that decide what is done. Texts are as they were written."""

    revisions: Sequence[str] = ()
    prune: bool | None = None
    force: bool = False
    replace: bool = False
    out_of_sync_only: bool = False
    resources: Sequence[str] = ()
    labels: Sequence[str] = ()
    confirm: bool = False
    strategy: Strategy | None = None
    info: Sequence[str] = ()
    retry_limit: int | None = None

    def body(self) -> JsonObject:
        """As the API takes it. Raises `typer.BadParameter`."""
        made: dict[str, JsonValue] = {}
        if self.revisions:
            made["revisions"] = list(self.revisions)
        if self.prune is not None:
            made["prune"] = self.prune
        if self.force or self.strategy is not None:
            made["strategy"] = {self.strategy.value if self.strategy else "hook": {"force": self.force}}
        if self.resources:
            made["resources"] = [resource_filter(each) for each in self.resources]
        if self.labels:
            made["labels"] = dict(_pair(each, "--label") for each in self.labels)
        if self.info:
            pairs = [_pair(each, "--info") for each in self.info]
            made["infos"] = [{"name": name, "value": value} for name, value in pairs]
        if self.retry_limit is not None:
            made["retryStrategy"] = {"limit": self.retry_limit}
        if self.confirm:
            made["confirm"] = True
        given = {"Replace": self.replace, "ApplyOutOfSyncOnly": self.out_of_sync_only}
        options = [f"{name}=true" for name, wanted in given.items() if wanted]
        if options:
            made["syncOptions"] = options
        return made

    def words(self) -> str:
        """As they are written on a command line, each after a space."""
        return "".join(f" {shlex.quote(word)}" for word in self._words())

    def _words(self) -> Iterator[str]:
        yield from _repeated("--revision", self.revisions)
        if self.prune is not None:
            yield "--prune" if self.prune else "--no-prune"
        flags = {
            "--force": self.force,
            "--replace": self.replace,
            "--apply-out-of-sync-only": self.out_of_sync_only,
            "--confirm": self.confirm,
        }
        yield from (flag for flag, wanted in flags.items() if wanted)
        yield from _repeated("--resource", self.resources)
        yield from _repeated("--label", self.labels)
        if self.strategy is not None:
            yield from ("--strategy", self.strategy.value)
        yield from _repeated("--info", self.info)
        if self.retry_limit is not None:
            yield from ("--retry-limit", str(self.retry_limit))


def resource_filter(written: str) -> dict[str, JsonValue]:
    """`[!]GROUP:KIND:[NAMESPACE/]NAME` as the API takes it. Raises `typer.BadParameter`."""
    parts = written.removeprefix("!").split(":", 2)
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise typer.BadParameter(
            f"{written!r} is no GROUP:KIND:[NS/]NAME such as apps:Deployment:web or :Service:shop/web",
            param_hint="'--resource'",
        )
    group, kind, place = parts
    namespace, _, name = place.rpartition("/")
    return {"group": group, "kind": kind, "namespace": namespace, "name": name, "exclude": written.startswith("!")}


def waiting_time(text: str) -> float:
    """Seconds; endless for 0. Raises `typer.BadParameter`."""
    found = seconds_of(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 30s, 5m or 1h30m", param_hint="'--timeout'")
    return found or float("inf")


def _pair(written: str, option: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{written!r} is no KEY=VALUE", param_hint=f"'{option}'")
    return name, value


def _repeated(option: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)
