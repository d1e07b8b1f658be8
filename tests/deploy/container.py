"""The image's root, unpacked, and what runs a program in it as a container runtime does: read only, as its own user."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools import image
from tools.image_root import USER

# The first build on a machine takes a minute and more.
SECONDS: Final = 600
ACCOUNT: Final = "run/secrets/kubernetes.io/serviceaccount"


def missing() -> str:
    """What keeps containers from being built or run here, in words; "" if nothing does."""
    if os.geteuid() != 0:
        return "only root can become another user"
    for program in ("bwrap", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    return image.missing()


def config_of(layout: Path) -> dict[str, Any]:
    """The image's configuration: user, entry point, labels."""
    manifest = manifest_of(layout)
    content: dict[str, Any] = json.loads(blob(layout, manifest["config"]["digest"]).read_bytes())
    return content


def manifest_of(layout: Path) -> dict[str, Any]:
    """The only manifest of an OCI layout."""
    (only,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    content: dict[str, Any] = json.loads(blob(layout, only["digest"]).read_bytes())
    return content


def blob(layout: Path, digest: str) -> Path:
    """The file of a digest."""
    return layout / "blobs" / digest.replace(":", "/")


def unpack(layout: Path, into: Path) -> Path:
    """The layers of an image, one over the other, with their owners."""
    for layer in manifest_of(layout)["layers"]:
        with tarfile.open(blob(layout, layer["digest"])) as tar:
            tar.extractall(into, filter="fully_trusted", numeric_owner=True)  # noqa: S202 - our own image, with its owners
    into.chmod(0o755)
    return into


@dataclass(frozen=True)
class Container:
    """How a program is run in `root`. `mounts` are folders of the host, by their path in the container, read only;
    `volumes` the same, writable; state, cache and /tmp are in memory unless they are volumes.
    """

    root: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)
    volumes: Mapping[str, Path] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> Sequence[str]:
        """The command line that runs the image's entry point with `arguments`, in the host's network."""
        own = ["/tmp", "/run", "/var/lib/gitopsd", "/var/cache/gitopsd"]
        in_memory = [part for path in own if path not in self.volumes for part in ("--tmpfs", path)]
        bound = [part for path, source in self.volumes.items() for part in ("--bind", str(source), path)]
        shown = [part for path, source in self.mounts.items() for part in ("--ro-bind", str(source), path)]
        named = [part for name, text in self.environ.items() for part in ("--setenv", name, text)]
        return [
            *("setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs"),
            *("bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"),
            *("--die-with-parent", "--ro-bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev"),
            *(*in_memory, *bound, *shown, "--clearenv", "--setenv", "PATH", "/usr/bin", *named),
            *("--setenv", "HOME", "/var/lib/gitopsd", "--chdir", "/var/lib/gitopsd", "/usr/bin/gitopsd", *arguments),
        ]


class Mounted:
    """A folder as the kubelet mounts a ConfigMap or Secret: files are links into one that `..data` names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._version = 0
        folder.mkdir(parents=True, mode=0o755)

    def put(self, files: Mapping[str, str]) -> None:
        """Show these files instead of those before, all at once."""
        self._version += 1
        fresh = self.folder / f"..version_{self._version}"
        fresh.mkdir(mode=0o755)
        for name, text in files.items():
            (fresh / name).write_text(text, encoding="utf-8")
            (fresh / name).chmod(0o644)
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
