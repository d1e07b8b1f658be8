"""Walks through a page as its reader does: writes the files it shows, runs its commands, compares what they print.

The info string of a block says what becomes of it: `yaml file=PATH` is written, `sh run` is run to its end (with
`exit=1` if it fails on purpose), `sh run background` until the walk ends, and each line of `text shows` has to stand,
in this order, in what was printed since the last such block; `…` is anything. Other blocks are passed by.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import Process, TaskGroup

from tests.docs.pages import Block, page

_SECONDS: Final = 150.0


class Walk:
    """One way through one page, in `folder`. `places`: what stands in the page, and what is so on this machine."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str], places: Mapping[str, str]) -> None:
        self._blocks = page(name).blocks
        self._folder = folder
        self._environ = {**environ, "WALK_FOLDER": str(folder / ".walk")}
        self._places = places
        self._printed = ""
        self._background: list[tuple[Block, Process, list[str]]] = []

    async def through(self) -> int:
        """All of it; the number of blocks that were done. Fails at the first that does not do what the page says."""
        done = 0
        async with anyio.create_task_group() as tasks:
            try:
                for block in self._blocks:
                    done += await self._do(block, tasks)
            finally:
                for _, process, _ in self._background:
                    if process.returncode is None:
                        process.terminate()
        return done

    async def _do(self, block: Block, tasks: TaskGroup) -> bool:
        words = block.info.split()[1:]
        if named := [word.removeprefix("file=") for word in words if word.startswith("file=")]:
            path = self._here() / named[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._placed(block.content), encoding="utf-8")
        elif "background" in words:
            await self._start(block, tasks)
        elif "run" in words:
            expected = next((int(word.removeprefix("exit=")) for word in words if word.startswith("exit=")), 0)
            await self._run(block, expected)
        elif "shows" in words:
            self._compare(block)
        else:
            return False
        return True

    async def _run(self, block: Block, expected: int) -> None:
        script = f'{self._placed(block.content)}\npwd > "$WALK_FOLDER"\n'
        with anyio.fail_after(_SECONDS):
            ran = await anyio.run_process(
                ["bash", "-euo", "pipefail", "-c", script],
                check=False,
                cwd=self._here(),
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
            )
        told = ran.stdout.decode()
        self._printed += told
        assert ran.returncode == expected, f"{block.place}: exit code {ran.returncode}\n{told}\n{self._logs()}"

    async def _start(self, block: Block, tasks: TaskGroup) -> None:
        command = ["bash", "-c", f"exec {self._placed(block.content)}"]
        process = await anyio.open_process(
            command, cwd=self._here(), env=self._environ, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        lines: list[str] = []
        self._background.append((block, process, lines))
        started = anyio.Event()

        async def read() -> None:
            assert process.stdout is not None
            async for chunk in process.stdout:
                lines.append(chunk.decode(errors="replace"))
                if "ready" in lines[-1]:
                    started.set()
            started.set()
            await process.wait()

        tasks.start_soon(read)
        with anyio.fail_after(_SECONDS):
            await started.wait()
        assert process.returncode is None, f"{block.place}: it ended\n{self._logs()}"

    def _compare(self, block: Block) -> None:
        rest = self._printed
        for line in filter(None, map(str.strip, block.content.splitlines())):
            wanted = r".*".join(
                r"\s+".join(map(re.escape, part.split())) for part in re.split(r"\s*…\s*", self._placed(line))
            )
            found = re.search(wanted, rest)
            assert found, f"{block.place}: not shown: {line}\n{rest}"
            rest = rest[found.end() :]
        self._printed = ""

    def _here(self) -> Path:
        kept = Path(self._environ["WALK_FOLDER"])
        return Path(kept.read_text(encoding="utf-8").strip()) if kept.exists() else self._folder

    def _placed(self, text: str) -> str:
        for told, instead in self._places.items():
            text = text.replace(told, instead)
        return text

    def _logs(self) -> str:
        return "\n".join(f"--- {block.place}\n{''.join(lines)[-6000:]}" for block, _, lines in self._background)


def environment(home: Path, *programs: Path, **more: str) -> dict[str, str]:
    """What a person's shell has: a home of its own, a name for commits, `programs`' folders first on PATH."""
    path = os.pathsep.join([*(str(each) for each in programs), os.environ["PATH"]])
    author = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in _PERSON.items()}
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", **author, **more}


_PERSON: Final = {"NAME": "A Reader", "EMAIL": "reader@example.org"}
