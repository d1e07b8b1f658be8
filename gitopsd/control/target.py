"""What a pass aims at: what git wants now, what an application is held at, or what the operation under way applies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.aside import aside
from gitopsd.control.past import hold_as_before
from gitopsd.control.queue import Level
from gitopsd.control.view import Request
from gitopsd.core.desired import desired, wanted_kinds
from gitopsd.core.errors import GitopsdError, OperationError
from gitopsd.core.history import Pin, pinned_entry, unpinned
from gitopsd.core.jsonvalue import text
from gitopsd.core.manifest import Desired, Rendered
from gitopsd.ports.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Target:
    """`revisions` are what `wanted` was made of, one for each source."""

    wanted: Desired
    revisions: tuple[str, ...]


async def aim(app: Application, cluster: Cluster, request: Request, adapters: Adapters) -> Target:
    """What this pass aims at. A sync to a revision of its own is aimed at until it is over; then what the application
    is pinned to (ended here where git wants something else by now); else what git wants.
    """
    await hold_as_before(app, adapters.journal)
    running = app.operation
    if running is not None and running.request.revisions:
        return Target(await _kept(app, running.manifests, adapters), running.revisions)
    asked = app.asked_syncs[0].request if app.asked_syncs and running is None else None
    if asked is not None and asked.revisions:
        return Target(await rendered_at(app, cluster, asked.revisions, adapters), asked.revisions)
    if asked is not None and asked.history is not None and asked.dry_run:
        return await _rehearsed(app, asked.history, adapters)
    pin = app.pin
    if pin is not None:
        pin = await _checked(app, pin, cluster, request, adapters)
    if pin is not None:
        past = app.past = app.past or await adapters.journal.past(app.spec.name)
        entry = pinned_entry(past)
        return Target(await _kept(app, pin.manifests, adapters), entry.revisions if entry is not None else ())
    app.held = None
    wanted = await want(app, cluster, request, adapters)
    return Target(wanted, app.commits)


async def _checked(app: Application, pin: Pin, cluster: Cluster, request: Request, adapters: Adapters) -> Pin | None:
    """The pin, or None if git wants something else than when it was made. Git that cannot be asked changes nothing."""
    if not request.commits:
        return pin
    try:
        git = await want(app, cluster, request, adapters)
    except GitopsdError:
        return pin
    if git.digest == pin.held_against:
        return pin
    past = await adapters.journal.past(app.spec.name)
    if not pin.held_against:
        app.pin = replace(pin, held_against=git.digest)
        past = replace(past, pin=app.pin)
    else:
        app.pin, app.held, past = None, None, unpinned(past)
    await adapters.journal.save_past(app.spec.name, past)
    app.past = past
    return app.pin


async def _rehearsed(app: Application, history: int, adapters: Adapters) -> Target:
    """What a dry run of a rollback tries: the application is not pinned for it."""
    entry = (await adapters.journal.past(app.spec.name)).find(history)
    if entry is None:
        raise OperationError(f"the history has no entry {history}", reason="NotFound", where=app.spec.name)
    return Target(await adapters.journal.manifests(entry.manifests), entry.revisions)


async def _kept(app: Application, manifests: str, adapters: Adapters) -> Desired:
    if app.held is None or app.held[0] != manifests:
        app.held = manifests, await adapters.journal.manifests(manifests)
    return app.held[1]


async def rendered_at(app: Application, cluster: Cluster, commits: tuple[str, ...], adapters: Adapters) -> Desired:
    """What git wanted at these commits."""
    async with adapters.rendering:
        found = await adapters.renderer.render(app.spec, commits, await cluster.target(), use_cache=True, known="")
    kinds = await cluster.kinds(wanted_kinds(found.manifests))
    return await aside(adapters.threads, len(found.manifests), lambda: desired(app.spec, found.manifests, kinds))


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
        rendered = await _rendered(app, cluster, request, adapters)
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


async def _rendered(app: Application, cluster: Cluster, request: Request, adapters: Adapters) -> Rendered:
    tracer = adapters.tracer
    tracer.fetched(fetch for fetch in request.fetches if app.commits != request.commits)
    with tracer.span("render") as span:
        target = await cluster.target()
        use_cache = request.level < Level.HARD
        async with adapters.rendering:
            found = await adapters.renderer.render(
                app.spec, request.commits, target, use_cache=use_cache, known=app.content
            )
        if not found.unchanged:
            span.keep()
        if span.recording:
            kinds = Counter(text(item.body, "kind") for item in found.manifests)
            counts = [f"{kind}={count}" for kind, count in sorted(kinds.items())]
            span.note(revision=",".join(request.commits), unchanged=found.unchanged)
            span.note(objects=len(found.manifests), kinds=counts, renderers=found.renderers)
    return found


async def _rescoped(app: Application, cluster: Cluster) -> bool:
    """Whether a definition came back with another scope: its objects lie in other places then."""
    now = await cluster.kinds(app.served.keys())
    return any(app.served[gvk].namespaced is not info.namespaced for gvk, info in now.items())
