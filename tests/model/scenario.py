"""What a scenario is made of: what git wants, what is in the cluster already, how everything fares, what is asked."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from gitopsd.core.annotations import HOOK, HOOK_DELETE_POLICY, HOOK_TIMEOUT, ON_IMMUTABLE, SYNC_OPTIONS, SYNC_WAVE
from gitopsd.core.jsonvalue import JsonObject

HOOK_SECONDS: Final = 60
_API: Final = {"ConfigMap": "v1", "Deployment": "apps/v1", "Job": "batch/v1"}


class Fate(enum.Enum):
    """How something fares after it was written: it gets healthy, or Degraded, or neither, ever; or it vanishes after
    its end, or before.
    """

    GOOD = "good"
    BAD = "bad"
    NEVER = "never"
    GOES_AFTER = "goes after its end"
    GOES_BEFORE = "goes before its end"


class Before(enum.Enum):
    """How an object is in the cluster before the sync; `FIXED` differs in a field that cannot be changed."""

    ABSENT = "absent"
    SAME = "same"
    OTHER = "other"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that git wants. `delay`: after how many ticks it is as its fate has it."""

    name: str
    kind: str = "ConfigMap"
    wave: int = 0
    before: Before = Before.ABSENT
    fate: Fate = Fate.GOOD
    delay: int = 0
    refused: bool = False
    replaced: bool = False
    forced: bool = False
    on_immutable: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """An object that left git; `prune` is what its sync options say of that ("" nothing)."""

    name: str
    kind: str = "ConfigMap"
    wave: int = 0
    prune: str = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """`left`: its object of an earlier sync is there. `limited`: it has a time-out."""

    name: str
    phases: tuple[str, ...]
    kind: str = "Job"
    wave: int = 0
    policies: tuple[str, ...] = ()
    generated: bool = False
    fate: Fate = Fate.GOOD
    delay: int = 0
    limited: bool = True
    refused: bool = False
    left: bool = False

    def full(self, phase: str) -> str:
        """What it is called in a phase: each run of a generated name is an object of its own."""
        return f"{self.name}@{phase}" if self.generated else self.name


@dataclass(frozen=True, slots=True)
class Scenario:
    """One sync. `confirmed` from the beginning, or `confirms` while it waits for that."""

    things: tuple[Thing, ...] = ()
    extras: tuple[Extra, ...] = ()
    hooks: tuple[Hook, ...] = ()
    prune: bool = True
    prune_last: bool = False
    confirmed: bool = False
    confirms: bool = True

    def cured(self) -> Scenario:
        """The same with everything that was wrong put right."""
        things = [replace(item, fate=Fate.GOOD, refused=False, on_immutable="recreate") for item in self.things]
        hooks = [replace(item, fate=Fate.GOOD, refused=False) for item in self.hooks]
        return replace(self, things=tuple(things), hooks=tuple(hooks), confirmed=True)


# Manifests


def thing_body(thing: Thing, *, earlier: bool = False) -> JsonObject:
    """The manifest of a thing, or (`earlier`) of what git wanted before."""
    options = [f"{name}=true" for name, on in (("Replace", thing.replaced), ("Force", thing.forced)) if on]
    marks = {SYNC_OPTIONS: ",".join(options)} if options else {}
    if thing.on_immutable:
        marks[ON_IMMUTABLE] = thing.on_immutable
    other = earlier and thing.before in (Before.OTHER, Before.FIXED)
    return _body(thing.kind, thing.name, thing.wave, marks, other=other, fixed=earlier and thing.before is Before.FIXED)


def extra_body(extra: Extra) -> JsonObject:
    """The manifest of an extra, as it was in git."""
    options = [f"Prune={extra.prune}"] if extra.prune else []
    options += ["PruneLast=true"] if extra.last else []
    marks = {SYNC_OPTIONS: ",".join(options)} if options else {}
    return _body(extra.kind, extra.name, extra.wave, marks)


def hook_body(hook: Hook) -> JsonObject:
    """The manifest of a hook."""
    marks = {HOOK: ",".join(hook.phases)}
    if hook.policies:
        marks[HOOK_DELETE_POLICY] = ",".join(hook.policies)
    if hook.limited:
        marks[HOOK_TIMEOUT] = f"{HOOK_SECONDS}s"
    body = dict(_body(hook.kind, hook.name, hook.wave, marks))
    if hook.generated:
        metadata = {key: item for key, item in _mapping(body["metadata"]).items() if key != "name"}
        body["metadata"] = {**metadata, "generateName": f"{hook.name}-"}
    return body


def bodies(scenario: Scenario) -> list[JsonObject]:
    """What git has."""
    return [*map(thing_body, scenario.things), *map(hook_body, scenario.hooks)]


def earlier_bodies(scenario: Scenario) -> list[JsonObject]:
    """What git had before."""
    there = [thing_body(item, earlier=True) for item in scenario.things if item.before is not Before.ABSENT]
    return [*there, *map(extra_body, scenario.extras)]


def _body(
    kind: str, name: str, wave: int, marks: Mapping[str, str], *, other: bool = False, fixed: bool = False
) -> JsonObject:
    annotations = {**marks, **({SYNC_WAVE: str(wave)} if wave else {})}
    metadata = {"name": name, **({"annotations": annotations} if annotations else {})}
    head: dict[str, Any] = {"apiVersion": _API[kind], "kind": kind, "metadata": metadata}
    container = {"name": "main", "image": f"registry.example.org/main:{2 if other else 1}"}
    if kind == "ConfigMap":
        return {**head, "data": {"key": "old" if other else "new"}}
    if kind == "Job":
        pod = {"restartPolicy": "Never", "containers": [container]}
        return {**head, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    labels = {"app": f"{name}-old" if fixed else name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {**head, "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}}


def _mapping(value: Any) -> Mapping[str, Any]:
    assert isinstance(value, Mapping)
    return value


# Any of them

_WAVES: Final = st.integers(-1, 2)
_DELAYS: Final = st.integers(0, 2)
_GOOD_MOSTLY: Final = st.sampled_from([Fate.GOOD] * 6 + [Fate.BAD, Fate.NEVER])
_HOOK_FATES: Final = st.sampled_from([Fate.GOOD] * 6 + [Fate.BAD, Fate.NEVER, Fate.GOES_AFTER, Fate.GOES_BEFORE])
_RARELY: Final = st.sampled_from([False] * 9 + [True])
_SOMETIMES: Final = st.sampled_from([False] * 3 + [True])
_PHASES: Final = st.lists(
    st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail"]), min_size=1, max_size=2, unique=True
)
_POLICIES: Final = st.lists(
    st.sampled_from(["HookSucceeded", "HookFailed", "BeforeHookCreation"]), max_size=2, unique=True
)


@st.composite
def things(draw: st.DrawFn, number: int) -> Thing:
    """The object with this number."""
    kind = draw(st.sampled_from(["ConfigMap", "ConfigMap", "Deployment", "Job"]))
    before = draw(st.sampled_from([Before.ABSENT, Before.ABSENT, Before.SAME, Before.OTHER, Before.FIXED]))
    if kind == "ConfigMap" and before is Before.FIXED:
        before = Before.OTHER
    if kind == "Job" and before is Before.OTHER:
        before = Before.FIXED
    return Thing(
        f"o{number}",
        kind,
        draw(_WAVES),
        before,
        draw(_GOOD_MOSTLY) if kind != "ConfigMap" else Fate.GOOD,
        draw(_DELAYS),
        refused=draw(_RARELY),
        replaced=draw(_SOMETIMES),
        forced=draw(_SOMETIMES),
        on_immutable=draw(st.sampled_from(["", "", "", "recreate", "fail"])),
    )


@st.composite
def extras(draw: st.DrawFn, number: int) -> Extra:
    """The object with this number that left git."""
    kind = draw(st.sampled_from(["ConfigMap", "Deployment", "Job"]))
    prune = draw(st.sampled_from(["", "", "", "true", "false", "confirm"]))
    return Extra(f"x{number}", kind, draw(_WAVES), prune, draw(_SOMETIMES))


@st.composite
def hooks(draw: st.DrawFn, number: int) -> Hook:
    """The hook with this number."""
    kind = draw(st.sampled_from(["Job", "Job", "Job", "ConfigMap"]))
    generated = draw(_SOMETIMES)
    return Hook(
        f"h{number}",
        tuple(draw(_PHASES)),
        kind,
        draw(_WAVES),
        tuple(draw(_POLICIES)),
        generated,
        draw(_HOOK_FATES) if kind == "Job" else Fate.GOOD,
        draw(_DELAYS),
        limited=draw(st.sampled_from([True, True, True, False])),
        refused=not generated and draw(_RARELY),
        left=not generated and draw(_SOMETIMES),
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Any scenario of one to eight objects, up to four that left git and up to five hooks."""
    return Scenario(
        tuple(draw(things(number)) for number in range(draw(st.integers(1, 8)))),
        tuple(draw(extras(number)) for number in range(draw(st.integers(0, 4)))),
        tuple(draw(hooks(number)) for number in range(draw(st.integers(0, 5)))),
        prune=draw(st.sampled_from([True, True, True, False])),
        prune_last=draw(_SOMETIMES),
        confirmed=draw(st.booleans()),
        confirms=draw(st.sampled_from([True, True, False])),
    )
