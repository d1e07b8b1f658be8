"""Make `.venv` what requirements.lock and pyproject.toml say, and do nothing when it is that already.

Run by any Python 3.11 or later; needs the standard library alone. Everything is installed with its hash checked. uv
does the work because it is many times faster than pip; where it cannot (it does not read pip's configuration), pip
installs the same lock.
"""

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
LOCK: Final = ROOT / "requirements.lock"
STAMP: Final = VENV / ".installed"


def main() -> int:
    """Return the exit code: 0 when the environment is as locked."""
    (ROOT / ".build").mkdir(exist_ok=True)
    with (ROOT / ".build" / "venv.lock").open("w", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == _fingerprint():
            return 0
        started = time.monotonic()
        try:
            _install()
        except subprocess.CalledProcessError as error:
            print(f"setup: {' '.join(map(str, error.cmd))} failed with exit code {error.returncode}", file=sys.stderr)
            return 1
        STAMP.write_text(_fingerprint(), encoding="utf-8")
        print(f"setup: .venv is ready ({time.monotonic() - started:.0f} s)")
        return 0


def _install() -> None:
    if not _usable():
        print(f"setup: creating .venv with Python {sys.version.split()[0]}", flush=True)
        _run(sys.executable, "-m", "venv", "--clear", VENV)
    STAMP.unlink(missing_ok=True)
    print("setup: installing what requirements.lock pins", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        only_uv = Path(folder) / "uv.lock"
        only_uv.write_text(locked("uv"), encoding="utf-8")
        _pip("--require-hashes", "-r", only_uv)
    # Compiled ahead: where Python may not write bytecode, every start would compile all libraries anew.
    sync = ("pip", "sync", "--quiet", "--compile-bytecode", "--python", str(PYTHON), "--require-hashes", str(LOCK))
    synced = subprocess.run([str(VENV / "bin" / "uv"), *sync], check=False)
    if synced.returncode != 0:
        print("setup: uv could not; pip installs the same lock, which takes longer", flush=True)
        _pip("--require-hashes", "-r", LOCK)
    _pip("--no-deps", "--no-build-isolation", "-e", ROOT)


def locked(name: str) -> str:
    """Return the lines of requirements.lock that pin the distribution `name`, hashes included.

    Raises LookupError when the lock does not pin it.
    """
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith(f"{name}==")), None)
    if start is None:
        raise LookupError(f"{LOCK.name} does not pin {name}; run `make lock`")
    end = start
    while lines[end].endswith("\\"):
        end += 1
    return "\n".join(lines[start : end + 1]) + "\n"


def _usable() -> bool:
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-c", "import pip"], check=False, capture_output=True).returncode == 0


def _fingerprint() -> str:
    inputs = (LOCK, ROOT / "pyproject.toml", Path(__file__))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in inputs) + bytes(VENV)).hexdigest()


def _pip(*arguments: str | Path) -> None:
    _run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
