"""What every test stands on: the event loop, the folders' marks, and the counts at the end."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
import structlog
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

from tools.golang import PLACES, program

ROOT: Final = Path(__file__).resolve().parent.parent
# Every test in such a folder carries the mark of the same name.
MARKED_FOLDERS: Final = ("contracts", "e2e")

# How fast examples are made and checked says how busy the machine is, and nothing of what is tested.
settings.register_profile("gitopsd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gitopsd")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Return the loop of all async tests: asyncio's own, whose debug hooks and tracebacks uvloop lacks."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """What a test makes of the process's log ends with it: the next one shall not write to a file that is closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def nothing_blocks() -> Iterator[None]:
    """Fail the test if anything in it blocks the event loop: files, sockets, sleeps, locks."""
    with blockbuster_ctx():
        yield


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark tests by their folder, and refuse to begin end-to-end tests without what they run on."""
    for item in items:
        folder = item.path.relative_to(ROOT).parts[1]
        if folder in MARKED_FOLDERS:
            item.add_marker(folder)
    if any(item.get_closest_marker("e2e") for item in items):
        missing = [name for name in PLACES if not program(name).destination.exists()]
        if missing:
            raise pytest.UsageError(f"tests/e2e needs {' and '.join(missing)}: run `make setup`")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of each folder ended how, one line per folder."""
    counts: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            path = PurePosixPath(report.nodeid.partition("::")[0])
            counts.setdefault("/".join(path.parent.parts[:2]), Counter())[outcome] += 1
    if not counts:
        return
    terminalreporter.section("counts per folder")
    for folder, outcomes in sorted(counts.items()):
        terminalreporter.write_line(f"{folder}: {', '.join(f'{count} {name}' for name, count in outcomes.items())}")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """A failure inside of nested task groups is told as what it is: groups of one are taken off it."""
    try:
        return (yield)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if error is group:
            raise
        raise error from None
