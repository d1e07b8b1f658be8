"""How a scenario ends: a small model of a sync, written from Argo CD's documentation and not from the engine.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/ and
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/; where gitopsd goes further, docs/syncing.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.model.scenario import Before, Extra, Fate, Hook, Scenario, Thing

PUT: Final = "put"
DELETE: Final = "delete"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
PARKED: Final = "Running"

# Within a stage: what is in the way goes first, then what left git, then all that is written, kind by kind; hooks that
# are over are deleted last.
_IN_THE_WAY, _PRUNES, _WRITES, _CLEANING = range(4)
_PHASES: Final = {"PreSync": 0, "Sync": 1, "PostSync": 2, "SyncFail": 3}
_SYNC: Final = 1
_LAST: Final = 1000
_KINDS: Final = ("ConfigMap", "Deployment", "Job")


class Rank(NamedTuple):
    """When a write comes: what has a lower rank is before it, what has the same one beside it."""

    stage: int
    part: int
    kind: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """One write that has to happen: `verb` is `put` (made, applied or replaced) or `delete`."""

    verb: str
    name: str
    rank: Rank


@dataclass(slots=True)
class Expected:
    """`phase` is how it ends (`Running`: it waits for ever), `writes` all that it writes. `awaited` are those of a
    stage (its number) that have to be over, or healthy, before anything of a later one. `outcomes` says of each hook
    that ran, by phase and name, how it ended. `objects` are those that are there afterwards.
    """

    phase: str = SUCCEEDED
    writes: list[Written] = field(default_factory=list)
    awaited: dict[int, list[str]] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], str] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)


class _Place(NamedTuple):
    phase: int
    wave: int


@dataclass(slots=True)
class _Stage:
    hooks: list[tuple[str, Hook]] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    prunes: list[Extra] = field(default_factory=list)


def expected(scenario: Scenario) -> Expected:
    """What a sync of it does, and how it ends."""
    return _Model(scenario).run()


def differs(thing: Thing) -> bool:
    """Whether a sync writes it."""
    return thing.before is not Before.SAME or (thing.kind == "Job" and thing.replaced and thing.forced)


def pruned(scenario: Scenario) -> list[Extra]:
    """What goes of that which left git: not more than half of the objects at once unless somebody confirms."""
    if not scenario.prune:
        return []
    going = [item for item in scenario.extras if item.prune != "false"]
    if scenario.confirmed:
        return going
    alone = [item for item in going if item.prune != "confirm"]
    there = len(scenario.extras) + sum(item.before is not Before.ABSENT for item in scenario.things)
    if len(alone) > 1 and len(alone) > there / 2:
        return [item for item in going if item.prune == "confirm"]
    return going


class _Model:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.found = Expected()
        self.there = {item.name for item in scenario.extras}
        self.there |= {item.name for item in scenario.things if item.before is not Before.ABSENT}
        self.there |= {item.name for item in scenario.hooks if item.left}
        self.stage = 0
        self.stages = self._stages()

    def run(self) -> Expected:
        found = self.found
        alone = len(self.stages) == 1 and not next(iter(self.stages.values())).hooks
        for place in sorted(self.stages):
            self.stage += 1
            end = self._before_post_sync(place) or self._carried_out(place, self.stages[place], waits=not alone)
            if end == FAILED:
                self._failing()
            if end:
                found.phase = end if found.phase != PARKED else PARKED
                break
        found.objects = self.there
        return found

    def _stages(self) -> dict[_Place, _Stage]:
        stages: dict[_Place, _Stage] = {}
        for hook in self.scenario.hooks:
            for phase in hook.phases:
                if phase != "SyncFail":
                    stages.setdefault(_Place(_PHASES[phase], hook.wave), _Stage()).hooks.append((phase, hook))
        for thing in self.scenario.things:
            if differs(thing):
                stages.setdefault(_Place(_SYNC, thing.wave), _Stage()).things.append(thing)
        going = pruned(self.scenario)
        last = [item for item in going if item.last or self.scenario.prune_last]
        waves = sorted({item.wave for item in going if item not in last})
        mirrored = dict(zip(waves, reversed(waves), strict=True))
        for extra in going:
            place = _Place(_SYNC, _LAST if extra in last else mirrored[extra.wave])
            stages.setdefault(place, _Stage()).prunes.append(extra)
        # Nothing of a wave is written before all waves before it are healthy, changed or not.
        written = [place for place, stage in stages.items() if place.phase == _SYNC and (stage.things or stage.hooks)]
        for thing in self.scenario.things:
            if written and thing.wave < max(written).wave:
                stages.setdefault(_Place(_SYNC, thing.wave), _Stage())
        return stages

    def _before_post_sync(self, place: _Place) -> str:
        """The hooks of PostSync run when everything is healthy."""
        if place.phase <= _SYNC or any(other < place and other.phase > _SYNC for other in self.stages):
            return ""
        return _health(self.scenario.things)

    def _carried_out(self, place: _Place, stage: _Stage, *, waits: bool = True) -> str:
        """ "" if the next one follows, else how it ends."""
        asks = any(item.prune == "confirm" for item in stage.prunes)
        if asks and not self.scenario.confirmed and not self.scenario.confirms:
            return PARKED
        failed = self._written(stage)
        end = self._hooks_over(stage)
        if end == PARKED:
            return PARKED
        if failed or end:
            return FAILED
        if place.phase != _SYNC or not waits:
            return ""
        members = [item for item in self.scenario.things if item.wave == place.wave]
        end = _health(members)
        if not end:  # else it ends as soon as one is Degraded, whatever the others do
            self._await(item.name for item in stage.things if item.kind != "ConfigMap")
        return end

    def _written(self, stage: _Stage) -> bool:
        """Whether anything of it failed; that stops nothing else of the stage."""
        failed = False
        for phase, hook in stage.hooks:
            name = hook.full(phase)
            if name in self.there and ("BeforeHookCreation" in _policies(hook) or hook.kind == "Job"):
                self._delete(name, _IN_THE_WAY)
        anew = [thing for thing in stage.things if _made_anew(thing)]
        for thing in anew:
            self._delete(thing.name, _IN_THE_WAY)
        for extra in stage.prunes:
            self._delete(extra.name, _PRUNES, -10 * extra.wave - _KINDS.index(extra.kind))
        for thing in stage.things:
            if thing.refused or (thing.before is Before.FIXED and thing not in anew):
                failed = True
            else:
                self._put(thing.name, thing.kind)
        for phase, hook in stage.hooks:
            name = hook.full(phase)
            if hook.refused:
                self.found.outcomes[phase, name] = "Error"
            else:
                self._put(name, hook.kind)
        return failed

    def _hooks_over(self, stage: _Stage) -> str:
        """ "" if all of them succeeded."""
        ran = [(phase, hook) for phase, hook in stage.hooks if not hook.refused]
        if any(hook.fate is Fate.NEVER and not hook.limited for _, hook in ran):
            for phase, hook in ran:  # those that end meanwhile do so, and are not deleted before all are over
                if hook.fate in (Fate.GOES_AFTER, Fate.GOES_BEFORE):
                    self.there.discard(hook.full(phase))
            return PARKED
        self._await(hook.full(phase) for phase, hook in ran if hook.kind == "Job")
        for phase, hook in ran:
            name, outcome = hook.full(phase), _outcome(hook)
            self.found.outcomes[phase, name] = outcome
            if hook.fate in (Fate.GOES_AFTER, Fate.GOES_BEFORE):
                self.there.discard(name)
            elif _deleted(hook, outcome):
                self._delete(name, _CLEANING)
        wrong = len(ran) < len(stage.hooks) or any(_outcome(hook) != SUCCEEDED for _, hook in ran)
        return FAILED if wrong else ""

    def _failing(self) -> None:
        """The SyncFail hooks, wave by wave; one that fails ends it."""
        hooks = [hook for hook in self.scenario.hooks if "SyncFail" in hook.phases]
        for wave in sorted({hook.wave for hook in hooks}):
            self.stage += 1
            stage = _Stage([("SyncFail", hook) for hook in hooks if hook.wave == wave])
            end = self._carried_out(_Place(_PHASES["SyncFail"], wave), stage)
            if end == PARKED:
                self.found.phase = PARKED
            if end:
                return

    def _await(self, names: Iterable[str]) -> None:
        self.found.awaited.setdefault(self.stage, []).extend(names)

    def _put(self, name: str, kind: str) -> None:
        self.found.writes.append(Written(PUT, name, Rank(self.stage, _WRITES, _KINDS.index(kind))))
        self.there.add(name)

    def _delete(self, name: str, part: int, kind: int = 0) -> None:
        self.found.writes.append(Written(DELETE, name, Rank(self.stage, part, kind)))
        self.there.discard(name)


def _health(things: Iterable[Thing]) -> str:
    """ "" if all get healthy; of an object that is Degraded there is nothing to wait for."""
    fates = {thing.fate for thing in things}
    if Fate.BAD in fates:
        return FAILED
    return PARKED if Fate.NEVER in fates else ""


def _made_anew(thing: Thing) -> bool:
    """Whether it is deleted first: with Replace and Force always, else where it cannot be changed and may be."""
    if thing.before is Before.ABSENT:
        return False
    if thing.replaced and thing.forced:
        return True
    if thing.before is not Before.FIXED or thing.refused:
        return False
    return thing.forced or thing.on_immutable == "recreate" or (thing.kind == "Job" and not thing.on_immutable)


def _policies(hook: Hook) -> tuple[str, ...]:
    return hook.policies or ("BeforeHookCreation",)


def _outcome(hook: Hook) -> str:
    if hook.fate in (Fate.GOOD, Fate.GOES_AFTER):
        return SUCCEEDED
    return "Terminated" if hook.fate is Fate.NEVER else FAILED


def _deleted(hook: Hook, outcome: str) -> bool:
    """Whether its object goes when it is over: as its policy says, and always if it did not end by itself."""
    if outcome == SUCCEEDED:
        return "HookSucceeded" in _policies(hook)
    return outcome == "Terminated" or "HookFailed" in _policies(hook)
