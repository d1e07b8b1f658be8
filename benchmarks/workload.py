"""The applications that are measured: 40 % plain YAML, 40 % Kustomize, 20 % Helm, ten objects each."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OBJECTS_PER_APPLICATION: Final = 10
_GIT: Final = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True)
class Workload:
    """`count` applications in one repository: `bare` is what the daemon fetches, `tree` where commits are made."""

    folder: Path
    count: int

    @property
    def bare(self) -> Path:
        """The repository that is pushed to."""
        return self.folder / "bench.git"

    @property
    def tree(self) -> Path:
        """The work tree."""
        return self.folder / "tree"

    def names(self) -> list[str]:
        """The applications."""
        return [f"app-{number:04d}" for number in range(self.count)]

    def kind(self, name: str) -> str:
        """`plain`, `kustomize` or `helm`."""
        return ("plain", "kustomize", "plain", "kustomize", "helm")[int(name.rsplit("-", 1)[1]) % 5]


def make_workload(folder: Path, count: int) -> Workload:
    """Write the repository and make its first commit."""
    workload = Workload(folder, count)
    workload.tree.mkdir(parents=True)
    for name in workload.names():
        writer = {"plain": _write_plain, "kustomize": _write_kustomize, "helm": _write_helm}[workload.kind(name)]
        writer(workload.tree / name, name)
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(workload.bare))
    _git(workload.tree, "init", "--quiet", "--initial-branch=main", ".")
    _git(workload.tree, "remote", "add", "origin", str(workload.bare))
    _git(workload.tree, "config", "gc.auto", "0")
    push(workload, "first")
    return workload


def push(workload: Workload, message: str) -> None:
    """Commit everything and push it."""
    _git(workload.tree, "add", "--all")
    _git(workload.tree, "commit", "--quiet", "--message", message)
    _git(workload.tree, "push", "--quiet", "origin", "main")


def commit(workload: Workload) -> str:
    """The commit that was pushed last."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=workload.tree, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def set_value(workload: Workload, name: str, value: str) -> None:
    """Make the first ConfigMap of `name` hold `value` under the key `value`."""
    target = {
        "plain": "configmap-0.yaml",
        "kustomize": "base/configmap-0.yaml",
        "helm": "values.yaml",
    }[workload.kind(name)]
    path = workload.tree / name / target
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{_replaced(line, value)}\n" for line in lines))


def holders(workload: Workload, name: str) -> list[tuple[str, str]]:
    """Namespace and name of the ConfigMaps that hold what `set_value` sets: all of a chart's, else the first."""
    return [(name, f"{name}-{number}") for number in range(7 if workload.kind(name) == "helm" else 1)]


def write_config(workload: Workload, path: Path, kubeconfig: Path, state: Path) -> None:
    """The daemon's configuration for all applications."""
    lines = [
        "server: {listen: 127.0.0.1:0}",
        f"state: {{dir: {state}}}",
        "clusters:",
        f"  - {{name: local, kubeconfig: {kubeconfig}}}",
        f"repositories: [{{url: {workload.bare}}}]",
        "applications:",
    ]
    for name in workload.names():
        lines += [
            f"  - name: {name}",
            f"    source: {{repoURL: {workload.bare}, targetRevision: main, path: {name}}}",
            f"    destination: {{name: local, namespace: {name}}}",
            "    syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}",
        ]
    path.write_text("\n".join(lines) + "\n")


def _replaced(line: str, value: str) -> str:
    head, separator, _ = line.partition("value:")
    return f'{head}value: "{value}"' if separator and head.strip() == "" else line


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run([*_GIT, *arguments], cwd=folder, check=True, capture_output=True)


def _configmap(name: str, extra: str = "") -> str:
    return f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  labels: {{app.kubernetes.io/part-of: bench}}
data:
  value: "0"
  settings: |
    log.level=info
    cache.size=64
{extra}"""


def _objects(name: str) -> dict[str, str]:
    """File name → manifest: seven ConfigMaps, a Secret, a Service and a Deployment without pods."""
    found = {f"configmap-{number}.yaml": _configmap(f"{name}-{number}") for number in range(7)}
    found["secret.yaml"] = f"""apiVersion: v1
kind: Secret
metadata: {{name: {name}}}
type: Opaque
data: {{token: YmVuY2g=}}
"""
    found["service.yaml"] = f"""apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
"""
    found["deployment.yaml"] = f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: registry.example.org/main:1.0
          ports: [{{containerPort: 8080}}]
          resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}
"""
    return found


def _write_plain(folder: Path, name: str) -> None:
    folder.mkdir()
    for file, content in _objects(name).items():
        (folder / file).write_text(content)


def _write_kustomize(folder: Path, name: str) -> None:
    base = folder / "base"
    base.mkdir(parents=True)
    found = _objects(name)
    for file, content in found.items():
        (base / file).write_text(content)
    resources = "".join(f"  - {file}\n" for file in found)
    (base / "kustomization.yaml").write_text(f"resources:\n{resources}")
    (folder / "kustomization.yaml").write_text(
        "resources: [base]\nlabels:\n  - pairs: {environment: bench}\nimages:\n"
        "  - {name: registry.example.org/main, newTag: '1.1'}\n"
    )


def _write_helm(folder: Path, name: str) -> None:
    templates = folder / "templates"
    templates.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text('value: "0"\nimage: registry.example.org/main:1.0\nreplicas: 0\n')
    for file, content in _objects(name).items():
        text = content.replace('value: "0"', "value: {{ .Values.value | quote }}")
        text = text.replace("registry.example.org/main:1.0", "{{ .Values.image }}")
        (templates / file).write_text(text.replace("replicas: 0", "replicas: {{ .Values.replicas }}"))
