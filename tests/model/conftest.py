"""The model's tests run on virtual time, but for those on the real API server."""

from collections.abc import Callable

import pytest

from gitopsd.testing.virtual_time import VirtualTimeLoop


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    """Return asyncio's loop, with the test's own time."""
    return "asyncio", {"loop_factory": VirtualTimeLoop}
