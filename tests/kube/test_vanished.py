"""What is remembered of hooks' objects that were deleted."""

from dataclasses import replace

import orjson

from gitopsd.core.annotations import HELM_HOOK, HOOK, TRACKING_ID, tracking_id
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.kube.index import Index
from gitopsd.kube.objects import from_raw
from gitopsd.kube.vanished import Vanished

JOB = GVK("batch", "v1", "Job")
KEY = ObjectKey("batch", "Job", "default", "migrate")


def a_job(
    uid: str, version: int = 1, *, hook: str = HOOK, app: str = "shop", said: str = "", name: str = "migrate"
) -> JsonObject:
    marks = {hook: "PreSync" if hook == HOOK else "pre-install"} if hook else {}
    if app:
        marks[TRACKING_ID] = tracking_id(AppName(app), KEY._replace(name=name), "")
    metadata: JsonObject = {
        "name": name,
        "namespace": "default",
        "uid": uid,
        "resourceVersion": str(version),
        "annotations": marks,
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "status": {"said": said}}


def watching(*bodies: JsonObject) -> Index:
    """Return an index that was told of these."""
    index = Index()
    index.begin(JOB.group_kind)
    for body in bodies:
        index.put(orjson.dumps(body), body, JOB)
    index.end(JOB.group_kind)
    return index


def said(index: Index, uid: str = "") -> str:
    """Return the last words of the job that is gone; "" if nobody knows it."""
    seen = index.last_seen(KEY, uid)
    return text(seen.document.body(), "status", "said") if seen is not None else ""


def test_the_event_of_an_objects_end_tells_its_last_state() -> None:
    for hook in (HOOK, HELM_HOOK):
        index = watching(a_job("one", hook=hook, said="running"))
        assert said(index) == ""
        index.remove(a_job("one", 5, hook=hook, said="done"), JOB)
        assert said(index) == said(index, "one") == "done"
        assert said(index, "another") == ""


def test_what_a_list_no_longer_names_is_remembered_as_it_was_seen_last() -> None:
    index = watching(a_job("one", said="running"))
    index.begin(JOB.group_kind)
    index.end(JOB.group_kind)
    assert said(index) == "running"


def test_each_run_of_a_hook_is_remembered_on_its_own() -> None:
    index = watching(a_job("one"))
    index.remove(a_job("one", 2, said="first"), JOB)
    index.put(orjson.dumps(a_job("two", 3)), a_job("two", 3), JOB)
    index.remove(a_job("two", 4, said="second"), JOB)
    assert (said(index, "one"), said(index, "two"), said(index)) == ("first", "second", "second")


def test_nothing_is_remembered_of_what_is_no_hook_or_nobodys_or_only_no_longer_watched() -> None:
    index = watching(a_job("one", hook=""))
    index.remove(a_job("one", 2, hook="", said="done"), JOB)
    assert said(index) == ""
    index = watching(a_job("one", app=""))
    index.remove(a_job("one", 2, app="", said="done"), JOB)
    assert said(index) == ""
    index = watching(a_job("one", said="running"))
    index.close(JOB.group_kind)
    assert said(index) == ""


def test_only_the_newest_are_remembered() -> None:
    vanished = Vanished(keep=3)
    live = from_raw(orjson.dumps(a_job("x")), JOB)
    for number in range(10):
        vanished.note(replace(live, key=KEY._replace(name=f"job-{number}"), uid=str(number)))
    known = [number for number in range(10) if vanished.last_seen(KEY._replace(name=f"job-{number}"))]
    assert known == [7, 8, 9]
    for uid in ("a", "b", "c", "d"):
        vanished.note(replace(live, uid=uid))
    assert vanished.last_seen(KEY, "a") is None
    last = vanished.last_seen(KEY)
    assert last is not None
    assert last.uid == "d"
