"""What is said of failures fits what caused them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.sources.artifact_reasons import artifact_error
from gitopsd.sources.reasons import source_error
from gitopsd.sources.wire import Failure, FailureKind

FEW_FILES = os.strerror(errno.EMFILE)
KINDS = (FailureKind.DIED, FailureKind.DISK, FailureKind.UNREACHABLE, FailureKind.INTERNAL)


@pytest.mark.parametrize("worded", [source_error, artifact_error])
@pytest.mark.parametrize("why", [f"the git worker did not start: {FEW_FILES}", f"open x: {FEW_FILES.lower()}"])
@pytest.mark.parametrize("kind", KINDS)
def test_where_open_files_are_short_the_hint_is_to_allow_more(
    worded: Callable[[Failure, str], SourceError], why: str, kind: FailureKind
) -> None:
    told = worded(Failure(kind, why), "https://git.example/app")
    assert told.hint == "allow more: LimitNOFILE= in the unit, `ulimit -n` in a shell; it is tried again"
    assert told.why == why
    assert told.retryable


@pytest.mark.parametrize("worded", [source_error, artifact_error])
def test_a_worker_that_was_killed_and_a_server_short_of_files_have_their_own_hints(
    worded: Callable[[Failure, str], SourceError],
) -> None:
    assert "look for an OOM kill" in worded(Failure(FailureKind.DIED, "killed by signal 9"), "x").hint
    assert "LimitNOFILE" not in worded(Failure(FailureKind.BUSY, FEW_FILES), "x").hint
