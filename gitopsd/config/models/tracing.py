"""Where traces go."""

from __future__ import annotations

import importlib.util
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gitopsd.config.models.strict import Expanded, SecretOrFile, StrictModel, refused

_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_HEADER = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def has_tracing() -> bool:
    """Whether the packages of the extra `gitopsd[tracing]` are installed."""
    try:
        return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)
    except ImportError:  # the package above it is not there
        return False


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or "@" in text or not text.isprintable() or " " in text:
        raise refused("expected an http(s) URL without credentials", "http://localhost:4318")
    return text


def _headers(value: object) -> object:
    for name in value if isinstance(value, dict) else ():
        if not isinstance(name, str) or not name or not set(name.lower()) <= _HEADER:
            raise refused("expected names of HTTP headers as keys", "authorization")
    return value


class Tracing(StrictModel):
    """Traces of reconciles, sent to an OpenTelemetry collector over OTLP/HTTP."""

    endpoint: Annotated[Expanded, AfterValidator(_url)] | None = Field(
        None,
        description="The collector's URL; one without a path gets /v1/traces. Default: OTEL_EXPORTER_OTLP_ENDPOINT, "
        "else http://localhost:4318",
    )
    headers: Annotated[dict[str, SecretOrFile], BeforeValidator(_headers)] = Field(
        default_factory=dict, description="Headers for the collector, such as authorization; each {file: PATH} or text."
    )
    sample_ratio: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The share of passes that are traced, 0 to 1. Default: OTEL_TRACES_SAMPLER_ARG, else 1",
    )
    insecure: bool = Field(False, description="Send to whoever answers, whatever its TLS certificate.")

    @model_validator(mode="after")
    def _installed(self) -> Self:
        if not has_tracing():
            raise refused("traces need packages that are not installed", "pip install 'gitopsd[tracing]'")
        return self
