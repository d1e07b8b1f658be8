"""The control room's tests run on virtual time: waiting costs nothing."""

from collections.abc import Callable

import pytest

from gitopsd.testing.virtual_time import VirtualTimeLoop
from tests.control.world import GivenWorld


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    """Return asyncio's loop, with the test's own time."""
    return "asyncio", {"loop_factory": VirtualTimeLoop}


@pytest.fixture
def world() -> GivenWorld:
    """A cluster, a repository and a renderer, all fakes, and nothing that runs yet."""
    return GivenWorld()
