"""A scrape gets what it asks for, and holds nobody up."""

import pytest

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.appstatus import unknown_status
from gitopsd.core.events import StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.metrics import Recorder


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/html", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text; version=no.number", "application/openmetrics-text; version=1.0.0"),
        ("text/plain; version=\u00b2", "text/plain; version=0.0.4"),
        (
            "application/openmetrics-text; version=1.0.0; escaping=nonsense",
            "application/openmetrics-text; version=1.0.0",
        ),
        ("text/x," * 1000, "text/plain; version=0.0.4"),
    ],
)
async def test_the_accept_header_chooses_the_format_and_nonsense_means_text(
    recorder: Recorder, accept: str, content_type: str
) -> None:
    shown, body = await recorder.exposition(accept)
    assert shown.startswith(content_type)
    assert b"gitopsd_build_info" in body


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text ; Q=0.7 , text/plain ; q=0.3", True),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0.5, text/plain;q=0, */*", True),
        ("application/openmetrics-text;q=0.4, application/openmetrics-text;q=0.9, text/plain;q=0.8", True),
        ("application/openmetrics-text;q=0.001", True),
        ("application/openmetrics-text;q=nonsense", True),
        ("application/openmetrics-text;q=0, text/plain", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.000, */*;q=0.0", False),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.9", False),
        ("text/plain;version=0.0.4;q=0.9;escaping=x, application/openmetrics-text; q=0.899", False),
        ("application/openmetrics-text;q=0.5, text/*;q=0.6", False),
        ("application/openmetrics-text;q=0.5, */*", False),
        ("application/openmetrics-text-more", False),
        ("text/plain;profile=application/openmetrics-text", False),
        ("application/*", False),
        (";q=1,,;,", False),
    ],
)
async def test_openmetrics_is_given_where_it_weighs_no_less_than_plain_text(
    recorder: Recorder, accept: str, openmetrics: bool
) -> None:
    shown, _ = await recorder.exposition(accept)
    assert shown.startswith("application/openmetrics-text;" if openmetrics else "text/plain;")


@pytest.mark.usefixtures("nothing_blocks")
async def test_a_scrape_of_five_thousand_applications_is_whole(recorder: Recorder) -> None:
    for number in range(5000):
        spec = AppSpec(AppName(f"app-{number}"), (Source("https://git.example.org/a.git"),), Destination(name="local"))
        recorder.on_event(StatusChanged(spec, unknown_status(spec.name), None))
    _, body = await recorder.exposition("")
    assert body.count(b"\ngitopsd_app_info{") == 5000
