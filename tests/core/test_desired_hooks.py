"""From manifests to the hooks that an application wants, and what of them cannot be."""

import pytest

from gitopsd.core.annotations import HELM_HOOK, HOOK, HOOK_DELETE_POLICY, HOOK_TIMEOUT, SYNC_WAVE, TRACKING_ID
from gitopsd.core.desired import without_kinds
from gitopsd.core.hook import DeletePolicy, SyncPhase
from gitopsd.core.ids import GVK, GroupKind
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.testing.builders import a_config_map, a_definition, a_namespace, an_instance, an_object
from tests.core.making import APP, want

JOB = GVK("batch", "v1", "Job")


def a_hook(name: str = "migrate", phases: str = "PreSync", **marks: str) -> JsonObject:
    """Return a Job that is a hook, with `marks` for its policy, timeout and namespace."""
    written = {HOOK: phases, HOOK_DELETE_POLICY: marks.get("policy", ""), HOOK_TIMEOUT: marks.get("timeout", "")}
    annotations = {mark: said for mark, said in written.items() if said}
    return an_object("Job", name, api_version="batch/v1", namespace=marks.get("namespace", ""), annotations=annotations)


def as_hook(body: JsonObject, phases: str, policy: str = "", wave: int = 0) -> JsonObject:
    """Return the manifest as a hook."""
    annotations = {HOOK: phases, SYNC_WAVE: str(wave), **({HOOK_DELETE_POLICY: policy} if policy else {})}
    return {**body, "metadata": {**mapping(body, "metadata"), "annotations": annotations}}


@pytest.mark.parametrize(
    ("mark", "written", "phases"),
    [
        (HOOK, "PreSync", ("PreSync",)),
        (HOOK, "PreSync,PostSync", ("PreSync", "PostSync")),
        (HELM_HOOK, "post-install", ("PostSync",)),
        (HELM_HOOK, "pre-install,pre-upgrade,pre-delete", ("PreSync", "PreDelete")),
    ],
)
def test_hooks_are_set_apart(mark: str, written: str, phases: tuple[str, ...]) -> None:
    wanted = want(a_config_map(), an_object("Job", "migrate", api_version="batch/v1", annotations={mark: written}))
    assert [item.key.kind for item in wanted.objects] == ["ConfigMap"]
    (hook,) = wanted.hooks
    assert (hook.gvk, hook.key.namespace, hook.key.name, hook.phases) == (JOB, "default", "migrate", phases)
    assert hook.policies == {DeletePolicy.BEFORE_HOOK_CREATION}
    assert hook.timeout is None
    assert hook.shown.name == "migrate"


@pytest.mark.parametrize(("mark", "written"), [(HOOK, "Skip"), (HELM_HOOK, "test"), (HELM_HOOK, "pre-rollback")])
def test_a_manifest_that_no_sync_applies_is_neither_object_nor_hook(mark: str, written: str) -> None:
    wanted = want(an_object("Job", "try", api_version="batch/v1", annotations={mark: written}))
    assert (wanted.objects, wanted.hooks, wanted.problems) == ((), (), ())


def test_a_hook_is_tracked_and_has_a_wave_policies_and_a_time_out() -> None:
    body = an_object(
        "Job",
        "migrate",
        api_version="batch/v1",
        annotations={
            HELM_HOOK: "pre-install",
            "helm.sh/hook-weight": "-5",
            "helm.sh/hook-delete-policy": "hook-succeeded, hook-failed",
            HOOK_TIMEOUT: "1m30s",
        },
    )
    (hook,) = want(body).hooks
    assert hook.object.wave == -5
    assert hook.policies == {DeletePolicy.HOOK_SUCCEEDED, DeletePolicy.HOOK_FAILED}
    assert hook.timeout == 90
    annotations = hook.object.document.body()["metadata"]
    assert text(annotations, "annotations", TRACKING_ID) == "guestbook:batch/Job:default/migrate"


def test_a_hook_may_have_a_generated_name() -> None:
    body: JsonObject = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "migrate-", "annotations": {HOOK: "PreSync"}},
    }
    wanted = want(body, body)
    assert wanted.problems == wanted.warnings == ()
    assert [(hook.key.name, hook.generated) for hook in wanted.hooks] == [("migrate-", True), ("migrate-", True)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            a_hook(phases="PreSink"),
            "batch/v1 Job is a hook at 'PreSink', and there is no such phase; known are PreSync",
        ),
        (a_hook(policy="Never"), "batch/v1 Job has the hook delete policy 'Never', and there is none; known are Hook"),
        (a_hook(timeout="soon"), "batch/v1 Job has the gitopsd.io/hook-timeout 'soon': expected a duration such as"),
    ],
)
def test_a_hook_that_nobody_understands_is_a_problem(body: JsonObject, problem: str) -> None:
    wanted = want(body)
    assert wanted.hooks == ()
    assert wanted.problems[0].startswith(f"app/0.yaml:1: {problem}")


def test_of_two_hooks_of_one_name_at_one_phase_the_last_counts_and_a_warning_names_it() -> None:
    wanted = want(a_hook(phases="PreSync,PostSync", timeout="1"), a_hook(phases="PostSync", timeout="2"))
    assert [(hook.phases, hook.timeout) for hook in wanted.hooks] == [
        ((SyncPhase.PRE_SYNC,), 1),
        ((SyncPhase.POST_SYNC,), 2),
    ]
    assert wanted.warnings == (
        "hook batch/Job default/migrate appears more than once; the last one, app/1.yaml:1, counts",
    )


def test_hooks_of_one_name_at_different_phases_are_two() -> None:
    wanted = want(a_hook(phases="PreSync"), a_hook(phases="PostSync"))
    assert len(wanted.hooks) == 2
    assert wanted.warnings == ()


def test_hooks_change_no_digest_and_are_excluded_with_their_kinds() -> None:
    wanted = want(a_config_map(), a_hook())
    assert wanted.digest == want(a_config_map()).digest
    kept = without_kinds(APP, wanted, {GroupKind("batch", "Job")})
    assert kept.hooks == ()
    assert [key.kind for key in kept.excluded] == ["Job"]
    assert len(kept.objects) == 1


@pytest.mark.parametrize(
    "body",
    [
        a_definition(),
        a_namespace("team"),
        an_object("PersistentVolumeClaim", "data", spec={}),
    ],
)
def test_a_hook_that_takes_more_along_is_deleted_only_where_it_says_so(body: JsonObject) -> None:
    (hook,) = want(as_hook(body, "PreSync")).hooks
    assert hook.policies == frozenset()
    (said,) = want(as_hook(body, "PreSync", "BeforeHookCreation")).hooks
    assert said.policies == {DeletePolicy.BEFORE_HOOK_CREATION}


class TestOrder:
    """What cannot be ordered is named; everything else is no problem."""

    @pytest.mark.parametrize(
        ("bodies", "said"),
        [
            (
                [as_hook(a_namespace("team"), "PostSync"), a_config_map("a", namespace="team")],
                (
                    "hook cycle: Namespace team is made by a PostSync hook, and needed before, at Sync, by "
                    "ConfigMap team/a;"
                ),
            ),
            (
                [as_hook(a_namespace("team"), "Sync"), a_hook(namespace="team")],
                (
                    "hook cycle: Namespace team is made by a Sync hook, and needed before, at PreSync, by "
                    "batch/Job team/migrate;"
                ),
            ),
            (
                [as_hook(a_namespace("team"), "SyncFail"), a_config_map("a", namespace="team")],
                "hook cycle: Namespace team is made by a SyncFail hook, and needed before, at Sync, by",
            ),
            (
                [as_hook(a_definition(), "PostSync"), an_instance(namespace="default")],
                (
                    "hook cycle: apiextensions.k8s.io/CustomResourceDefinition widgets.example.org is made by a "
                    "PostSync hook, and needed before, at Sync, by example.org/Widget default/first;"
                ),
            ),
            (
                [as_hook(a_namespace("team"), "PreSync", "BeforeHookCreation"), a_config_map("a", namespace="team")],
                (
                    "hook cycle: Namespace team is a PreSync hook that is deleted at each sync, and what needs it with "
                    "it: ConfigMap team/a;"
                ),
            ),
            (
                [as_hook(a_namespace("team"), "PreSync", "HookSucceeded"), a_hook(phases="PostSync", namespace="team")],
                (
                    "hook cycle: Namespace team is a PreSync hook that is deleted at each sync, and what needs it with "
                    "it: batch/Job team/migrate;"
                ),
            ),
            (
                [as_hook(a_config_map("a"), "PreSync"), a_config_map("a")],
                "ConfigMap default/a is a hook in app/0.yaml:1 and an object in another manifest",
            ),
        ],
    )
    def test_a_hook_cycle_is_a_problem_with_the_names(self, bodies: list[JsonObject], said: str) -> None:
        (problem,) = want(*bodies).problems
        assert problem.startswith(said)

    @pytest.mark.parametrize(
        "bodies",
        [
            [as_hook(a_namespace("team"), "PreSync"), a_config_map("a", namespace="team")],
            [as_hook(a_namespace("team"), "PreSync", wave=9), a_hook(namespace="team")],
            [as_hook(a_namespace("team"), "PreSync,PostSync"), a_config_map("a", namespace="team")],
            [as_hook(a_namespace("team"), "PostSync"), a_hook(phases="PostSync", namespace="team")],
            [as_hook(a_namespace("team"), "PreSync", "BeforeHookCreation"), a_hook(phases="Sync", namespace="team")],
            [as_hook(a_namespace("team"), "PreSync", "HookFailed"), a_config_map("a", namespace="team")],
            [as_hook(a_definition(), "PreSync"), an_instance(namespace="default")],
            [as_hook(a_definition(kind="Gadget"), "PostSync"), an_instance(namespace="default")],
            [a_namespace("team"), a_hook(namespace="team")],
        ],
    )
    def test_what_can_be_ordered_is_none(self, bodies: list[JsonObject]) -> None:
        assert want(*bodies).problems == ()
