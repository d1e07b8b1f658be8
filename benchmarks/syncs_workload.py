"""Applications for the table `syncs`: one of 1,000 objects, one small, and some whose first wave never gets ready."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LARGE: Final = "large"
SMALL: Final = "small"
LARGE_OBJECTS: Final = 1000
_SMALL_OBJECTS: Final = 10
_GIT: Final = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")
_HEALING: Final = "{automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}"
# What drifts there waits for a sync that somebody asks for.
_NOT_HEALING: Final = "{automated: {prune: true, selfHeal: false}, syncOptions: [CreateNamespace=true]}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One repository: `large`, `small`, and `held` applications that wait for ever between two waves."""

    bare: Path
    held: int

    def held_names(self) -> list[str]:
        """The applications that wait, each in a namespace of its name."""
        return [f"held-{number:03d}" for number in range(self.held)]

    def write_config(self, path: Path, kubeconfig: Path, state: Path, *, with_held: bool) -> None:
        """The daemon's configuration, with or without those that wait; in the place of `path` at once."""
        policies = {LARGE: _HEALING, SMALL: _NOT_HEALING}
        if with_held:
            policies |= dict.fromkeys(self.held_names(), _HEALING)
        lines = [
            "server: {listen: 127.0.0.1:0}",
            f"state: {{dir: {state}}}",
            "clusters:",
            f"  - {{name: local, kubeconfig: {kubeconfig}}}",
            f"repositories: [{{url: {self.bare}}}]",
            "applications:",
        ]
        for name, policy in policies.items():
            lines += [
                f"  - name: {name}",
                f"    source: {{repoURL: {self.bare}, targetRevision: main, path: {name}}}",
                f"    destination: {{name: local, namespace: {name}}}",
                f"    syncPolicy: {policy}",
            ]
        new = path.with_suffix(".new")
        new.write_text("\n".join(lines) + "\n")
        new.replace(path)


def make_waiting(folder: Path, held: int) -> Waiting:
    """Write the repository and make its only commit."""
    made = Waiting(folder / "waiting.git", held)
    tree = folder / "waiting"
    _write(tree / LARGE, [_configmap(f"settings-{number:04d}") for number in range(LARGE_OBJECTS)])
    _write(tree / SMALL, [_configmap(f"{SMALL}-{number}") for number in range(_SMALL_OBJECTS)])
    for name in made.held_names():
        _write(tree / name, [_deployment(name), _configmap(name, wave=1)])
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(made.bare))
    _git(tree, "init", "--quiet", "--initial-branch=main", ".")
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message", "first")
    _git(tree, "push", "--quiet", str(made.bare), "main")
    return made


def _write(folder: Path, manifests: list[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "all.yaml").write_text("---\n".join(manifests))


def _configmap(name: str, wave: int = 0) -> str:
    return f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: "{wave}"}}}}
data: {{value: "0", log.level: info}}
"""


def _deployment(name: str) -> str:
    """No node ever runs its pod."""
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: main, image: "registry.example.org/main:1.0"}}]
"""


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run([*_GIT, *arguments], cwd=folder, check=True, capture_output=True)
