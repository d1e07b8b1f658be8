"""Reading a scrape as Prometheus would."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gitopsd.metrics import Recorder

Samples: TypeAlias = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
Scrape: TypeAlias = Callable[[Recorder], Awaitable[Samples]]


@pytest.fixture
def recorder() -> Recorder:
    """Return one with our own names."""
    return Recorder(version="1.2.3", labels=("team",))


@pytest.fixture
def argocd() -> Recorder:
    """Return one with Argo CD's names."""
    return Recorder(version="1.2.3", prefix="argocd", labels=("team",))


@pytest.fixture
def scrape() -> Scrape:
    """Return a function that gives every sample, read by the official parsers of both formats, which must agree."""

    async def read(recorder: Recorder) -> Samples:
        plain_type, plain = await recorder.exposition("text/plain;version=0.0.4")
        open_type, openmetrics = await recorder.exposition("application/openmetrics-text;version=1.0.0")
        assert plain_type.startswith("text/plain; version=0.0.4")
        assert open_type.startswith("application/openmetrics-text; version=1.0.0")
        samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse_text(plain.decode())
            for sample in family.samples
        }
        parsed = parse_openmetrics(openmetrics.decode())  # type: ignore[no-untyped-call]  # the library left it untyped
        again = {(sample.name, frozenset(sample.labels.items())) for family in parsed for sample in family.samples}
        assert {key for key in samples if key[0].startswith(("gitopsd", "argocd"))} == {
            key for key in again if key[0].startswith(("gitopsd", "argocd"))
        }
        return samples

    return read
