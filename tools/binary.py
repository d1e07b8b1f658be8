"""`make binary`: gitopsd with Python and everything else that it needs, as a folder and as one file.

`.build/binary/gitopsd/` is the folder (the executable `gitopsd` beside `_internal/`), which packages and images take;
`dist/gitopsd` is the same as one file (packaging/launcher), with its SHA-256 beside it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools import gobuild
from tools.frozen import base, fixed_environment
from tools.frozen_contents import own_files
from tools.golang import ROOT, SetupError, program

FOLDER: Final = ROOT / ".build" / "binary"
BUNDLE: Final = FOLDER / "gitopsd"
_STAMP: Final = FOLDER / "fingerprint"
_PROGRAMS: Final = ("engine", "sops")
_INTERNAL: Final = "_internal"


def main() -> int:
    """Make what is not as it should be; returns the exit code."""
    try:
        if code := gobuild.main(_PROGRAMS):
            return code
        bundle()
        size = sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file() and not path.is_symlink())
        print(f"{BUNDLE.relative_to(ROOT)}/: {size / 1e6:.0f} MB")
    except (SetupError, LookupError) as error:
        print(f"binary: {error}", file=sys.stderr)
        return 1
    return 0


def bundle() -> Path:
    """Make `BUNDLE` from the base, our code and the Go programs, if it is not what it should be already."""
    taken = base()
    binaries = [program(name).destination for name in _PROGRAMS]
    wanted = _fingerprint(taken, binaries)
    if BUNDLE.exists() and _STAMP.exists() and _STAMP.read_text(encoding="ascii") == wanted:
        return BUNDLE
    FOLDER.mkdir(parents=True, exist_ok=True)
    _STAMP.unlink(missing_ok=True)
    fresh = FOLDER / "gitopsd.part"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(taken, fresh, symlinks=True, ignore=shutil.ignore_patterns("sources.json"))
    _add_code(fresh / _INTERNAL)
    _add_metadata(fresh / _INTERNAL)
    for path in binaries:
        _copy(path, fresh / _INTERNAL / "gitopsd" / "bin" / path.name)
    _same_modes(fresh)
    shutil.rmtree(BUNDLE, ignore_errors=True)
    fresh.rename(BUNDLE)
    _STAMP.write_text(wanted, encoding="ascii")
    return BUNDLE


def _fingerprint(taken: Path, binaries: Iterable[Path]) -> str:
    digest = hashlib.sha256(taken.name.encode())
    named = [(path.name, path) for path in binaries]
    for name, path in (*own_files(), *named, ("pyproject.toml", ROOT / "pyproject.toml"), ("", Path(__file__))):
        content = path.read_bytes()
        digest.update(f"\0{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _add_code(folder: Path) -> None:
    """Our packages as they are, and compiled so that no start looks whether a source is newer."""
    for relative, path in own_files():
        _copy(path, folder / relative)
    command = [sys.executable, "-I", "-B", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    packages = sorted({relative.partition("/")[0] for relative, _ in own_files()})
    # One process and one hash seed: the same bytes each time. `-s .` keeps this folder's name out of them.
    done = subprocess.run(
        [*command, "-s", ".", *packages], cwd=folder, env=fixed_environment(), check=False, capture_output=True
    )
    if done.returncode != 0:
        raise SetupError(f"our code does not compile:\n{done.stdout.decode(errors='replace')}")


def _add_metadata(folder: Path) -> None:
    """What `importlib.metadata` asks for: our version, and the entry points by which the official plugins are found."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    info = folder / f"gitopsd-{project['version']}.dist-info"
    info.mkdir()
    lines = [
        *("Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {project['version']}"),
        *(f"Summary: {project['description']}", f"License-Expression: {project['license']}"),
        f"Requires-Python: {project['requires-python']}",
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    points = project["entry-points"]["gitopsd.plugins"]
    (info / "entry_points.txt").write_text(
        "[gitopsd.plugins]\n" + "".join(f"{name} = {points[name]}\n" for name in sorted(points)), encoding="utf-8"
    )
    for name in project["license-files"]:
        _copy(ROOT / name, info / "licenses" / name)


def _same_modes(folder: Path) -> None:
    """Everybody reads, only the owner writes, whatever the umask of who built this is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


if __name__ == "__main__":
    sys.exit(main())
