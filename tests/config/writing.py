"""Files for tests: written below a folder, loaded with nothing of this machine's environment."""

from __future__ import annotations

from pathlib import Path

from gitopsd.config import Config, load
from gitopsd.core.app import AppSpec

LOCAL = "clusters: [{name: local, inCluster: true}]\n"


def loaded(folder: Path, main: str, environ: dict[str, str] | None = None, /, **files: str) -> Config:
    """The configuration `main`, beside `files` (name → text; `__` stands for the folder's slash)."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    (folder / "gitopsd.yaml").write_text(main)
    (folder / "gitopsd.yaml").chmod(0o600)
    return load(str(folder / "gitopsd.yaml"), environ=environ or {})


def application(folder: Path, text: str) -> AppSpec:
    """The one application whose keys beside name and destination are `text` (indented by nothing)."""
    lines = "".join(f"    {line}\n" for line in text.strip("\n").splitlines())
    config = loaded(
        folder, f"{LOCAL}applications:\n  - name: shop\n    destination: {{name: local, namespace: shop}}\n{lines}"
    )
    return config.applications[0]
