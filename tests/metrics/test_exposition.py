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


@pytest.mark.usefixtures("nothing_blocks")
async def test_a_scrape_of_five_thousand_applications_is_whole(recorder: Recorder) -> None:
    for number in range(5000):
        spec = AppSpec(AppName(f"app-{number}"), (Source("https://git.example.org/a.git"),), Destination(name="local"))
        recorder.on_event(StatusChanged(spec, unknown_status(spec.name), None))
    _, body = await recorder.exposition("")
    assert body.count(b"\ngitopsd_app_info{") == 5000
