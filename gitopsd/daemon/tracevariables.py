"""Environment variables of OpenTelemetry that mean nothing: the exporter goes on without them, and says nothing of it.

Sources: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

_SAMPLERS: Final = ("always_on", "always_off", "traceidratio")
_COMPRESSIONS: Final = ("none", "gzip", "deflate")


def misspelt(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name of each variable that does not count, and what was expected; no value, which could be a secret. Blocks."""
    for name, (holds, expected) in _EXPECTED.items():
        written = environ.get(name, "").strip()
        if written and not holds(written):
            yield name, expected
    given = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if given and environ.get("OTEL_TRACES_SAMPLER", "").endswith("traceidratio") and not _is_share(given):
        yield "OTEL_TRACES_SAMPLER_ARG", "expected a share between 0 and 1"


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return math.nan


def _is_share(written: str) -> bool:
    return 0 <= _number(written) <= 1


def _is_positive(written: str) -> bool:
    return 0 < _number(written) < math.inf


def _is_count(written: str) -> bool:
    return written.isascii() and written.isdigit() and 0 < len(written) < 10 and int(written) > 0


def _is_url(written: str) -> bool:
    try:
        parts = urlsplit(written)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _is_sampler(written: str) -> bool:
    return written.removeprefix("parentbased_") in _SAMPLERS


def _are_pairs(written: str) -> bool:
    return all("=" in each for each in written.split(",") if each.strip())


_COUNT: Final = (_is_count, "expected a whole number above 0")
_FILE: Final = (os.path.isfile, "there is no such file")
_OF_THE_EXPORTER: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "ENDPOINT": (_is_url, "expected http://host:port or https://host:port"),
    "HEADERS": (_are_pairs, "expected name=value,name=value"),
    "TIMEOUT": (_is_positive, "expected a number of seconds above 0"),
    "COMPRESSION": (_COMPRESSIONS.__contains__, f"expected one of {', '.join(_COMPRESSIONS)}"),
    "CERTIFICATE": _FILE,
    "CLIENT_CERTIFICATE": _FILE,
    "CLIENT_KEY": _FILE,
}
_EXPECTED: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    **{f"OTEL_EXPORTER_OTLP_{name}": each for name, each in _OF_THE_EXPORTER.items()},
    **{f"OTEL_EXPORTER_OTLP_TRACES_{name}": each for name, each in _OF_THE_EXPORTER.items()},
    "OTEL_BSP_MAX_QUEUE_SIZE": _COUNT,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": _COUNT,
    "OTEL_BSP_SCHEDULE_DELAY": _COUNT,
    "OTEL_TRACES_SAMPLER": (_is_sampler, f"expected one of {', '.join(_SAMPLERS)}, or parentbased_ before it"),
    "OTEL_RESOURCE_ATTRIBUTES": (_are_pairs, "expected name=value,name=value"),
}
