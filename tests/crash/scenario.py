"""What is synced while the daemon is killed: one application before and after a commit, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.e2e.manifests import config_map, definition, deployment, manifest

APP: Final = "app"
_HOOK: Final = "argocd.argoproj.io/hook"
_POLICY: Final = "argocd.argoproj.io/hook-delete-policy"
_WAVE: Final = "argocd.argoproj.io/sync-wave"
_IMAGE: Final = "registry.example.org/main:1"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`before` is deployed in peace, `after` (None removes a file) while it is killed.

    `hooks` are those that have to run exactly once, as `jobs/migrate`; a name that ends in `-` is a generated one.
    `fails`: the sync does not succeed, and is not tried again.
    """

    name: str
    before: Mapping[str, str]
    after: Mapping[str, str | None]
    hooks: tuple[str, ...] = ()
    fails: bool = False


def scenarios(group: str) -> tuple[Scenario, ...]:
    """All of them. `group` is that of the kind which they define, another one in each world."""
    return (_plain(group), _hooks(group), _failing(group))


def _plain(group: str) -> Scenario:
    """Three waves, a kind and an object of it, something pruned, a Deployment that takes a moment."""
    return Scenario("waves", _before(), _after(group, image=_IMAGE))


def _hooks(group: str) -> Scenario:
    """The same with a Job that has to be made anew, and hooks of every phase; of one there is an old object."""
    hooks = {
        "pre-job.yaml": job("pre-job", {_HOOK: "PreSync", _POLICY: "BeforeHookCreation"}),
        "pre-pod.yaml": pod("pre-pod", {_HOOK: "PreSync", _POLICY: "HookSucceeded", _WAVE: "1"}),
        "sync.yaml": job("sync-job", {_HOOK: "Sync", _WAVE: "1"}),
        "post.yaml": job("post-job", {_HOOK: "PostSync", _POLICY: "HookSucceeded"}),
        "post-map.yaml": manifest("v1", "ConfigMap", "post-map", annotations={_HOOK: "PostSync"}, data={"key": "1"}),
        "generated.yaml": job("generated-", {_HOOK: "PostSync", _WAVE: "1"}, generated=True),
        "fail.yaml": job("fail-job", {_HOOK: "SyncFail"}),
    }
    before = {**_before(), f"{APP}/pre-job.yaml": hooks["pre-job.yaml"].replace("main:1", "main:0")}
    ran = ("jobs/pre-job", "pods/pre-pod", "jobs/sync-job", "jobs/post-job", "configmaps/post-map", "jobs/generated-")
    return Scenario("hooks", before, {**_after(group), **_below(hooks)}, ran)


def _failing(group: str) -> Scenario:
    """A Sync hook that fails: what comes after it does not, and the SyncFail hooks run."""
    hooks = {
        "pre-job.yaml": job("pre-job", {_HOOK: "PreSync"}),
        "sync.yaml": job("sync-job", {_HOOK: "Sync", _WAVE: "1", _POLICY: "HookFailed"}, behaviour="crash"),
        "post.yaml": job("post-job", {_HOOK: "PostSync"}),
        "fail.yaml": job("fail-job", {_HOOK: "SyncFail"}),
        "fail-pod.yaml": pod("fail-pod", {_HOOK: "SyncFail", _POLICY: "HookSucceeded", _WAVE: "1"}),
    }
    ran = ("jobs/pre-job", "jobs/sync-job", "jobs/fail-job", "pods/fail-pod")
    return Scenario("failing", _before(), {**_after(group), **_below(hooks)}, ran, fails=True)


def _before() -> dict[str, str]:
    return _below(
        {
            "kept.yaml": config_map("kept", "1"),
            "changed.yaml": config_map("changed", "1"),
            "left.yaml": config_map("left", "1"),
            "task.yaml": job("task", {_WAVE: "1"}),
            "web.yaml": deployment("web"),
        }
    )


def _after(group: str, *, image: str = "registry.example.org/main:2") -> dict[str, str | None]:
    return {
        **_below(
            {
                "changed.yaml": config_map("changed", "2"),
                "crd.yaml": definition("Widget", group),
                "widget.yaml": manifest(f"{group}/v1", "Widget", "widget", spec={"size": 1}),
                "first.yaml": config_map("first", "1", wave="-1"),
                "task.yaml": job("task", {_WAVE: "1"}, image=image),
                "late.yaml": config_map("late", "1", wave="2"),
                "web.yaml": deployment("web", replicas=2),
            }
        ),
        f"{APP}/left.yaml": None,
    }


def _below(files: Mapping[str, str]) -> dict[str, str]:
    return {f"{APP}/{name}": content for name, content in files.items()}


def job(
    name: str,
    annotations: Mapping[str, str],
    *,
    behaviour: str = "run",
    image: str = _IMAGE,
    generated: bool = False,
) -> str:
    """A Job of one pod that is not tried twice."""
    template = {
        "metadata": {"annotations": {"kubelet.gitopsd.io/behaviour": behaviour}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]},
    }
    text = manifest("batch/v1", "Job", name, annotations=annotations, spec={"backoffLimit": 0, "template": template})
    return text.replace(f"name: {name}\n", f"generateName: {name}\n", 1) if generated else text


def pod(name: str, annotations: Mapping[str, str]) -> str:
    """A Pod that ends well."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": _IMAGE}]}
    return manifest("v1", "Pod", name, annotations=annotations, spec=spec)
