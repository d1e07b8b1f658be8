"""A reconciliation and a sync that were traced lead to their trace."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gitopsd.core.events import OperationEnded, Reconciled
from gitopsd.core.operation import Phase
from gitopsd.metrics import Recorder
from tests.metrics.test_recorder import SERVER, a_spec, an_operation

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def happen(recorder: Recorder) -> None:
    recorder.on_event(Reconciled(a_spec(), SERVER, 0.0, 0.3, failed=False))
    recorder.on_event(OperationEnded(a_spec(), SERVER, an_operation(Phase.SUCCEEDED), 2.5))


def exemplars(body: bytes) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    families = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]  # the library left it untyped
    for family in families:
        for sample in family.samples:
            if sample.exemplar is not None:
                found.setdefault(family.name, set()).add(sample.exemplar.labels["trace_id"])
    return found


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("gitopsd", {"gitopsd_app_reconcile_seconds", "gitopsd_operation_seconds"}),
        ("argocd", {"argocd_app_reconcile", "argocd_operation_seconds"}),
    ],
)
async def test_openmetrics_shows_the_trace_of_a_reconciliation_and_of_a_sync(prefix: str, names: set[str]) -> None:
    recorder = Recorder(version="1", prefix=prefix, exemplar=lambda: TRACE)
    happen(recorder)
    _, body = await recorder.exposition("application/openmetrics-text")
    assert exemplars(body) == {name: {TRACE} for name in names}


async def test_the_text_format_which_has_none_shows_none() -> None:
    recorder = Recorder(version="1", exemplar=lambda: TRACE)
    happen(recorder)
    _, body = await recorder.exposition("text/plain")
    assert TRACE not in body.decode()


async def test_without_traces_there_are_no_exemplars(recorder: Recorder) -> None:
    happen(recorder)
    _, body = await recorder.exposition("application/openmetrics-text")
    assert exemplars(body) == {}
