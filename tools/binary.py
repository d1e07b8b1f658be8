"""`make binary`: gitopsd with Python and everything else that it needs, as a folder and as one file.

`.build/binary/gitopsd/` is the folder (the executable `gitopsd` beside `_internal/`), which packages and images take;
`dist/gitopsd` is the same as one file (packaging/launcher), with its SHA-256 beside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tools import gobuild
from tools.frozen import base, fixed_environment
from tools.frozen_contents import own_files
from tools.golang import ROOT, SetupError, cache_folder, program

FOLDER: Final = ROOT / ".build" / "binary"
BUNDLE: Final = FOLDER / "gitopsd"
DIST: Final = ROOT / "dist"
ONE_FILE: Final = DIST / "gitopsd"
_STAMP: Final = FOLDER / "fingerprint"
_PROGRAMS: Final = ("engine", "sops")
_LAUNCHER: Final = "launcher"
_INTERNAL: Final = "_internal"
_KEPT: Final = 3


def main(arguments: Sequence[str]) -> int:
    """Make what is not as it should be; `--folder` asks for the folder alone. Returns the exit code."""
    folder_only = "--folder" in arguments
    try:
        if code := gobuild.main(_PROGRAMS if folder_only else (*_PROGRAMS, _LAUNCHER)):
            return code
        made = [bundle()] if folder_only else [bundle(), one_file()]
    except (SetupError, LookupError) as error:
        print(f"binary: {error}", file=sys.stderr)
        return 1
    for path in made:
        print(f"{path.relative_to(ROOT)}: {_size(path) / 1e6:.0f} MB")
    return 0


def bundle() -> Path:
    """Make `BUNDLE` from the base, our code and the Go programs, if it is not what it should be already.

    The Go programs are there (`make setup`). Raises SetupError or LookupError with what a person must mend.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with gobuild.alone(FOLDER):
        _make_bundle()
    return BUNDLE


def one_file() -> Path:
    """Make `ONE_FILE` and its `.sha256` from `BUNDLE` and the launcher; what was packed before is not packed again."""
    launcher = program(_LAUNCHER).destination
    DIST.mkdir(exist_ok=True)
    shelf = cache_folder() / "one-file"
    shelf.mkdir(parents=True, exist_ok=True)
    with gobuild.alone(FOLDER), gobuild.alone(shelf):
        _make_bundle()
        made_of = _STAMP.read_bytes() + launcher.read_bytes()
        kept = shelf / hashlib.sha256(made_of).hexdigest()[:32]
        if not kept.exists():
            fresh = kept.with_name(f"{kept.name}.part")
            subprocess.run([launcher, "pack", BUNDLE, fresh], check=True)
            fresh.replace(kept)
        os.utime(kept)
        for old in sorted(shelf.iterdir(), key=lambda path: -path.stat().st_mtime)[_KEPT:]:
            old.unlink()
        fresh = ONE_FILE.with_name("gitopsd.part")
        shutil.copyfile(kept, fresh)
        fresh.chmod(0o755)
        fresh.replace(ONE_FILE)
        digest = hashlib.sha256(ONE_FILE.read_bytes()).hexdigest()
        fresh.write_text(f"{digest}  gitopsd\n", encoding="ascii")
        fresh.chmod(0o644)
        fresh.replace(ONE_FILE.with_name("gitopsd.sha256"))
    return ONE_FILE


def _make_bundle() -> None:
    taken = base()
    binaries = [program(name).destination for name in _PROGRAMS]
    wanted = _fingerprint(taken, binaries)
    if BUNDLE.exists() and _STAMP.exists() and _STAMP.read_text(encoding="ascii") == wanted:
        return
    _STAMP.unlink(missing_ok=True)
    fresh = FOLDER / "gitopsd.part"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(taken, fresh, symlinks=True, ignore=shutil.ignore_patterns("sources.json"))
    _add_code(fresh / _INTERNAL)
    _add_metadata(fresh / _INTERNAL)
    for path in binaries:
        _copy(path, fresh / _INTERNAL / "gitopsd" / "bin" / path.name)
    _same_modes(fresh)
    aside = FOLDER / "gitopsd.old"
    shutil.rmtree(aside, ignore_errors=True)
    if BUNDLE.exists():
        BUNDLE.rename(aside)
    fresh.rename(BUNDLE)
    shutil.rmtree(aside, ignore_errors=True)
    _STAMP.write_text(wanted, encoding="ascii")


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
    packages = set()
    for relative, path in own_files():
        _copy(path, folder / relative)
        packages.add(relative.partition("/")[0])
    command = [sys.executable, "-I", "-B", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # One process and one hash seed: the same bytes each time. Paths are relative, so this folder's name is not in them.
    done = subprocess.run(
        [*command, *sorted(packages)], cwd=folder, env=fixed_environment(), check=False, capture_output=True
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


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file() and not each.is_symlink())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
