"""The whole story of one application, top to bottom: render, compare, decide, sync, judge its health.

Bookkeeping (status, events, metrics, back-off) hangs on the `Outcome` and is nowhere in the story.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import anyio.lowlevel

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.aside import aside
from gitopsd.control.comparing import Comparer, Predict, refusing
from gitopsd.control.ground import Ground
from gitopsd.control.operating import operate
from gitopsd.control.orphans import look_for_orphans
from gitopsd.control.past import go_back, note_health
from gitopsd.control.queue import Level
from gitopsd.control.sync import Prepare
from gitopsd.control.target import Target, aim, rendered_at
from gitopsd.control.view import Outcome, Request, View
from gitopsd.core.annotations import compare_options
from gitopsd.core.app import Dependency
from gitopsd.core.appstatus import (
    AppStatus,
    ResourceStatus,
    external_urls,
    out_of_sight,
    overall_health,
    overall_sync,
    resource_statuses,
    unjudged,
    with_held,
)
from gitopsd.core.causes import is_cured, versions
from gitopsd.core.compare import NOTHING_COMPARED, Comparison, Verdict
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.decide import IN_SYNC, UNDER_WAY, Decision, decide, wipes_out
from gitopsd.core.dependency import Readiness, object_of
from gitopsd.core.desired import managed_namespace, without_kinds
from gitopsd.core.errors import SpecError
from gitopsd.core.findings import each_shared, finds_something, reasons_unknown, shared_objects, unused
from gitopsd.core.guards import too_many
from gitopsd.core.health.status import Health
from gitopsd.core.health.timing import earliest
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.live import Live
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.normalize import CompareRules
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.orphans import warnings
from gitopsd.core.progress import runs_hooks
from gitopsd.core.project import OrphanedResources
from gitopsd.core.staying import staying
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.readiness import ReadinessJudge

_CURED_AT_ONCE: Final = 3
_OF_DELETIONS: Final = frozenset({SyncPhase.PRE_DELETE, SyncPhase.POST_DELETE})


async def reconcile(app: Application, cluster: Cluster, request: Request, adapters: Adapters) -> Outcome:
    """One pass over one application. Raises `GitopsdError` where it cannot even be compared."""
    target = await aim(app, cluster, request, adapters)
    wanted = _included(app, cluster, target.wanted)
    async with adapters.turns(cluster.name).of(app.spec.name):
        app.comparison = _reconsidered(app.comparison, request.level)
        view = await _compared(app, cluster, replace(target, wanted=wanted), request, adapters)
        now = adapters.clock.monotonic()
        decision = decide(
            app.spec,
            wanted,
            view.comparison,
            conditions=view.conditions,
            attempt=app.attempt,
            now=now,
            self_heal=adapters.self_heal(),
            hold=adapters.hold(app.spec),
            stays=staying(app.status.operation, wanted.digest),
        )
        operated = await operate(_ground(app, cluster, adapters), view, decision)
        view, operation = operated.view, operated.operation
        if operation is not None and operation.phase is Phase.SUCCEEDED and view.comparison.synced:
            decision = IN_SYNC
        if operation is not None and not operation.phase.done:
            decision = replace(decision, reason=UNDER_WAY)
    previous = {item.key: item for item in app.status.resources}
    verdicts = await adapters.judge.assess(unjudged(view.comparison, previous, adapters.clock.now()))
    await _look_for_orphans(app, cluster, adapters)
    resources, health = await _judged(view.comparison, previous, verdicts, adapters)
    if operation is not None and (held := too_many(staying(operation))):
        resources = with_held(resources, {item.key for item in resources if item.requires_pruning} & held)
    shown = replace(view, resources=(*resources, *view.out_of_sight), health=health)
    status = replace(_status(app, shown, decision, operation, adapters), server=cluster.server)
    await note_health(app, status, adapters)
    status = await go_back(app, status, adapters)
    again = earliest([operated.again, app.look_again])
    app.look_again = None
    return Outcome(status, view.comparison, decision, operation, operated.given_up, again)


async def _compared(app: Application, cluster: Cluster, target: Target, request: Request, adapters: Adapters) -> View:
    with adapters.tracer.span("compare") as span:
        view = await look(app, cluster, target, request.warnings, adapters)
        if span.recording:
            verdicts = Counter(item.verdict.name.lower() for item in view.comparison.objects.values())
            counts = [f"{verdict}={count}" for verdict, count in sorted(verdicts.items())]
            span.note(objects=len(view.comparison.objects), verdicts=counts)
    return view


async def _judged(
    comparison: Comparison,
    previous: Mapping[ObjectKey, ResourceStatus],
    verdicts: Mapping[ObjectKey, Health | None],
    adapters: Adapters,
) -> tuple[tuple[ResourceStatus, ...], Health]:
    """The status of each object, and the health of all together."""
    now, timing = adapters.clock.now(), adapters.timing()

    def work() -> tuple[tuple[ResourceStatus, ...], Health]:
        resources = resource_statuses(comparison, previous, verdicts, now, timing)
        return resources, overall_health(resources)

    return await aside(adapters.threads, len(comparison.objects), work)


async def look(
    app: Application, cluster: Cluster, target: Target, warnings: tuple[Condition, ...], adapters: Adapters
) -> View:
    """What the cluster has, compared with what git wants; a dry-run is asked only where ownership cannot tell."""
    wanted = target.wanted
    namespace = managed_namespace(app.spec, wanted)
    every = (*wanted.objects, namespace) if namespace else wanted.objects
    kinds = _kinds(app, every) | {item.gvk for item in wanted.hooks}
    app.kinds |= {gvk.group_kind for gvk in kinds}
    keys = [item.key for item in every]
    if wanted.hooks:
        keys += _hook_keys(app, wanted)
    beside = _beside(app)
    live = await cluster.observe(app.spec.name, [*keys, *beside], kinds | {*beside.values()})
    if beside:
        live = await _set_apart(app, live, keys, beside, adapters)
    before = app.comparison
    app.comparison = comparison = await _comparer(app, cluster, adapters).compare(
        wanted, _without(live, namespace), before
    )
    if comparison is not before:
        app.shared = shared_objects(app.spec, comparison)
        await _look_for_use(app, before, app.spec.ignore_differences, app.used_ignores)
        await _look_for_use(app, before, adapters.resources().ignore_differences, adapters.used_ignores)
    unseen = out_of_sight(app.status.resources, comparison, live.unreadable)
    conditions = (
        *_hidden_hooks(wanted, live),
        *_conditions(app, wanted, comparison),
        *_unseen_conditions(unseen),
        *warnings,
    )
    return View(wanted, namespace, live, comparison, conditions, warnings, target.revisions, out_of_sight=unseen)


def _beside(app: Application) -> Mapping[ObjectKey, GVK]:
    """Objects that are none of the application's, and concern it: what may cure its last failure, what it waits for."""
    found = dict(app.causes)
    for item in app.spec.depends_on:
        if item.gvk is not None:
            found[object_of(item)] = item.gvk
    return found


async def _set_apart(
    app: Application, live: Live, own: Sequence[ObjectKey], beside: Mapping[ObjectKey, GVK], adapters: Adapters
) -> Live:
    """`live` without what is only beside. If what made the last sync fail changed since, its back-off is over."""
    now = versions(app.causes, live)
    if app.attempt is not None and _cured(app, live, now):
        app.attempt = replace(app.attempt, ended=-math.inf)
    app.cause_versions = now
    if adapters.readiness is not None:
        app.readiness = await _readiness(app.spec.depends_on, live, adapters.readiness)
    others = beside.keys() - set(own)
    return replace(live, objects={key: item for key, item in live.objects.items() if key not in others})


def _cured(app: Application, live: Live, now: Mapping[ObjectKey, str]) -> bool:
    """Whether a new try may work. What was cured before anybody looked counts for a few tries only: should it be
    something else, they become rarer again.
    """
    if app.cause_versions:
        return now != app.cause_versions
    last, attempt = app.status.operation, app.attempt
    if last is None or attempt is None or attempt.count > _CURED_AT_ONCE:
        return False
    creates = app.spec.sync_policy.enabled("CreateNamespace")
    place = app.spec.destination.namespace
    return any(is_cured(key, last, live, makes=creates and key.name == place) for key in app.causes)


async def _readiness(
    waited_for: Iterable[Dependency], live: Live, judge: ReadinessJudge
) -> Mapping[Dependency, Readiness]:
    there = [(item, live.objects[key]) for item in waited_for if item.gvk and (key := object_of(item)) in live.objects]
    verdicts = await judge.ready([(one, item.ready) for item, one in there])
    return {item: verdict for (item, _), verdict in zip(there, verdicts, strict=True)}


def _hook_keys(app: Application, wanted: Desired) -> list[ObjectKey]:
    """The objects of hooks: those that have their names already, and those of the operation under way."""
    keys = [item.key for item in wanted.hooks if not item.generated]
    if app.operation is not None:
        keys += [item.key for item in app.operation.hooks]
    return keys


def _kinds(app: Application, wanted: Iterable[DesiredObject]) -> set[GVK]:
    """The kinds to look at: what git wants, and what was there the last time, since it may have left git meanwhile."""
    kinds = {item.gvk for item in wanted}
    known = {gvk.group_kind for gvk in kinds}
    return kinds | {item.gvk for item in app.status.resources if item.gvk.group_kind not in known}


def _hidden_hooks(wanted: Desired, live: Live) -> Iterator[Condition]:
    """Hooks of a sync that could not be run, since nobody would see how they end."""
    if not live.unreadable:
        return
    reasons = dict.fromkeys(
        f"hook {hook.key}: {why}"
        for hook in wanted.hooks
        if _OF_DELETIONS.isdisjoint(hook.phases) and (why := live.unreadable.why(hook.key))
    )
    for reason in reasons:
        yield Condition(ConditionType.COMPARISON_ERROR, reason)


def _unseen_conditions(unseen: Sequence[ResourceStatus]) -> tuple[Condition, ...]:
    if not unseen:
        return ()
    named = ", ".join([*(str(item.key) for item in unseen[:5]), *(["…"] if len(unseen) > 5 else [])])
    return (Condition(ConditionType.UNREADABLE_RESOURCE_WARNING, f"{named}: {unseen[0].message}"),)


def _reconsidered(comparison: Comparison, level: Level) -> Comparison:
    """The verdicts that still stand: a refusal may have been cured elsewhere, so whoever asks gets a new dry-run."""
    if level is Level.LIVE:
        return comparison
    if level is Level.HARD:
        return NOTHING_COMPARED
    if not comparison.having(Verdict.REFUSED):
        return comparison
    return replace(
        comparison,
        objects={key: item for key, item in comparison.objects.items() if item.verdict is not Verdict.REFUSED},
    )


def _ground(app: Application, cluster: Cluster, adapters: Adapters) -> Ground:
    async def again(view: View) -> View:
        return await look(app, cluster, Target(view.wanted, view.revisions), view.warnings, adapters)

    async def glance(wanted: Desired, revisions: tuple[str, ...]) -> View:
        namespace = managed_namespace(app.spec, wanted)
        every = (*wanted.objects, namespace) if namespace else wanted.objects
        kinds = _kinds(app, every) | {item.gvk for item in wanted.hooks}
        live = await cluster.observe(app.spec.name, [item.key for item in every], kinds)
        comparison = await _comparer(app, cluster, adapters).compare(wanted, _without(live, namespace))
        return View(wanted, namespace, live, comparison, (), revisions=revisions)

    async def rendered(commits: tuple[str, ...]) -> Desired:
        return _without_excluded(app, cluster, await rendered_at(app, cluster, commits, adapters))

    def prepare(view: View) -> Prepare:
        return _preparing(app, cluster, view.live, adapters)

    return Ground(app, cluster, adapters, again, prepare, glance, rendered)


def _without(live: Live, namespace: DesiredObject | None) -> Live:
    """The namespace of `CreateNamespace` belongs to no application, or to another one: it is never left over."""
    if namespace is None:
        return live
    return replace(live, objects={key: item for key, item in live.objects.items() if key != namespace.key})


def _included(app: Application, cluster: Cluster, wanted: Desired) -> Desired:
    """What is wanted of the kinds that the configuration does not exclude on this cluster."""
    kept = _without_excluded(app, cluster, wanted)
    if kept is wanted:
        return wanted
    if app.included is None or app.included != kept:
        app.included = kept
    return app.included


def _without_excluded(app: Application, cluster: Cluster, wanted: Desired) -> Desired:
    present = {item.key.group_kind for item in wanted.objects}
    present |= {item.key.group_kind for item in wanted.hooks}
    kinds = frozenset(kind for kind in present if cluster.excluded(kind))
    if not kinds:
        return wanted
    return without_kinds(app.spec, wanted, kinds)


def _comparer(app: Application, cluster: Cluster, adapters: Adapters) -> Comparer:
    mutations = compare_options(app.spec.annotations).get("IncludeMutationWebhook") == "true"
    rules = CompareRules.of(adapters.resources(), app.spec.ignore_differences, mutations=mutations)
    if app.rules is None or app.rules != rules:
        app.rules = rules
    return Comparer(app.rules, _predict(app, cluster, adapters), adapters.expressions)


def _predict(app: Application, cluster: Cluster, adapters: Adapters) -> Predict:
    """Dry-runs as whoever would sync (N1); where that is nobody, each is refused with the reason."""
    try:
        account = adapters.projects().account(app.spec, cluster.server)
    except SpecError as error:
        return refusing(error)
    return partial(cluster.predict, impersonate=account)


async def _look_for_use(
    app: Application, before: Comparison, rules: Sequence[IgnoreRule], used: set[IgnoreRule]
) -> None:
    """Add to `used` those of `rules` that find something in what is new of the application's comparison."""
    rules = [rule for rule in rules if rule not in used]
    for key, item in app.comparison.objects.items() if rules else ():
        fitting = [rule for rule in rules if rule not in used and rule.fits(key)]
        if fitting and before.objects.get(key) is not item:
            used.update(rule for rule in fitting if finds_something(rule, item))
            await anyio.lowlevel.checkpoint()


def _preparing(app: Application, cluster: Cluster, live: Live, adapters: Adapters) -> Prepare:
    """What is applied of an object: with `RespectIgnoreDifferences=true` its ignored fields as the cluster has them."""
    comparer = _comparer(app, cluster, adapters)
    everywhere = app.spec.sync_policy.options.get("RespectIgnoreDifferences", "false")

    async def prepare(wanted: DesiredObject) -> DesiredObject:
        there = live.objects.get(wanted.key)
        if why := live.unreadable.why(wanted.key):
            raise SpecError(why)
        if there is None or wanted.options.get("RespectIgnoreDifferences", everywhere) != "true":
            return wanted
        return await comparer.respected(wanted, there)

    return prepare


def _conditions(app: Application, wanted: Desired, comparison: Comparison) -> tuple[Condition, ...]:
    found = [Condition(ConditionType.COMPARISON_ERROR, problem) for problem in wanted.problems]
    found += [Condition(ConditionType.COMPARISON_ERROR, reason) for reason in reasons_unknown(comparison)]
    found += [Condition(ConditionType.REPEATED_RESOURCE_WARNING, warning) for warning in wanted.warnings]
    found += [Condition(ConditionType.MANIFEST_WARNING, doubt) for doubt in wanted.doubts]
    found += [
        Condition(ConditionType.SHARED_RESOURCE_WARNING, message) for message in each_shared(app.spec.name, app.shared)
    ]
    if wanted.excluded:
        named = ", ".join([*map(str, wanted.excluded[:5]), *(["…"] if len(wanted.excluded) > 5 else [])])
        found.append(
            Condition(
                ConditionType.EXCLUDED_RESOURCE_WARNING,
                f"{named}: neither applied nor compared, because resources.exclusions has the kind, or "
                "resources.inclusions has not. Try: remove it from git, or change these",
            )
        )
    if app.random:
        named = ", ".join((*app.random[:5], "…") if len(app.random) > 5 else app.random)
        found.append(
            Condition(
                ConditionType.RANDOM_VALUE_WARNING,
                f"{named}: not a function of git; the value was drawn once for this application and stays. "
                "Try: keep such values in git or in a Secret of their own",
            )
        )
    automated = app.spec.sync_policy.automated
    if wipes_out(wanted, comparison) and automated is not None and automated.prune and not automated.allow_empty:
        count = len(comparison.objects)
        found.append(
            Condition(
                ConditionType.SYNC_ERROR,
                f"git has no objects any more, {count} are left in the cluster and stay. "
                "Try: bring the manifests back, or set syncPolicy.automated.allowEmpty if they shall go",
            )
        )
    return tuple(found)


def _status(
    app: Application,
    view: View,
    decision: Decision,
    operation: Operation | None,
    adapters: Adapters,
) -> AppStatus:
    last = operation or _abandoned(app.operation or app.status.operation, view, adapters)
    conditions = view.conditions
    failed = last is not None and last.phase in (Phase.FAILED, Phase.ERROR) and last.digest == view.wanted.digest
    if last is not None and failed and (runs_hooks(last) or not view.comparison.synced):
        conditions = (*conditions, Condition(ConditionType.SYNC_ERROR, last.message))
    conditions = (*conditions, *warnings(app.orphaned, _orphan_settings(app, adapters)))
    return AppStatus(
        name=app.spec.name,
        sync=overall_sync(view.comparison, view.wanted.problems),
        health=view.health,
        revisions=view.revisions,
        conditions=conditions,
        resources=view.resources,
        hooks=tuple(item.shown for item in view.wanted.hooks),
        renderers=app.renderers,
        operation=last,
        decision=decision.reason,
        unused_ignores=_unused(app, view.comparison),
        external_urls=external_urls(view.resources),
        reconciled_at=adapters.clock.now(),
        pin=app.pin,
        blocked_by=(*adapters.hold(app.spec).reasons, *app.held_back),
    )


async def _look_for_orphans(app: Application, cluster: Cluster, adapters: Adapters) -> None:
    settings = _orphan_settings(app, adapters)
    if settings is not None or app.orphaned.asked:
        app.orphaned = await look_for_orphans(app.spec, cluster, settings, app.orphaned, adapters.exists)


def _orphan_settings(app: Application, adapters: Adapters) -> OrphanedResources | None:
    project = adapters.projects().find(app.spec.project)
    return project.orphaned if project is not None else None


def _unused(app: Application, comparison: Comparison) -> tuple[str, ...]:
    rules = [rule for rule in app.spec.ignore_differences if rule not in app.used_ignores]
    return unused(rules, comparison) if rules else ()


def _abandoned(last: Operation | None, view: View, adapters: Adapters) -> Operation | None:
    """The last operation; one that nobody works on any more is over: git moved on, or a restart interrupted it."""
    if last is None or last.phase.done:
        return last
    if last.digest != view.wanted.digest:
        has = ", which the cluster has already" if view.comparison.synced else ""
        phase, message = Phase.FAILED, f"superseded by newer manifests{has}"
    elif view.comparison.synced:
        phase, message = Phase.SUCCEEDED, last.message
    else:
        phase, message = Phase.FAILED, "interrupted before its end"
    return replace(last, phase=phase, message=message, finished_at=adapters.clock.now(), plan=None)
