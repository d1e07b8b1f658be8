"""Pages that lead through something are walked through on a real API server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio

from gitopsd.testing.gitserver import Faults, GitRepo, GitServer
from gitopsd.testing.kubelet import FakeKubelet
from tests.docs.walk import Walk

GUESTBOOK: Final = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {argocd.argoproj.io/tracking-id: "guestbook:apps/Deployment:guestbook/web"}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example.org/web:1"}]}
"""
DEFINITIONS: Final = "---".join(
    f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {kind.lower()}s.argoproj.io, labels: {{docs: argocd}}}}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {{kind: {kind}, listKind: {kind}List, plural: {kind.lower()}s, singular: {kind.lower()}}}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
    for kind in ("Application", "AppProject")
)
ARGOCD: Final = """
{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: guestbook}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: argocd-application-controller, namespace: argocd}
spec:
  replicas: 1
  serviceName: controller
  selector: {matchLabels: {app: controller}}
  template:
    metadata: {labels: {app: controller}}
    spec: {containers: [{name: controller, image: "registry.example.org/argocd:1"}]}
---
apiVersion: v1
kind: Secret
metadata: {name: app, namespace: argocd, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {type: git, url: "REPOSITORY", username: ci, password: of-the-secret}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{server: "*", namespace: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: guestbook, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}
spec:
  project: default
  source: {repoURL: "REPOSITORY", targetRevision: main, path: guestbook}
  destination: {server: https://kubernetes.default.svc, namespace: guestbook}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
status: {sync: {status: Synced}}
"""


async def test_getting_started_leads_to_a_synced_application_and_back(
    reader: dict[str, str], places: dict[str, str], kubelet: FakeKubelet, tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    assert await Walk("docs/getting-started.md", folder, reader, places).through() > 12


async def test_a_plugin_is_built_tested_installed_and_used_by_an_application(
    reader: dict[str, str], places: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    # No index is asked: the build backend is the one that is installed here.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    assert await Walk("docs/writing-a-plugin.md", folder, {**reader, **offline}, places).through() > 15


async def test_an_installation_of_argo_cd_is_taken_over_without_a_restart_of_a_pod(
    reader: dict[str, str], places: dict[str, str], kubelet: FakeKubelet, tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    repository = GitRepo(tmp_path / "git" / "team" / "app.git")
    repository.commit({"guestbook/web.yaml": GUESTBOOK})
    with GitServer(tmp_path / "git", faults=Faults(username="ci", password="of-the-secret")) as git:
        # As Argo CD leaves it: objects that it applied, its own beside them, the credentials in a Secret.
        url = git.url("team/app.git")
        await kubectl(reader, DEFINITIONS)
        await kubectl(reader, ARGOCD.replace("REPOSITORY", url))
        await kubectl(reader, GUESTBOOK, "--namespace=guestbook", "--field-manager=argocd-controller")
        before = await rollouts(reader)

        assert await Walk("docs/moving-from-argocd.md", folder, reader, places).through() > 8

        assert any("Basic" in seen.authorization for seen in git.seen)
    assert await rollouts(reader) == before
    assert len(before.split()) == 2


async def kubectl(environ: Mapping[str, str], objects: str, *options: str) -> str:
    """Apply as people do, and wait until kinds that came are served."""
    done = await anyio.run_process(["kubectl", "apply", *options, "-f", "-"], input=objects.encode(), env=environ)
    if "customresourcedefinition" in done.stdout.decode():
        command = ["kubectl", "wait", "--for=condition=Established", "customresourcedefinitions", "-l", "docs=argocd"]
        await anyio.run_process(command, env=environ)
    return done.stdout.decode()


async def rollouts(environ: Mapping[str, str]) -> str:
    """The Deployment's uid and generation: another rollout would change the second."""
    fields = "-o=jsonpath={.metadata.uid} {.metadata.generation}"
    command = ["kubectl", "get", "deployment/web", "--namespace=guestbook", fields]
    return (await anyio.run_process(command, env=environ)).stdout.decode()
