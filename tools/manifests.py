"""Writes what is made from other files below deploy/: `python -m tools.manifests`.

`deploy/kubernetes/install.yaml` is the overlay cluster-admin, rendered by our own engine; the chart's README.md is a
table of its values; the component prometheusrule and the chart's rules.yaml hold the rules of `deploy/prometheus`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tools.golang import ROOT

OVERLAY: Final = ROOT / "deploy" / "kubernetes" / "overlays" / "cluster-admin"
INSTALL: Final = ROOT / "deploy" / "kubernetes" / "install.yaml"
CHART: Final = ROOT / "deploy" / "chart" / "gitopsd"
README: Final = CHART / "README.md"
RULES: Final = CHART / "rules.yaml"
COMPONENT: Final = ROOT / "deploy" / "kubernetes" / "components" / "prometheusrule" / "prometheusrule.yaml"
_PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
_COMMAND: Final = "python -m tools.manifests"

Schema = Mapping[str, Any]


def main() -> int:
    """Write them; returns the exit code."""
    INSTALL.write_text(install(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
    RULES.write_text(rules(), encoding="utf-8")
    COMPONENT.write_text(component(), encoding="utf-8")
    return 0


def install() -> str:
    """The text of `INSTALL`."""
    return f"# Made from overlays/cluster-admin by `{_COMMAND}`; docs/in-cluster.md explains it.\n{rendered(OVERLAY)}"


def rendered(folder: Path, *options: str) -> str:
    """The manifests of a folder, as `gitopsd render` prints them."""
    command = [sys.executable, "-m", "gitopsd.cli", "render", str(folder), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def rules() -> str:
    """The text of `RULES`: the groups of all files of rules."""
    return f"# Made from deploy/prometheus by `{_COMMAND}`.\n{_groups()}"


def component() -> str:
    """The text of `COMPONENT`: the same groups as an object of the Prometheus operator."""
    return f"""# Made from deploy/prometheus by `{_COMMAND}`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: gitopsd
  namespace: gitopsd
  labels:
    app.kubernetes.io/name: gitopsd
    app.kubernetes.io/instance: gitopsd
spec:
{textwrap.indent(_groups(), "  ")}"""


def _groups() -> str:
    texts = ((_PROMETHEUS / name).read_text(encoding="utf-8") for name in ("recording.yaml", "alerts.yaml"))
    return "groups:\n" + "".join(text.partition("\ngroups:\n")[2] for text in texts)


def readme() -> str:
    """The text of `README`."""
    schema: Schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = [f"| `{path}` | {_default(values, path)} | {told['description']} |" for path, told in leaves(schema)]
    return "\n".join(
        [
            "# The chart of gitopsd",
            "",
            "    helm install gitopsd deploy/chart/gitopsd --namespace gitopsd --create-namespace",
            "",
            "With no values it makes what `deploy/kubernetes/install.yaml` has;",
            "[docs/in-cluster.md](../../../docs/in-cluster.md) says what that is and how it is used. This page is made",
            f"from values.schema.json by `{_COMMAND}`.",
            "NAME is the release's name where it contains `gitopsd`, else RELEASE-gitopsd.",
            "",
            "| Value | Default | What it is |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def leaves(schema: Schema, above: str = "") -> Iterator[tuple[str, Schema]]:
    """Every value that can be set, by its path, with its schema."""
    for name, told in schema["properties"].items():
        if "properties" in told:
            yield from leaves(told, f"{above}{name}.")
        else:
            yield f"{above}{name}", told


def _default(values: Any, path: str) -> str:
    for name in path.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return "" if values is None else f"`{json.dumps(values, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.exit(main())
