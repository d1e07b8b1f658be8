"""The base of the frozen program: Python, its standard library and the dependencies, made by PyInstaller.

Nothing of gitopsd is in it, so it is made anew only when the dependencies, the names that we import of them, or Python
change; it is kept outside of the tree under the hash of those, as the Go programs are (tools/gobuild.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.frozen_contents import Contents, contents
from tools.gobuild import alone
from tools.golang import ROOT, SetupError, cache_folder

FOLDER: Final = ROOT / "packaging" / "binary"
# What decides the base beside what it is told to take in.
_INPUTS: Final = (ROOT / "requirements.lock", FOLDER / "gitopsd.spec", FOLDER / "entry.py", Path(__file__))
# What an installer notes about itself says nothing of the package, and differs from one installer to the next.
_INSTALLERS_NOTES: Final = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
SOURCES: Final = "sources.json"
KEPT: Final = 3


def base() -> Path:
    """The folder of the base (`gitopsd`, `_internal/`, and `sources.json` beside them), built if it is not there.

    Raises SetupError with PyInstaller's last words when that fails.
    """
    _can_be_frozen()
    asked = contents()
    shelf = cache_folder() / "frozen"
    shelf.mkdir(parents=True, exist_ok=True)
    kept = shelf / _fingerprint(asked)
    with alone(shelf):
        if not (kept.exists() and _libraries_unchanged(kept)):
            shutil.rmtree(kept, ignore_errors=True)
            _build(asked, kept)
        os.utime(kept)
        for old in sorted(shelf.iterdir(), key=lambda path: -path.stat().st_mtime)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    return kept


def fixed_environment(epoch: int = 0) -> dict[str, str]:
    """The environment in which two builds of the same are the same byte for byte."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GITOPSD_"))}
    return {**kept, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _can_be_frozen() -> None:
    for program in ("objcopy", "strip"):
        if shutil.which(program) is None:
            raise SetupError(f"{program} is not on PATH; install your system's binutils")
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise SetupError(
            f"{sys.executable} has no shared library, which the frozen program needs; take Debian's python3 with "
            "libpython3-dev, or one that was built with --enable-shared"
        )


def _fingerprint(asked: Contents) -> str:
    digest = hashlib.sha256(json.dumps(asked.as_json(), sort_keys=True).encode())
    digest.update(f"\0{sys.version}\0{sysconfig.get_platform()}".encode())
    for path in _INPUTS:
        digest.update(b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


def _libraries_unchanged(kept: Path) -> bool:
    """Whether the system's libraries are still those that were taken in; an update of OpenSSL makes a new base."""
    native: Mapping[str, list[str]] = json.loads((kept / SOURCES).read_text(encoding="utf-8"))
    return all(_hash(Path(source)) == digest for source, digest in native.values())


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _build(asked: Contents, kept: Path) -> None:
    print("frozen: collecting Python and the dependencies; it takes a minute", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=kept.parent.parent, prefix="frozen-") as work:
        folder = Path(work)
        _run_pyinstaller(asked, folder)
        built = folder / "dist" / "gitopsd"
        _note_sources(folder / SOURCES, built / SOURCES)
        for notes in (built / "_internal").glob("*.dist-info/*"):
            if notes.name in _INSTALLERS_NOTES:
                notes.unlink()
        built.rename(kept)
    print(f"frozen: collected in {time.monotonic() - started:.0f} s", flush=True)


def _run_pyinstaller(asked: Contents, folder: Path) -> None:
    told = {**asked.as_json(), "entry": str(FOLDER / "entry.py"), "sources": str(folder / SOURCES)}
    command = [
        *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
        *("--workpath", str(folder / "build"), "--distpath", str(folder / "dist"), str(FOLDER / "gitopsd.spec")),
    ]
    environment = {
        **fixed_environment(),
        "GITOPSD_BASE": json.dumps(told),
        "PYINSTALLER_CONFIG_DIR": str(folder / "cache"),
    }
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(f"PyInstaller ended with exit code {done.returncode}\n{done.stderr[-4000:]}")


def _note_sources(told: Path, note: Path) -> None:
    native: Mapping[str, str] = json.loads(told.read_text(encoding="utf-8"))
    note.write_text(json.dumps({to: [source, _hash(Path(source))] for to, source in native.items()}), encoding="utf-8")
