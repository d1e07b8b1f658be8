"""Build our Go programs side by side: `python -m tools.gobuild engine localcluster`.

`originals` stands for the official programs that tests compare with.

A binary is kept outside of the tree under the hash of what it is made from: it is built once per machine and content.
"""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.golang import ORIGINALS, PLACES, Go, Program, SetupError, cache_folder, find_go, original, program

KEPT_PER_PROGRAM: Final = 5
QUIET_LINE_SECONDS: Final = 30.0


def main(names: Sequence[str]) -> int:
    """Build what is missing of the named programs and put each where it belongs; returns the exit code."""
    try:
        programs = [each for name in names for each in _named(name)]
        go = find_go(programs)
        return build_all(programs, go)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1


def _named(name: str) -> list[Program]:
    return [original(each) for each in ORIGINALS] if name == "originals" else [program(name)]


def build_all(programs: Sequence[Program], go: Go) -> int:
    """Build side by side, tell once in a while how long it takes, and show Go's output only of what failed."""
    failed = False
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(programs))) as threads:
        running = {threads.submit(install, one, go): one for one in programs}
        for ended in _until_done(running, started):
            one = running[ended]
            try:
                built = ended.result()
            except SetupError as error:
                failed = True
                print(f"{one.name}: {error}", file=sys.stderr, flush=True)
            else:
                seconds = time.monotonic() - started
                print(f"{one.name}: {f'built in {seconds:.0f} s' if built else 'up to date'}", flush=True)
    return 1 if failed else 0


def install(one: Program, go: Go) -> bool:
    """Make the program's binary stand in its place; returns whether it had to be built.

    Raises SetupError with Go's own words when it does not compile.
    """
    shelf = cache_folder() / one.name
    shelf.mkdir(parents=True, exist_ok=True)
    kept = shelf / fingerprint(one, go)
    with alone(shelf):
        for left_behind in shelf.glob("*.part"):
            left_behind.unlink()
        missing = not kept.exists()
        if missing:
            _build(one, go, kept)
        os.utime(kept)
        _place(kept, one.destination)
        _prune(shelf)
    return missing


def fingerprint(one: Program, go: Go) -> str:
    """Hash what decides the binary: every file of the folder but tests and pages, the toolchain and the platform."""
    digest = hashlib.sha256(f"{go.version} {go.target}".encode())
    for path in sorted(one.folder.rglob("*")):
        if not path.is_file() or path.name.endswith(("_test.go", ".md")) or "testdata" in path.parts:
            continue
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(one.folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _build(one: Program, go: Go, kept: Path) -> None:
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    try:
        told = go.run(
            one, "build", *one.flags, "-buildvcs=false", f"-ldflags={one.ldflags}", "-o", str(fresh), one.package
        )
        if told.returncode != 0:
            raise SetupError(f"`go build` failed with exit code {told.returncode}\n{told.stdout.rstrip()}")
        fresh.replace(kept)
    finally:
        fresh.unlink(missing_ok=True)


def _place(kept: Path, destination: Path) -> None:
    if destination.exists() and destination.samefile(kept):
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    fresh = destination.with_name(f"{destination.name}.{os.getpid()}.part")
    try:
        # A hard link, so that pruning the shelf leaves this tree its binary.
        fresh.hardlink_to(kept)
    except OSError:
        shutil.copy2(kept, fresh)
    fresh.replace(destination)


def _prune(shelf: Path) -> None:
    newest_first = sorted((path for path in shelf.iterdir() if path.suffix == ""), key=_age)
    for old in newest_first[KEPT_PER_PROGRAM:]:
        old.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return -path.stat().st_mtime


@contextlib.contextmanager
def alone(shelf: Path) -> Iterator[None]:
    """Only one process at a time is in here for a shelf of the build cache."""
    # Beside the shelf, not on it: everything on the shelf is a binary.
    with shelf.with_suffix(".lock").open("w", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _until_done(
    running: dict[concurrent.futures.Future[bool], Program], started: float
) -> Iterator[concurrent.futures.Future[bool]]:
    """Yield each build as it ends; meanwhile one line says what is still being built."""
    waiting = set(running)
    on_terminal = sys.stdout.isatty()
    every = 1.0 if on_terminal else QUIET_LINE_SECONDS
    while waiting:
        ended, waiting = concurrent.futures.wait(waiting, timeout=every, return_when=concurrent.futures.FIRST_COMPLETED)
        if on_terminal:
            print("\r\033[K", end="")
        yield from ended
        if waiting:
            names = ", ".join(sorted(running[one].name for one in waiting))
            line = f"building {names}: {time.monotonic() - started:.0f} s"
            print(line, end="" if on_terminal else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PLACES)))
