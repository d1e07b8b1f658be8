"""`make deb`: a Debian package of gitopsd, with everything inside, from the folder that `make binary` makes.

Two packages of one commit are the same byte for byte: times, owners, modes and order are set, and nothing else varies.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools import binary, gobuild
from tools.epoch import epoch
from tools.golang import ROOT, SetupError

PACKAGING: Final = ROOT / "packaging" / "deb"
NAME: Final = "gitopsd"
PROGRAM: Final = "usr/lib/gitopsd"
_ELF: Final = b"\x7fELF"
# Each further level costs as long again and saves 3 MB of 65.
_SMALL: Final = ("-Zxz", "-z0")
_SCRIPTS: Final = ("postinst", "postrm", "prerm")
# Where each file of the repository goes, and its mode.
_FILES: Final[Mapping[str, tuple[str, int]]] = {
    "systemd/gitopsd.service": ("usr/lib/systemd/system/gitopsd.service", 0o644),
    "systemd/gitopsd@.service": ("usr/lib/systemd/system/gitopsd@.service", 0o644),
    "systemd/gitopsd.sysusers": ("usr/lib/sysusers.d/gitopsd.conf", 0o644),
    "packaging/deb/gitopsd.yaml": ("etc/gitopsd/gitopsd.yaml", 0o640),
    "packaging/deb/copyright": ("usr/share/doc/gitopsd/copyright", 0o644),
    "packaging/deb/lintian-overrides": ("usr/share/lintian/overrides/gitopsd", 0o644),
    "README.md": ("usr/share/doc/gitopsd/README.md", 0o644),
    "config/gitopsd.example.yaml": ("usr/share/doc/gitopsd/examples/gitopsd.example.yaml", 0o644),
}
_COMPRESSED: Final[Mapping[str, str]] = {
    "CHANGELOG.md": "usr/share/doc/gitopsd/changelog.gz",
    "packaging/deb/gitopsd.1": "usr/share/man/man1/gitopsd.1.gz",
}
_FOLDERS: Final[Mapping[str, int]] = {
    "etc/gitopsd": 0o750,
    "etc/gitopsd/applications.d": 0o750,
    "etc/gitopsd/secrets": 0o700,
}
_COMPLETIONS: Final[Mapping[str, str]] = {
    "bash": "usr/share/bash-completion/completions/gitopsd",
    "fish": "usr/share/fish/vendor_completions.d/gitopsd.fish",
    "zsh": "usr/share/zsh/vendor-completions/_gitopsd",
}


def main(arguments: Sequence[str]) -> int:
    """Make the package; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.deb")
    parser.add_argument("--version", default=version(), help="of the package; that of gitopsd by default")
    parser.add_argument("--into", type=Path, default=binary.DIST, help="the folder to put it into")
    chosen = parser.parse_args(arguments)
    try:
        if code := gobuild.main(("engine", "sops")):
            return code
        made = build(binary.bundle(), chosen.version, chosen.into)
    except (SetupError, LookupError, subprocess.CalledProcessError) as error:
        print(f"deb: {error}", file=sys.stderr)
        return 1
    print(f"{made}: {made.stat().st_size / 1e6:.0f} MB")
    return 0


def version() -> str:
    """gitopsd's own, as Debian writes versions: a pre-release sorts before its release."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        plain: str = tomllib.load(file)["project"]["version"]
    return re.sub(r"(?<=\d)(?=(a|b|rc|\.dev)\d)", "~", plain)


def build(
    bundle: Path,
    number: str,
    into: Path,
    *,
    packing: Sequence[str] = _SMALL,
    asked: Path | None = None,
    at: int | None = None,
) -> Path:
    """Make the package of `bundle` with version `number` in the folder `into`.

    `packing` as dpkg-deb has it; the program `asked` (the bundle's own) prints the completions; `at`: the seconds that
    count as the time of the build. Raises SetupError without dpkg-deb.
    """
    if shutil.which("dpkg-deb") is None:
        raise SetupError("dpkg-deb is not on PATH; install dpkg")
    architecture = _printed("dpkg", "--print-architecture")
    into.mkdir(parents=True, exist_ok=True)
    made = into / f"{NAME}_{number}_{architecture}.deb"
    time = epoch() if at is None else at
    with tempfile.TemporaryDirectory(prefix="gitopsd-deb-") as place:
        root = Path(place) / "root"
        root.mkdir(mode=0o755)
        _fill(root, bundle, asked or bundle / NAME)
        _describe(root, number, architecture)
        for path in (*root.rglob("*"), root):
            os.utime(path, (time, time), follow_symlinks=False)
        fresh = Path(place) / made.name
        command = ["dpkg-deb", "--root-owner-group", *packing, "--build", str(root), str(fresh)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(time), "LC_ALL": "C.UTF-8"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        shutil.move(fresh, made)
    return made


def _fill(root: Path, bundle: Path, asked: Path) -> None:
    shutil.copytree(bundle, root / PROGRAM, symlinks=True)
    for path in (root / PROGRAM).rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or _is_program(path) else 0o644)
    _link(root / "usr/bin/gitopsd", "../lib/gitopsd/gitopsd")
    for source, (place, mode) in _FILES.items():
        _write(root / place, (ROOT / source).read_bytes(), mode)
    for source, place in _COMPRESSED.items():
        _write(root / place, gzip.compress((ROOT / source).read_bytes(), 9, mtime=0))
    for shell, place in _COMPLETIONS.items():
        script = _printed(
            str(asked), env={**os.environ, "_GITOPSD_COMPLETE": f"source_{shell}", "HOME": "/nonexistent"}
        )
        _write(root / place, f"{script.strip()}\n".encode())
    for place, mode in _FOLDERS.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        (root / place).chmod(mode)
    for path in root.rglob("*"):
        if path.is_dir() and str(path.relative_to(root)) not in _FOLDERS:
            path.chmod(0o755)


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return ".so" not in path.name and file.read(len(_ELF)) == _ELF


def _describe(root: Path, number: str, architecture: str) -> None:
    """The control files, which say what the package is and what is to be done around its files."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    size = sum(-(-path.stat().st_size // 1024) for path in files) + sum(1 for path in root.rglob("*") if path.is_dir())
    control = root / "DEBIAN"
    fields = {
        "Package": NAME,
        "Version": number,
        "Architecture": architecture,
        "Maintainer": "The gitopsd authors <gitopsd@example.org>",
        "Installed-Size": str(size),
        "Depends": f"libc6 (>= {_oldest_libc(files)}), zlib1g, passwd, init-system-helpers (>= 1.54)",
        "Recommends": "ca-certificates, systemd",
        "Suggests": "openssh-client",
        "Section": "admin",
        "Priority": "optional",
        "Description": _DESCRIPTION,
    }
    _write(control / "control", "".join(f"{name}: {text}\n" for name, text in fields.items()).encode())
    _write(control / "conffiles", b"/etc/gitopsd/gitopsd.yaml\n")
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}"
        for path in files
    ]
    listed = [line for line in sums if not line.endswith("  etc/gitopsd/gitopsd.yaml")]
    _write(control / "md5sums", "".join(f"{line}\n" for line in listed).encode())
    for script in _SCRIPTS:
        _write(control / script, (PACKAGING / script).read_bytes(), 0o755)


_DESCRIPTION: Final = """keeps Kubernetes clusters equal to git
 One process reads a YAML file of applications, fetches their git, Helm and OCI
 sources, renders them (plain YAML, Jsonnet, Kustomize, Helm), compares the
 result with the live objects, applies what differs, heals drift, prunes what
 left git, judges health, and shows it through an API, a command line and
 Prometheus metrics. It reads Argo CD's Application manifests as they are.
 .
 Python, the libraries and the render engine are inside."""


def _oldest_libc(files: Sequence[Path]) -> str:
    """The first release of the C library that has every symbol that the programs and libraries ask for."""
    return f"2.{max(_wanted(files), default=17)}"


def _wanted(files: Sequence[Path]) -> Iterator[int]:
    for path in files:
        content = path.read_bytes()
        if content.startswith(_ELF):
            yield from (int(found) for found in re.findall(rb"\0GLIBC_2\.(\d+)(?:\.\d+)?\0", content))


def _printed(*command: str, env: Mapping[str, str] | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.strip()


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
