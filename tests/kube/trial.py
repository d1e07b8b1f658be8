"""One object on a real API server, what is done to it, and whether compare tells the truth of it afterwards."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import anyio.from_thread

from gitopsd.core.compare import ObjectComparison, Verdict, compare, judged
from gitopsd.core.desired import desired
from gitopsd.core.difference import object_differences
from gitopsd.core.errors import ClusterError
from gitopsd.core.fieldpath import fields_at, parse_path
from gitopsd.core.ids import Position
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import Desired, DesiredObject, KindInfo, Manifest
from gitopsd.core.normalize import NO_RULES
from gitopsd.core.permit import permit_object
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.objects import from_raw
from gitopsd.testing.builders import an_app
from tests.kube import mutations
from tests.kube.injector import LABEL
from tests.kube.oracle import drift, forced, in_place, ours, says_nothing, value_at
from tests.kube.others import Administrator, Change, Kind, Others
from tests.kube.tally import Tally

Body = dict[str, Any]

APP: Final = "truth"
_NUMBER: Final = itertools.count(1)
_LOOKS: Final = 5
_REPAIRS: Final = 8
# Without these an object is none: they are not taken out to please the API server.
_NEEDED: Final = frozenset(
    {"name", "spec", "template", "jobTemplate", "containers", "metadata", "labels", "scaleTargetRef", "versions"}
)


@dataclass
class Place:
    """Where objects are made, by whom, and what is counted."""

    cluster: KubeCluster
    admin: Administrator
    namespace: str
    tally: Tally


class UntrueError(AssertionError):
    """Compare was wrong."""


class Trial:
    """One object, from its making to its end. Everything here is called in a thread of its own."""

    def __init__(self, place: Place, kind: Kind, body: Body, other: Body) -> None:
        self._place, self._kind = place, kind
        number = next(_NUMBER)
        rename = _renamer(kind, number, place.namespace)
        self._body, self._other = rename(body), rename(other)
        self._others = Others(place.admin, kind, place.namespace, self._body, self._other)
        self._path = self._others.path
        self._spec = an_app(APP, namespace=place.namespace)
        self._wanted = self._desired(self._body)
        self._then: Body = {}
        self._forgotten = self._taken = False
        self._history: list[object] = []

    def run(self, changes: Sequence[Change]) -> None:
        """Apply it, let everybody change it, and look after each change. Raises `UntrueError`."""
        if not self._accepted():
            self._place.tally.discarded[self._kind.name] += 1
            return
        self._place.tally.objects[self._kind.name] += 1
        try:
            self._sync()
            for change in changes:
                self._change(change)
                if self._ending():
                    return
            self._sync()
        finally:
            self._place.admin("DELETE", self._path, {"propagationPolicy": "Background", "gracePeriodSeconds": 0})

    # ---- rounds

    def _change(self, change: Change) -> None:
        tally = self._place.tally
        self._history.append(change)
        if change.who == "us":
            self._us(change)
            return
        self._others.body, self._others.wanted = self._body, dict(self._wanted.document.body())
        status = self._others.do(change)
        self._forgotten |= change.who == "forget"
        tally.changes[change.who] += 1
        if status >= 300:
            tally.refused[change.who] += 1
            self._history.append(f"refused: {status}")
            return
        self._look_after(change)
        if change.seed % 3 == 0 and not self._ending():
            self._sync()

    def _ending(self) -> bool:
        """Whether it waits for its finalizers: what is applied to it now goes with it."""
        status, body = self._place.admin("GET", self._path)
        return status == 200 and "deletionTimestamp" in body["metadata"]

    def _us(self, change: Change) -> None:
        """Another commit."""
        body = mutations.mutated(self._body, self._other, change.seed)
        wanted = self._desired(body)
        _, truth, _ = self._judge(wanted)
        self._place.tally.changes["us"] += 1
        self._place.tally.rounds[self._kind.name] += 1
        if truth.verdict is Verdict.REFUSED:
            self._place.tally.refused["us"] += 1
            return
        self._history.append(body)
        before, self._body, self._wanted = (self._body, self._wanted), body, wanted
        if not self._sync():
            self._body, self._wanted = before
            self._then = {}

    def _look_after(self, change: Change) -> None:
        """Somebody changed it: what is ours and differs is found, and nothing else is."""
        self._place.tally.rounds[self._kind.name] += 1
        item, truth, live = self._judge(self._wanted)
        if live is None:
            self._expect(item.verdict is Verdict.MISSING, "an object that is gone is missing", item, truth, live)
            return
        if not self._then:
            return
        self._taken |= change.who != "forget" and ours(live) != ours(self._then) and not self._forgotten
        drifted = list(drift(ours(self._then), self._wanted.document.body(), self._then, live, ""))
        if drifted:
            self._place.tally.drifted[self._kind.name] += 1
            # The webhook has its own way in some of our fields: nobody can have them otherwise.
            excused = LABEL in str(drifted) or forced(live) != forced(self._then)
            found = truth.verdict is not Verdict.SYNCED
            self._expect(found or excused, f"{drifted} differ and nobody sees it", item, truth, live)
            self._owners(item, truth, live)
        elif in_place(self._then, live) and not self._taken:
            self._place.tally.untouched[self._kind.name] += 1
            self._place.tally.untouched_quick[self._kind.name] += item.verdict is Verdict.SYNCED
            if truth.verdict is Verdict.REFUSED:
                self._place.tally.unable[self._kind.name] += 1
                return
            calm = truth.verdict is Verdict.SYNCED
            self._expect(calm, f"nothing of ours was touched by {change.who}", item, truth, live)

    def _owners(self, item: ObjectComparison, truth: ObjectComparison, live: Body) -> None:
        """What somebody set since the last sync is not said to be ours."""
        if truth.verdict is not Verdict.CHANGED or self._forgotten:
            return
        for found in object_differences(truth, NO_RULES).fields:
            then = [value_at(self._then, place) for place in fields_at(self._then, parse_path(found.path))]
            now = [value_at(live, place) for place in fields_at(live, parse_path(found.path))]
            if not found.live.present or len(now) != 1 or _in_some_order(then) == _in_some_order(now):
                continue  # who put a list in another order is recorded nowhere
            self._place.tally.owners += 1
            if found.owner is None:
                continue  # a default of an object that somebody else made
            self._expect(
                found.owner.manager in self._managers(live),
                f"{found.path} is said to be set by {found.owner}",
                item,
                truth,
                live,
            )

    @staticmethod
    def _managers(live: Body) -> frozenset[str]:
        return frozenset(entry["manager"] for entry in live["metadata"]["managedFields"]) - {"gitopsd"}

    def _sync(self) -> bool:
        """Apply what is wanted; it is in sync then. Whether the API server took it."""
        self._history.append("sync")
        tally, kind = self._place.tally, self._kind.name
        try:
            anyio.from_thread.run(self._apply)
        except ClusterError as error:
            tally.unable[kind] += 1
            self._history.append(str(error))
            self._then = {}
            return False
        tally.rounds[kind] += 1
        item, truth, live = self._judge(self._wanted)
        tally.synced[kind] += 1
        tally.quick[kind] += item.verdict is Verdict.SYNCED
        if not says_nothing(self._body):
            tally.plain[kind] += 1
            tally.plain_quick[kind] += item.verdict is Verdict.SYNCED
        self._then, self._forgotten, self._taken = live or {}, False, False
        if truth.verdict is Verdict.REFUSED:  # the very bytes that it took a moment ago
            tally.again[f"{kind}: {truth.error[:300]}"] += 1
            return True
        self._expect(truth.verdict is Verdict.SYNCED, "out of sync right after a sync", item, truth, live)
        return True

    async def _apply(self) -> LiveObject:
        return await self._place.cluster.apply(permit_object(self._spec, self._wanted.key), self._wanted)

    def _judge(self, wanted: DesiredObject) -> tuple[ObjectComparison, ObjectComparison, Body | None]:
        """What compare says without a request, what it says after a dry-run, and the object of which both speak."""
        item, prediction = self._looked(wanted)
        for _ in range(_LOOKS):
            if prediction is None or prediction.current is None:
                break
            item, prediction = self._looked(wanted)  # a controller came between
        if prediction is None or item.live is None:
            return item, item, None
        truth = judged(replace(item, verdict=Verdict.UNDECIDED), prediction, NO_RULES)
        body = dict(item.live.document.body())
        if item.verdict is Verdict.SYNCED and prediction.current is None:
            calm = truth.verdict in (Verdict.SYNCED, Verdict.REFUSED)
            self._expect(calm, "the fast path says synced and a dry-run does not", item, truth, body)
        return item, truth, body

    def _looked(self, wanted: DesiredObject) -> tuple[ObjectComparison, Prediction | None]:
        live = self._live()
        found = Live({wanted.key: live} if live is not None else {})
        item = compare(Desired((wanted,), "one"), found).objects[wanted.key]
        if live is None:
            return item, None
        (prediction,) = anyio.from_thread.run(self._predict, wanted, live)
        return item, prediction

    async def _predict(self, wanted: DesiredObject, live: LiveObject) -> Sequence[Prediction]:
        return await self._place.cluster.predict([(wanted, live)])

    def _live(self) -> LiveObject | None:
        status, body = self._place.admin("GET", self._path)
        if status == 404 or "deletionTimestamp" in body.get("metadata", {}):
            return None
        assert status == 200, body
        return from_raw(json.dumps(body).encode(), self._kind.gvk)

    def _expect(
        self,
        holds: bool,
        what: str,
        item: ObjectComparison,
        truth: ObjectComparison,
        live: Body | None,
    ) -> None:
        if holds:
            return
        predicted = dict(truth.predicted.body()) if truth.predicted else None
        shown = {
            "what": what,
            "fast path": item.verdict,
            "dry-run": truth.verdict,
            "changes": truth.changes,
            "error": truth.error,
            "history": self._history,
            "wanted": item.desired.document.body() if item.desired else None,
            "live": live,
            "predicted": predicted,
            "after the last sync": self._then,
        }
        raise UntrueError(f"{self._kind.name}: {what}\n{json.dumps(shown, indent=1, default=str)}")

    # ---- the object

    def _desired(self, body: Body) -> DesiredObject:
        kinds = {self._kind.gvk: KindInfo(self._kind.namespaced)}
        found = desired(self._spec, (Manifest(body, Position("app.yaml", 1)),), kinds)
        return found.objects[0]

    def _accepted(self) -> bool:
        """Have the API server look at it, and leave out what it will not have, if that is only a few fields."""
        answer: Body = {}
        for _ in range(_REPAIRS):
            query = "?dryRun=All&fieldManager=gitopsd&force=true"
            body = self._wanted.document.body()
            status, answer = self._place.admin("PATCH", self._path + query, body, "application/apply-patch+yaml")
            if status < 300:
                return True
            causes = answer.get("details", {}).get("causes", ())
            if not any(_without(self._body, cause.get("field", "")) for cause in causes):
                break
            self._wanted = self._desired(self._body)
        self._place.tally.reasons[f"{self._kind.name}: {str(answer.get('message'))[:400]}"] += 1
        return False


def _in_some_order(found: list[Any]) -> list[Any]:
    return [sorted(map(json.dumps, value)) if isinstance(value, list) else value for value in found]


def _renamer(kind: Kind, number: int, namespace: str) -> Callable[[Body], Body]:
    """A way to give objects their names."""

    def renamed(body: Body) -> Body:
        made: Body = json.loads(json.dumps(body))
        name = f"truth-{number}"
        if kind.name == "CustomResourceDefinition":
            names = made["spec"]["names"]
            name = f"{names['plural']}{number}.{made['spec']['group']}"
            made["spec"]["names"] = {
                **names,
                "kind": f"{names['kind']}{number}",
                "plural": f"{names['plural']}{number}",
            }
            if "shortNames" in names:
                made["spec"]["names"]["shortNames"] = [f"gen{number}"]
        made["metadata"]["name"] = name
        if kind.namespaced:
            made["metadata"]["namespace"] = namespace
        return made

    return renamed


def _without(body: Body, named: str) -> bool:
    """Take a field that the API server names (`spec.ports[0].name`) out of `body`; whether it was there."""
    pieces = named.replace("]", "").replace("[", ".[").split(".")
    steps = [int(piece[1:]) if piece[:1] == "[" and piece[1:].isdigit() else piece.lstrip("[") for piece in pieces]
    for length in range(len(steps), 1, -1):  # for what is missing, the one that lacks it
        here: Any = body
        for step in steps[: length - 1]:
            with contextlib.suppress(KeyError, IndexError, TypeError):
                here = here[step]
                continue
            here = None
            break
        last = steps[length - 1]
        if isinstance(here, dict) and last in here and last not in _NEEDED:
            del here[last]
            return True
        if isinstance(here, list) and isinstance(last, int) and last < len(here) > 1:
            del here[last]
            return True
    return False
