"""The whole story of one application, top to bottom: render, compare, decide, sync, judge its health.

Bookkeeping (status, events, metrics, back-off) hangs on the `Outcome` and is nowhere in the story.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel

from gitopsd.control.application import Application
from gitopsd.control.aside import aside
from gitopsd.control.comparing import Comparer, Predict, refusing
from gitopsd.control.orphans import look_for_orphans
from gitopsd.control.queue import Level
from gitopsd.control.sync import Prepare, run_stage, waited_for, waiting_for, with_results
from gitopsd.core.annotations import compare_options
from gitopsd.core.appstatus import (
    AppStatus,
    ResourceStatus,
    external_urls,
    overall_health,
    overall_sync,
    resource_statuses,
    unjudged,
)
from gitopsd.core.compare import NOTHING_COMPARED, Comparison, ObjectComparison, Verdict, compare_namespace
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.decide import Act, Decision, decide, wipes_out
from gitopsd.core.desired import desired, managed_namespace, wanted_kinds, without_kinds
from gitopsd.core.errors import SpecError
from gitopsd.core.findings import Shared, finds_something, reasons_unknown, shared_objects, unused
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.live import Live
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.normalize import CompareRules
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.orphans import warnings
from gitopsd.core.permit import permit_object
from gitopsd.core.plan import Plan, PlanOptions, plan
from gitopsd.core.project import ONLY_DEFAULT, OrphanedResources, Projects
from gitopsd.core.schedule import SELF_HEAL, Backoff
from gitopsd.core.syncrequest import AUTOMATED, HEALING
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.expressions import FieldExpressions
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.renderer import Renderer

_NOT_JUDGED: Final = Health(HealthStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Adapters:
    """What a reconciliation needs of the world.

    `exists` says whether there is an application with such a mark on its objects.
    `threads` bounds the work on large applications that is done aside.
    `stopping` turns true when the daemon wants to end; `rendering` bounds the renders under way, `turns` (by cluster)
    the passes that work on one cluster; `timing` says for how long verdicts on health stand, `resources` how kinds are
    compared. `used_ignores` takes the rules of the system that found something to ignore.
    """

    renderer: Renderer
    clock: Clock
    stopping: Callable[[], bool]
    rendering: anyio.CapacityLimiter
    turns: Callable[[str], anyio.CapacityLimiter]
    judge: HealthJudge
    self_heal: Callable[[], Backoff] = lambda: SELF_HEAL
    timing: Callable[[], Timing] = lambda: NO_TIMEOUTS
    resources: Callable[[], ResourceSettings] = ResourceSettings
    used_ignores: set[IgnoreRule] = field(default_factory=set)
    expressions: FieldExpressions | None = None
    projects: Callable[[], Projects] = lambda: ONLY_DEFAULT
    exists: Callable[[str], bool] = lambda _: True
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))


@dataclass(frozen=True, slots=True)
class Request:
    """What a pass starts from: the commit of each source, how much is to be done anew, and warnings to carry along."""

    commits: tuple[str, ...]
    level: Level = Level.GIT
    warnings: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """An application as one pass sees it."""

    wanted: Desired
    namespace: DesiredObject | None
    live: Live
    comparison: Comparison
    conditions: tuple[Condition, ...]
    warnings: tuple[Condition, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    health: Health = _NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass found and did."""

    status: AppStatus
    comparison: Comparison
    decision: Decision
    operation: Operation | None
    """The operation that this pass began, advanced or ended; None if there was none."""


async def reconcile(app: Application, cluster: Cluster, request: Request, adapters: Adapters) -> Outcome:
    """One pass over one application. Raises `GitopsdError` where it cannot even be compared."""
    wanted = _included(app, cluster, await want(app, cluster, request, adapters))
    async with adapters.turns(cluster.name):
        app.comparison = _reconsidered(app.comparison, request.level)
        view = await look(app, cluster, wanted, request.warnings, adapters)
        now = adapters.clock.monotonic()
        decision = decide(
            app.spec,
            wanted,
            view.comparison,
            conditions=view.conditions,
            attempt=app.attempt,
            now=now,
            self_heal=adapters.self_heal(),
        )
        operation = begin(app, view, decision, adapters)
        if operation is not None:
            operation, view = await advance(app, cluster, operation, view, adapters)
    previous = {item.key: item for item in app.status.resources}
    verdicts = await adapters.judge.assess(unjudged(view.comparison, previous, adapters.clock.now()))
    await _look_for_orphans(app, cluster, adapters)
    resources, health = await _judged(view.comparison, previous, verdicts, adapters)
    status = _status(app, replace(view, resources=resources, health=health), decision, operation, adapters)
    return Outcome(status, view.comparison, decision, operation)


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


async def want(app: Application, cluster: Cluster, request: Request, adapters: Adapters) -> Desired:
    """What git wants; made anew only if git moved, somebody insists, or a kind was unknown or changed its scope."""
    if app.desired is not None and await _rescoped(app, cluster):
        app.commits, app.content = (), ""
    moved, app.moved = app.moved, False  # set again by what moves while this renders: the next pass sees to that
    fresh = app.commits == request.commits and request.level < Level.HARD and not moved
    if app.desired is not None and fresh and app.rendered is None:
        return app.desired
    rendered = app.rendered
    if moved or request.level is Level.HARD:
        app.commits = ()  # should the render fail, the next pass must not take the old one for good
    if rendered is None or not fresh:
        target = await cluster.target()
        use_cache = request.level < Level.HARD
        async with adapters.rendering:
            rendered = await adapters.renderer.render(
                app.spec, request.commits, target, use_cache=use_cache, known=app.content
            )
        app.random, app.places = rendered.random, rendered.places
        if rendered.unchanged and app.desired is not None:
            app.commits = request.commits
            return app.desired
    gvks = wanted_kinds(rendered.manifests)
    kinds = app.served = await cluster.kinds(gvks)
    manifests = rendered.manifests
    app.desired = await aside(adapters.threads, len(manifests), lambda: desired(app.spec, manifests, kinds))
    app.commits = request.commits
    app.renderers = rendered.renderers
    complete = gvks <= kinds.keys()
    app.content = rendered.content if complete else ""
    app.rendered = None if complete else rendered
    return app.desired


async def _rescoped(app: Application, cluster: Cluster) -> bool:
    """Whether a definition came back with another scope: its objects lie in other places then."""
    now = await cluster.kinds(app.served.keys())
    return any(app.served[gvk].namespaced is not info.namespaced for gvk, info in now.items())


async def look(
    app: Application, cluster: Cluster, wanted: Desired, warnings: tuple[Condition, ...], adapters: Adapters
) -> View:
    """What the cluster has, compared with what git wants; a dry-run is asked only where ownership cannot tell."""
    namespace = managed_namespace(app.spec, wanted)
    every = (*wanted.objects, namespace) if namespace else wanted.objects
    kinds = _kinds(app, every)
    app.kinds |= {gvk.group_kind for gvk in kinds}
    live = await cluster.observe(app.spec.name, [item.key for item in every], kinds)
    before = app.comparison
    app.comparison = comparison = await _comparer(app, cluster, adapters).compare(
        wanted, _without(live, namespace), before
    )
    if comparison is not before:
        app.shared = shared_objects(app.spec, comparison)
        await _look_for_use(app, before, app.spec.ignore_differences, app.used_ignores)
        await _look_for_use(app, before, adapters.resources().ignore_differences, adapters.used_ignores)
    conditions = (*_conditions(app, wanted, comparison), *warnings)
    return View(wanted, namespace, live, comparison, conditions, warnings)


def begin(app: Application, view: View, decision: Decision, adapters: Adapters) -> Operation | None:
    """The operation to work on: the one under way, unless git moved on (design decision 9), or a new one if `decision`
    says so.
    """
    running = app.operation
    if running is not None and running.digest == view.wanted.digest and not running.phase.done:
        return running
    if decision.act not in (Act.SYNC, Act.HEAL):
        return None
    same = app.attempt is not None and app.attempt.digest == view.wanted.digest
    fresh = Operation(
        digest=view.wanted.digest,
        revisions=app.commits,
        started_at=adapters.clock.now(),
        retries=app.attempt.count if same and app.attempt else 0,
        request=HEALING if decision.act is Act.HEAL else AUTOMATED,
    )
    if app.shared and app.spec.sync_policy.enabled("FailOnSharedResource"):
        return replace(fresh, phase=Phase.FAILED, message=f"{'; '.join(_each_shared(app))} (FailOnSharedResource=true)")
    steps = plan(view.wanted, view.comparison, plan_options(app), _compare_namespace(view))
    if steps.empty and decision.act is Act.HEAL:
        return None  # all that differs stays on purpose: Prune=false, or it is being deleted already
    return replace(fresh, results=_skipped(steps), plan=steps)


async def advance(
    app: Application, cluster: Cluster, operation: Operation, view: View, adapters: Adapters
) -> tuple[Operation, View]:
    """Take the operation as far as it goes now: to its end, or to a wave that has to become healthy first (design
    decision 6).
    """
    steps = operation.plan
    while steps is not None and not operation.phase.done and operation.stage < len(steps.stages):
        stage = steps.stages[operation.stage]
        if not operation.applied:
            app.writing = True
            try:
                prepare = _preparing(app, cluster, view.live, adapters)
                permit = partial(permit_object, app.spec, projects=adapters.projects(), server=cluster.server)
                results = await run_stage(cluster, permit, stage, adapters.stopping, prepare)
            finally:
                app.writing = False
            if adapters.stopping():
                return replace(operation, results={**operation.results, **results}), view
            operation = with_results(operation, results)
            view = await look(app, cluster, view.wanted, view.warnings, adapters)
            continue
        verdicts = await adapters.judge.assess(waited_for(stage, view.live))
        waits, never = waiting_for(stage, view.live, verdicts, adapters.clock.now(), adapters.timing())
        if never:
            operation = replace(operation, phase=Phase.FAILED, message=never)
        elif waits:
            return replace(operation, message=waits), view
        else:
            operation = replace(operation, stage=operation.stage + 1, applied=False, message="")
    return _ended(operation, adapters), view


def plan_options(app: Application) -> PlanOptions:
    """What a sync of this application may do without being asked."""
    policy = app.spec.sync_policy
    propagation = policy.options.get("PrunePropagationPolicy", "foreground").capitalize()
    allowed = policy.options.get("Prune", "true") == "true"
    prune = allowed and policy.automated is not None and policy.automated.prune
    return PlanOptions(prune=prune, prune_last=policy.enabled("PruneLast"), propagation=propagation)


def _ended(operation: Operation, adapters: Adapters) -> Operation:
    finished = adapters.clock.now()
    if operation.phase.done:
        return replace(operation, finished_at=finished)
    synced = sum(item.code is not ResultCode.PRUNE_SKIPPED for item in operation.results.values())
    return replace(
        operation, phase=Phase.SUCCEEDED, finished_at=finished, message=f"{synced} objects written", applied=False
    )


def _kinds(app: Application, wanted: Iterable[DesiredObject]) -> set[GVK]:
    """The kinds to look at: what git wants, and what was there the last time, since it may have left git meanwhile."""
    kinds = {item.gvk for item in wanted}
    known = {gvk.group_kind for gvk in kinds}
    return kinds | {item.gvk for item in app.status.resources if item.gvk.group_kind not in known}


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


def _without(live: Live, namespace: DesiredObject | None) -> Live:
    """The namespace of `CreateNamespace` belongs to no application, or to another one: it is never left over."""
    if namespace is None:
        return live
    return replace(live, objects={key: item for key, item in live.objects.items() if key != namespace.key})


def _included(app: Application, cluster: Cluster, wanted: Desired) -> Desired:
    """What is wanted of the kinds that the configuration does not exclude on this cluster."""
    kinds = frozenset(kind for kind in {item.key.group_kind for item in wanted.objects} if cluster.excluded(kind))
    if not kinds:
        return wanted
    kept = without_kinds(app.spec, wanted, kinds)
    if app.included is None or (app.included.digest, app.included.excluded) != (kept.digest, kept.excluded):
        app.included = kept
    return app.included


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
        kind, there = wanted.key.group_kind, live.objects.get(wanted.key)
        if kind in live.unreadable:
            raise SpecError(f"{kind} cannot be read", why=live.unreadable[kind])
        if there is None or wanted.options.get("RespectIgnoreDifferences", everywhere) != "true":
            return wanted
        return await comparer.respected(wanted, there)

    return prepare


def _skipped(steps: Plan) -> dict[ObjectKey, StepResult]:
    return {key: StepResult(ResultCode.PRUNE_SKIPPED, reason) for key, reason in steps.skipped.items()}


def _compare_namespace(view: View) -> ObjectComparison | None:
    """Whether the namespace that CreateNamespace asks for has to be made or changed; None where nobody may see it: if
    it is missing, what goes into it says so.
    """
    if view.namespace is None or view.namespace.key.group_kind in view.live.unreadable:
        return None
    return compare_namespace(view.namespace, view.live.objects.get(view.namespace.key))


def _conditions(app: Application, wanted: Desired, comparison: Comparison) -> tuple[Condition, ...]:
    found = [Condition(ConditionType.COMPARISON_ERROR, problem) for problem in wanted.problems]
    found += [Condition(ConditionType.COMPARISON_ERROR, reason) for reason in reasons_unknown(comparison)]
    found += [Condition(ConditionType.REPEATED_RESOURCE_WARNING, warning) for warning in wanted.warnings]
    found += [Condition(ConditionType.SHARED_RESOURCE_WARNING, message) for message in _each_shared(app)]
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


def _each_shared(app: Application) -> list[str]:
    """One sentence for each of the other applications, with the first of the objects."""
    first: dict[str, Shared] = {}
    for item in app.shared:
        first.setdefault(item.owner, item)
    counts = Counter(item.owner for item in app.shared)
    return [
        f"{item.key}{f' and {counts[owner] - 1} more' if counts[owner] > 1 else ''} "
        f"is part of the applications {app.spec.name} and {owner}"
        for owner, item in first.items()
    ]


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
    if last is not None and failed and not view.comparison.synced:
        conditions = (*conditions, Condition(ConditionType.SYNC_ERROR, last.message))
    conditions = (*conditions, *warnings(app.orphaned, _orphan_settings(app, adapters)))
    return AppStatus(
        name=app.spec.name,
        sync=overall_sync(view.comparison, view.wanted.problems),
        health=view.health,
        revisions=app.commits,
        conditions=conditions,
        resources=view.resources,
        hooks=tuple(item.shown for item in view.wanted.hooks),
        renderers=app.renderers,
        operation=last,
        decision=decision.reason,
        unused_ignores=_unused(app, view.comparison),
        external_urls=external_urls(view.resources),
        reconciled_at=adapters.clock.now(),
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
        phase, message = Phase.FAILED, "superseded by newer manifests"
    elif view.comparison.synced:
        phase, message = Phase.SUCCEEDED, last.message
    else:
        phase, message = Phase.FAILED, "interrupted before its end"
    return replace(last, phase=phase, message=message, finished_at=adapters.clock.now(), plan=None)
