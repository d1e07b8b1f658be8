"""Argo CD's annotations, read as Argo CD reads them, whatever foreign objects hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core import annotations as marks
from gitopsd.core.annotations import TrackingId, parse_tracking_id, tracking_id, tracks
from gitopsd.core.ids import AppName, ObjectKey

APP = AppName("guestbook")
DEPLOYMENT = ObjectKey("apps", "Deployment", "shop", "web")
CLUSTER_ROLE = ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "reader")


@pytest.mark.parametrize(
    ("key", "written"),
    [
        (DEPLOYMENT, "guestbook:apps/Deployment:shop/web"),
        (ObjectKey("", "Service", "shop", "web"), "guestbook:/Service:shop/web"),
        (CLUSTER_ROLE, "guestbook:rbac.authorization.k8s.io/ClusterRole:default/reader"),
    ],
)
def test_a_tracking_id_is_written_as_argo_cd_writes_it(key: ObjectKey, written: str) -> None:
    assert tracking_id(APP, key, "default") == written
    parsed = parse_tracking_id(written)
    assert parsed is not None
    assert parsed.app == APP
    assert tracks(parsed, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "guestbook",
        "a:b",
        "a:b/c",
        ":apps/Deployment:shop/web",
        "a:apps/:shop/web",
        "a:apps/D:shop/",
        "a:apps/D:shop",
    ],
)
def test_text_that_is_no_tracking_id_is_none(text: str) -> None:
    assert parse_tracking_id(text) is None


@pytest.mark.parametrize(
    ("key", "is_it"),
    [
        (DEPLOYMENT, True),
        (DEPLOYMENT._replace(name="copy"), False),
        (DEPLOYMENT._replace(namespace="other"), False),
        (DEPLOYMENT._replace(kind="StatefulSet"), False),
        (DEPLOYMENT._replace(group="extensions"), False),
        (DEPLOYMENT._replace(namespace=""), True),
    ],
)
def test_a_copied_annotation_does_not_track_the_copy(key: ObjectKey, is_it: bool) -> None:
    assert tracks(TrackingId(APP, DEPLOYMENT), key) is is_it


WORD = st.text("abc.-0", min_size=1, max_size=8)


@given(WORD, WORD | st.just(""), WORD, WORD | st.just(""), WORD)
def test_what_is_written_can_be_read(app: str, group: str, kind: str, namespace: str, name: str) -> None:
    key = ObjectKey(group, kind, namespace, name)
    parsed = parse_tracking_id(tracking_id(AppName(app), key, "default"))
    assert parsed == TrackingId(AppName(app), key._replace(namespace=namespace or "default"))


@given(st.text(max_size=40))
def test_Z2_no_text_at_all_breaks_a_reader(text: str) -> None:
    parse_tracking_id(text)
    marks.wave({marks.SYNC_WAVE: text})
    marks.hook_phases({marks.HOOK: text, marks.HELM_HOOK: text})
    marks.sync_options({marks.SYNC_OPTIONS: text})
    assert len(marks.instance_label(AppName(text))) <= 63


@pytest.mark.parametrize(
    ("name", "label"),
    [("guestbook", "guestbook"), ("a" * 80, "a" * 63), ("a" * 62 + "-b", "a" * 62), ("a" * 60 + "._-b", "a" * 60)],
)
def test_the_label_fits_into_a_label(name: str, label: str) -> None:
    assert marks.instance_label(AppName(name)) == label


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("Prune=false", {"Prune": "false"}),
        (" Prune=false , Replace=true,", {"Prune": "false", "Replace": "true"}),
        ("Prune", {}),
        ("Prune=", {"Prune": ""}),
        ("Prune=false,Prune=confirm", {"Prune": "confirm"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_sync_options_of_an_object(text: str, options: dict[str, str]) -> None:
    assert marks.sync_options({marks.SYNC_OPTIONS: text}) == options


@pytest.mark.parametrize(
    ("argo", "helm", "phases"),
    [
        ("", "", None),
        ("PreSync", "", ("PreSync",)),
        ("PreSync, PostSync", "", ("PreSync", "PostSync")),
        ("Skip", "pre-install", ("Skip",)),
        ("", "pre-install", ("PreSync",)),
        ("", "pre-install,pre-upgrade", ("PreSync",)),
        ("", "post-install, post-delete", ("PostSync", "PostDelete")),
        ("", "pre-delete", ("PreDelete",)),
        ("", "test", ()),
        ("", "pre-rollback", ()),
        ("", "crd-install", None),
        (" , ", "", None),
    ],
)
def test_hooks_of_argo_cd_and_helm(argo: str, helm: str, phases: tuple[str, ...] | None) -> None:
    assert marks.hook_phases({marks.HOOK: argo, marks.HELM_HOOK: helm}) == phases


@pytest.mark.parametrize(
    ("argo", "helm", "wave"),
    [
        (None, None, 0),
        ("3", None, 3),
        ("-5", None, -5),
        (None, "7", 7),
        ("1", "7", 1),
        ("", "7", 7),
        ("one", None, None),
        ("1.5", None, None),
        (str(2**31), None, None),
        (str(-(2**31)), None, -(2**31)),
        ("9" * 5000, None, None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_waves(argo: str | None, helm: str | None, wave: int | None) -> None:
    written = {marks.SYNC_WAVE: argo, marks.HELM_HOOK_WEIGHT: helm}
    assert marks.wave({key: text for key, text in written.items() if text is not None}) == wave
