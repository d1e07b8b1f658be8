"""Looking from outside at processes and files, for async tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until something outside of this process is so; fails after `seconds`."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the kernel tells nobody when a process or a file is gone
            await anyio.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process is there and is more than a zombie."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def exists(pid: int) -> bool:
    """Whether a process is there, be it as a zombie that nobody has buried yet."""
    return Path(f"/proc/{pid}").exists()


def text(path: Path | str) -> str:
    """A file's content as text."""
    return Path(path).read_bytes().decode("utf-8", "replace")


def names(folder: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def files_with(word: str, folder: Path) -> list[Path]:
    """The files below a folder in which `word` stands."""
    return [path for path in folder.rglob("*") if path.is_file() and word in text(path)]
