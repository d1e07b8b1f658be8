"""The hooks that an operation or a deletion began, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.jsonvalue import JsonObject, boolean, objects, text
from gitopsd.core.operation import HookId, HookRun
from gitopsd.store.jsontext import moment, object_key, read_moment, read_time


def hook_rows(hooks: Mapping[HookId, HookRun]) -> Sequence[Mapping[str, object]]:
    """One object for each, in order."""
    return [_hook(hook, run) for hook, run in hooks.items()]


def read_hooks(body: JsonObject) -> Mapping[HookId, HookRun]:
    """Those in `body.hooks`. Raises ValueError for anything else."""
    return dict(_read_hook(item) for item in objects(body, "hooks"))


def _hook(hook: HookId, run: HookRun) -> Mapping[str, object]:
    fields: Mapping[str, object] = {
        "uid": run.uid,
        "message": run.message,
        "finishedAt": moment(run.finished_at),
        "log": run.log,
        "cleaned": run.cleaned,
    }
    return {
        "phase": hook.phase.value,
        "key": list(hook.key),
        "startedAt": moment(run.started_at),
        "outcome": run.outcome.value,
    } | {name: held for name, held in fields.items() if held}


def _read_hook(body: JsonObject) -> tuple[HookId, HookRun]:
    run = HookRun(
        started_at=read_time(body, "startedAt"),
        uid=text(body, "uid"),
        outcome=HookOutcome(text(body, "outcome")),
        message=text(body, "message"),
        finished_at=read_moment(body, "finishedAt"),
        log=text(body, "log"),
        cleaned=boolean(body, "cleaned"),
    )
    return HookId(SyncPhase(text(body, "phase")), object_key(body.get("key"))), run
