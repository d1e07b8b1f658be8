"""What to try next, as commands that can be pasted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Group
from rich.text import Text

from demo.place import ROOT, Place

_KUBE: Final = "demo/kube.py"


def hints(place: Place) -> Group:
    """Commands for another terminal, in the repository's folder."""
    python, gitopsd = ".venv/bin/python", ".venv/bin/gitopsd"
    tree, config = _shown(place.samples), _shown(place.config)
    parts: Sequence[tuple[str, Sequence[str]]] = (
        (
            "Change a file and push: the cluster follows (at once with the last line, else within 5 s)",
            (
                f"sed -i.old 's/count: 3/count: 5/' {tree}/storefront/overlays/production/kustomization.yaml",
                f"git -C {tree} commit -qam 'Five replicas' && git -C {tree} push -q",
                f"{gitopsd} app refresh storefront --config {config}",
            ),
        ),
        (
            "Delete a Deployment: it comes back",
            (
                f"{python} {_KUBE} delete deployment frontend -n guestbook",
                f"{python} {_KUBE} get deployments -n guestbook",
            ),
        ),
        (
            "Delete a file in git: its objects are pruned",
            (
                f"git -C {tree} rm -q guestbook/settings.yaml",
                f"git -C {tree} commit -qm 'No settings' && git -C {tree} push -q",
            ),
        ),
        (
            "Mend what is broken on purpose",
            (
                f"sed -i.old -e 's/1[.]O$/1.0/' -e /behaviour/d -e /annotations/d {tree}/payments/pod.yaml",
                f"git -C {tree} commit -qam 'Mend payments' && git -C {tree} push -q",
            ),
        ),
        ("Read a pod's log", (f"{python} {_KUBE} logs -l app=frontend -n guestbook",)),
        (
            "Ask gitopsd",
            (
                f"{gitopsd} app list --config {config}",
                f"{gitopsd} app get payments --config {config}",
                f"curl -s http://127.0.0.1:{place.port}/metrics | grep gitopsd_app_info",
            ),
        ),
        (f"With kubectl: export KUBECONFIG={place.cluster / 'kubeconfig'}", ()),
        (f"gitopsd's log: {_shown(place.log('gitopsd'))}", ()),
    )
    lines = [Text(f"\nWhat to try next, in another terminal (cd {ROOT}):", "bold")]
    for title, commands in parts:
        lines.append(Text(f"\n{title}"))
        lines += [Text(f"  {command}", "cyan", no_wrap=True, overflow="ignore") for command in commands]
    return Group(*lines, Text())


def _shown(path: Path) -> str:
    return os.path.relpath(path, ROOT)
