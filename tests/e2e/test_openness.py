"""What others bring: Argo CD's own manifests, and renderers of third parties."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.conditions import healthy, says, synced
from tests.e2e.manifests import CHART, config_map, folder
from tests.e2e.world import World
from tests.plugins.third_party import json_lines

# As `kubectl get applications -n argocd -o yaml` and a GitOps repository have them; only the addresses are the test's.
MANIFESTS = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {first}
  namespace: argocd
  labels:
    team: web
  finalizers:
    - resources-finalizer.argocd.argoproj.io
spec:
  project: default
  source:
    repoURL: {repo}
    targetRevision: HEAD
    path: maps
    directory:
      recurse: true
  destination:
    server: {server}
    namespace: {first}
  syncPolicy:
    automated:
      prune: true
      selfHeal: true
    syncOptions:
      - CreateNamespace=true
    retry:
      limit: 5
      backoff:
        duration: 5s
        factor: 2
        maxDuration: 3m
status:
  sync:
    status: Synced
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {second}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: {repo}
    targetRevision: main
    path: chart
    helm:
      releaseName: mine
      valuesObject:
        greeting: from argo cd
  destination:
    server: {server}
    namespace: {second}
  syncPolicy:
    automated: {{}}
    syncOptions: [CreateNamespace=true]
"""


async def test_application_manifests_of_argo_cd_work_unmodified(world: World) -> None:
    world.commit({"maps/one.yaml": config_map("one"), **folder("chart", CHART)})
    world.config["include"] = ["applications.d/*.yaml"]
    included = world.folder / "applications.d" / "all.yaml"
    included.parent.mkdir()
    text = MANIFESTS.format(
        first=world.full("first"), second=world.full("second"), repo=world.repo.path, server=world.cluster.server
    )
    included.write_text(text)
    async with world.daemon() as daemon:
        await daemon.until("first", synced, healthy)
        await daemon.until("second", synced, healthy)
        found = await world.cluster.get(world.full("second"), "configmaps/mine-shop")
        assert found["data"] == {"key": "from argo cd"}


def install(site: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """What pip does for a package with a plugin; each test has a module name of its own."""
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gitopsd.plugins]\nacme = {module}\n")
    (site / f"{module}.py").write_text(Path(json_lines.__file__).read_text())
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, module, raising=False)


async def test_a_renderer_of_a_third_party_deploys(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, "acme_e2e")
    objects = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in ("one", "two")]
    world.commit({"app/objects.jsonl": "\n".join(json.dumps(item) for item in objects)})
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy)
        assert status.renderers == ("json-lines",)
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one", "two"}


async def test_a_third_partys_fault_is_named_and_stays_with_its_application(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, "acme_bad")
    world.commit({"bad/objects.jsonl": "{ no json", "good/one.yaml": config_map("one")})
    world.application("bad")
    world.application("good")
    async with world.daemon() as daemon:
        await daemon.until("bad", says("ComparisonError", "json-lines"))
        await daemon.until("good", synced, healthy)
