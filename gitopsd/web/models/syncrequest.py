"""What is asked of a sync, in the words of Argo CD's `operation.sync`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from gitopsd.core.syncoptions import OF_APPLICATIONS, OF_OBJECTS
from gitopsd.core.syncrequest import ObjectFilter, SyncRequest
from gitopsd.web.models.model import Model
from gitopsd.web.problem import Problem

_MOST: Final = 1000
_ANY: Final = "*"
_VALUES: Final = {
    **dict.fromkeys(sorted(OF_APPLICATIONS), ("true", "false")),
    "PrunePropagationPolicy": ("foreground", "background", "orphan"),
    **OF_OBJECTS,
}
Word = Annotated[str, StringConstraints(max_length=1024)]
Text = Annotated[str, StringConstraints(max_length=4096)]
Options = Annotated[list[Word], Field(max_length=100)]


class ResourceFilter(Model):
    """Objects of a selective sync; each part may be a glob. A `group` that is "" is the core group, a `namespace` that
    is "" is any.
    """

    group: Word = ""
    kind: Word
    namespace: Word = ""
    name: Word
    exclude: bool = False

    def value(self) -> ObjectFilter:
        """For the core."""
        return ObjectFilter(self.group, self.kind, self.namespace or _ANY, self.name, self.exclude)


class Forced(Model):
    """`force`: what cannot be changed in place is deleted and made anew."""

    force: bool = False


class Strategy(Model):
    """`apply` runs no hooks, `hook` (the default) does."""

    apply: Forced | None = None
    hook: Forced | None = None


class SyncOptions(Model):
    """`Key=value` each."""

    items: Options = Field([])


class RetryStrategy(Model):
    """`limit`: how often a failure is tried again; below 0 for ever."""

    limit: int = Field(0, ge=-1, le=1_000_000)


class InfoItem(Model):
    """Something to keep with the operation."""

    name: Word
    value: Text


class DeploymentBody(Model):
    """What syncs and rollbacks have in common. `prune` null is what the application's policy says."""

    prune: bool | None = None
    dry_run: bool = False
    strategy: Strategy = Strategy()
    sync_options: SyncOptions | Options = Field([], description="`Key=value` each")
    infos: list[InfoItem] = Field([], max_length=100)
    plan: Word = Field("", description="the id of the plan that was shown; any other is refused")
    confirm: bool = Field(default=False, description="let it delete what a guard would hold back")

    def request(self, by: str) -> SyncRequest:
        """For the core. Raises `Problem` for what does not go together."""
        if self.strategy.apply is not None and self.strategy.hook is not None:
            raise Problem.invalid("a sync has one strategy", where="body.strategy", hint="leave apply or hook out")
        way = self.strategy.apply or self.strategy.hook or Forced()
        return SyncRequest(
            initiated_by=by,
            prune=self.prune,
            dry_run=self.dry_run,
            confirmed=self.confirm,
            force=way.force,
            options=self._options(),
            plan=self.plan,
            info={item.name: item.value for item in self.infos},
            hooks=self.strategy.apply is None,
        )

    def _options(self) -> dict[str, str]:
        given = self.sync_options.items if isinstance(self.sync_options, SyncOptions) else self.sync_options
        options: dict[str, str] = {}
        for index, item in enumerate(given):
            name, equals, value = (part.strip() for part in item.partition("="))
            where = f"body.syncOptions.{index}"
            known = _VALUES.get(name)
            if known is None:
                raise Problem.invalid(
                    "there is no such sync option", where=where, hint=f"known are {', '.join(_VALUES)}"
                )
            if not equals or value not in known:
                hint = f"{name}= and one of {', '.join(known)}"
                raise Problem.invalid("a sync option has no such value", where=where, hint=hint)
            options[name] = value
        return options


class SyncBody(DeploymentBody):
    """A sync. `revision` is for an application of one source, `revisions` has one for each; without both it is what
    the application says. With `resources` or `labels` it is for some of the objects only, and runs no hooks.
    """

    revision: Word = ""
    revisions: list[Word] = Field([], max_length=100)
    resources: list[ResourceFilter] = Field([], max_length=_MOST)
    labels: dict[Word, Word] = Field({}, max_length=100)
    retry_strategy: RetryStrategy | None = None

    def request(self, by: str) -> SyncRequest:
        """For the core. Raises `Problem` for what does not go together."""
        if self.revision and self.revisions:
            raise Problem.invalid("revision and revisions exclude each other", where="body.revisions")
        return replace(
            super().request(by),
            revisions=(self.revision,) if self.revision else tuple(self.revisions),
            resources=tuple(item.value() for item in self.resources),
            labels=dict(self.labels),
            retries=self.retry_strategy.limit if self.retry_strategy else None,
        )


class PlanBody(SyncBody):
    """A sync to plan; or a `rollback`, to the history entry `id` or the one before the present one."""

    rollback: bool = False
    id: int | None = Field(None, ge=0)

    def request(self, by: str) -> SyncRequest:
        """For the core. Raises `Problem` for what does not go together."""
        if self.id is not None and not self.rollback:
            raise Problem.invalid("only a rollback has an id", where="body.id", hint="ask for `rollback` too")
        return replace(super().request(by), history=self.id)


class RollbackBody(DeploymentBody):
    """A rollback to the history entry `id`; null is the one before the present one."""

    id: int | None = Field(None, ge=0)


class Nothing(Model):
    """A body without content. It is asked for because a page on another site cannot make a browser send it."""
