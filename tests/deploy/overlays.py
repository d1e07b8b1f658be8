"""An overlay of the manifests with one component more, as its user would write it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.cluster_fixture import ROOT


def with_component(name: str, folder: Path) -> Path:
    """A copy of the overlay cluster-admin below `folder`, with this component; returns its folder."""
    # Bases are looked for in the repository and nowhere else.
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    shutil.copytree(ROOT / "deploy" / "kubernetes", folder / "kubernetes")
    overlay = folder / "kubernetes" / "overlays" / "cluster-admin" / "kustomization.yaml"
    overlay.write_text(f"{overlay.read_text()}  - ../../components/{name}\n")
    return overlay.parent
