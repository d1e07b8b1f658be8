"""A collector for traces on loopback, which says what it got as OTLP has it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

DEADLINE = 30.0


@dataclass
class Collector:
    """`spans` came so far. `open`: it answers; else requests wait. `status` is its answer."""

    url: str = ""
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """A request; the status that answers it."""
        with self.came:
            self.paths.append(path)
            self.headers.append(headers)
            self.came.notify_all()
        self.open.wait(DEADLINE)
        request = ExportTraceServiceRequest()
        request.ParseFromString(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
        with self.came:
            if self.status == 200:
                for group in request.resource_spans:
                    self.resources.append({item.key: item.value.string_value for item in group.resource.attributes})
                    self.spans += [span for scope in group.scope_spans for span in scope.spans]
            self.came.notify_all()
        return self.status

    def wait_for(self, count: int) -> list[Span]:
        """The spans, as soon as there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.spans) >= count, DEADLINE), f"{len(self.spans)} spans came"
            return list(self.spans)

    def wait_for_requests(self, count: int) -> None:
        """Until so many requests came."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.paths) >= count, DEADLINE)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector until the end of the block."""
    collector = Collector()
    collector.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = collector.take(self.path, {key.lower(): text for key, text in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        collector.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def attributes(span: Span) -> dict[str, object]:
    """By name, without our prefix."""
    found: dict[str, object] = {}
    for item in span.attributes:
        kind = item.value.WhichOneof("value")
        value = getattr(item.value, kind)
        found[item.key.removeprefix("gitopsd.")] = (
            [each.string_value for each in value.values] if kind == "array_value" else value
        )
    return found


def seconds(span: Span) -> float:
    """How long it took."""
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
