"""Spans over OTLP/HTTP, by OpenTelemetry's own exporter (https://opentelemetry.io/docs/specs/otlp/)."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gitopsd.tracing.values import SpanValue

_PATH: Final = "/v1/traces"
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
# The exporter tells its troubles at each try; we tell them once, and count.
_TALKERS: Final = ("opentelemetry", "urllib3")


class Otlp:
    """Sends to a collector.

    `endpoint` is its URL ("" for the environment's, else http://localhost:4318); one without a path gets `/v1/traces`.
    Certificates, time-out and compression are what OTEL_EXPORTER_OTLP_* say, the service's name and attributes what
    OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say. `insecure`: any TLS certificate will do.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str], *, insecure: bool, version: str) -> None:
        for talker in _TALKERS:
            logging.getLogger(talker).setLevel(logging.CRITICAL)
        session = requests.Session()
        exporter = OTLPSpanExporter(
            endpoint=_with_path(endpoint) or None, headers=dict(headers) or None, session=session
        )
        if insecure:
            session.verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._exporter = exporter
        attributes = {SERVICE_VERSION: version}
        named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        if "OTEL_SERVICE_NAME" not in os.environ and not named:
            attributes[SERVICE_NAME] = "gitopsd"
        self._resource = Resource.create(attributes)
        self._scope = InstrumentationScope("gitopsd", version)

    def send(self, spans: Sequence[SpanValue]) -> str:
        """See `delivery.Send`."""
        result = self._exporter.export([self._readable(span) for span in spans])
        return "" if result is SpanExportResult.SUCCESS else "the collector did not take them"

    def close(self) -> None:
        """Give up what is being tried, and send no more."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library left it untyped

    def _readable(self, span: SpanValue) -> ReadableSpan:
        context = SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=_SAMPLED)
        parent = SpanContext(span.trace_id, span.parent, is_remote=False, trace_flags=_SAMPLED) if span.parent else None
        return ReadableSpan(
            span.name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            links=[Link(SpanContext(*link, is_remote=True, trace_flags=_SAMPLED)) for link in span.links],
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def _with_path(endpoint: str) -> str:
    if not endpoint:
        return ""
    return endpoint.rstrip("/") + _PATH if urlsplit(endpoint).path in ("", "/") else endpoint
