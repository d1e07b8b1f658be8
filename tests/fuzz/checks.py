"""What hypothesis tries to break: the paths that applications name, and the frames of the engine's protocol."""

# ruff: noqa: E501 - lists of samples

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitopsd.core.errors import RenderError
from gitopsd.plugin import resolve_path
from gitopsd.render.frame import FrameBuffer, FrameError, pack_frame

_PART: Final = st.sampled_from(
    ["a", "b", "c", "f", "l", "m", "gone", "..", "..", ".", "", "é", "x y", "...", "\0", "\n", "$HOME", "~", "%2e%2e"]
)
_PATH: Final = st.lists(_PART, min_size=1, max_size=8).map("/".join)
_LINK: Final = st.tuples(
    st.sampled_from(["l", "m", "a/l", "a/c/l", "b/m"]),
    st.one_of(_PATH, _PATH.map(lambda path: f"{{root}}/{path}"), st.sampled_from(["/", "/etc/passwd", "l", "../../..", "a/l"])),
)  # fmt: skip
_BODY: Final = st.dictionaries(
    st.text(max_size=3), st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=9)), max_size=3
)

Check = Callable[[int], None]
"""Tries so many examples. Raises AssertionError, or what broke."""


def check_paths(count: int, *, fixed: bool = False) -> None:
    """Whatever links a repository holds, what `resolve_path` finds is inside, and is what the kernel finds."""

    @settings(
        max_examples=count, derandomize=fixed, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(named=_PATH, base=st.sampled_from([".", "a", "a/c", "l"]), links=st.lists(_LINK, max_size=4))
    def check(named: str, base: str, links: list[tuple[str, str]]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="gitopsd-fuzz-"))
        try:
            _resolve(folder / "root", named, base, links)
        finally:
            shutil.rmtree(folder)

    check()


def _resolve(root: Path, named: str, base: str, links: list[tuple[str, str]]) -> None:
    for each in ("a/c", "b"):
        (root / each).mkdir(parents=True)
    for each in ("a/f", "f", "a/c/f"):
        (root / each).touch()
    for link, target in links:
        if target and "\0" not in target and not os.path.lexists(root / link):
            (root / link).symlink_to(target.replace("{root}", str(root)))
    try:
        found = resolve_path(str(root), named, base=base)
    except RenderError:
        return
    assert not found.path.startswith("/")
    assert ".." not in found.path.split("/")
    # Trailing blanks of a path are taken: `file/` is the file.
    wanted = f"{root}/{named}" if named.startswith("/") else f"{root}/{base}/{named}"
    while wanted.endswith(("/", "/.")):
        wanted = wanted.removesuffix(".").removesuffix("/")
    assert os.path.exists(wanted) == found.exists
    if found.exists:
        assert os.path.realpath(wanted) == os.path.normpath(f"{os.path.realpath(root)}/{found.path}")


def check_frames(count: int, *, fixed: bool = False) -> None:
    """However bytes are cut, the same frames come out; what is no frame is a `FrameError` or waited for."""

    @settings(
        max_examples=count, derandomize=fixed, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        bodies=st.lists(_BODY, max_size=5),
        cuts=st.lists(st.integers(1, 40), min_size=1, max_size=9),
        tail=st.binary(max_size=12),
    )
    def check(bodies: list[dict[str, str | int | None]], cuts: list[int], tail: bytes) -> None:
        packed = [pack_frame(body) for body in bodies]
        data = b"".join(packed) + tail
        buffer, turn = FrameBuffer(), 0
        got: list[bytes] = []
        try:
            while data:
                size = cuts[turn % len(cuts)]
                for body in buffer.feed(data[:size]):
                    got.append(body)  # noqa: PERF402 - those before a broken frame count too
                data, turn = data[size:], turn + 1
        except FrameError:
            assert int.from_bytes(tail[:4]) > 0
        assert got[: len(packed)] == [each[4:] for each in packed]

    check()


CHECKS: Final = {"paths": check_paths, "frames": check_frames}
