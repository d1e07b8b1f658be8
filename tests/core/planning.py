"""Comparisons as somebody else judged them, hooks, and plans read back, for tests of planning."""

from collections.abc import Mapping

from gitopsd.core.annotations import HOOK, HOOK_DELETE_POLICY, SYNC_OPTIONS, SYNC_WAVE
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired
from gitopsd.core.plan import Plan, PlanOptions, Stage
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import an_object
from tests.core.making import live_of, want

CONFIRMED = SyncRequest(confirmed=True)
PRUNING = PlanOptions(prune=True, request=CONFIRMED)
HOOKS = PlanOptions(prune=True, request=CONFIRMED, hooks=True, suffix="1a2b3c4-1790000000")


def a_hook(
    name: str = "migrate",
    phases: str = "PreSync",
    *,
    kind: str = "Job",
    wave: int = 0,
    namespace: str = "",
    policy: str = "",
) -> JsonObject:
    """Return a hook: a Job, or a ConfigMap."""
    version = "batch/v1" if kind == "Job" else "v1"
    marks = {HOOK: phases, SYNC_WAVE: str(wave)} | ({HOOK_DELETE_POLICY: policy} if policy else {})
    return an_object(kind, name, api_version=version, namespace=namespace, annotations=marks)


def generated(body: JsonObject, prefix: str) -> JsonObject:
    """Return the manifest with a generateName in place of its name."""
    metadata = body["metadata"]
    assert isinstance(metadata, Mapping)
    kept = {key: item for key, item in metadata.items() if key != "name"}
    return {**body, "metadata": {**kept, "generateName": prefix}}


def a_job(name: str = "load", options: str = "", **annotations: str) -> JsonObject:
    """Return a Job that is an object, with these sync options."""
    marks = {**annotations, **({SYNC_OPTIONS: options} if options else {})}
    return an_object("Job", name, api_version="batch/v1", annotations=marks)


def judged(wanted: Desired, verdict: Verdict = Verdict.MISSING, error: str = "", *extra: LiveObject) -> Comparison:
    """Return the comparison in which every wanted object got the same verdict, and `extra` ones left git."""
    items = [
        ObjectComparison(
            item.key, item, None if verdict is Verdict.MISSING else live_of(item), verdict, ("spec",), error
        )
        for item in wanted.objects
    ]
    items += [ObjectComparison(one.key, None, one, Verdict.EXTRA) for one in extra]
    return Comparison({item.key: item for item in items}, wanted.digest, wanted)


def planned(
    *bodies: JsonObject, options: PlanOptions = HOOKS, verdict: Verdict = Verdict.MISSING, error: str = ""
) -> Plan:
    """Return the plan for objects that all have this verdict."""
    wanted = want(*bodies)
    return plan(wanted, judged(wanted, verdict, error), options)


def told(stages: tuple[Stage, ...]) -> list[tuple[str, int, list[str]]]:
    """Return each stage's phase, wave and the names of what it writes, those that are deleted with a minus."""
    return [
        (
            stage.phase.value,
            stage.wave,
            [f"-{step.key.name}" for step in stage.prunes]
            + [step.key.name for group in stage.groups for step in group],
        )
        for stage in stages
    ]
