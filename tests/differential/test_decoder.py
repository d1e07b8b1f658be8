"""YAML that hypothesis makes, read by our engine and by kubectl's own library."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gitopsd.core.jsonvalue import JsonObject, objects, sequence, text
from tests.differential.comparison import differences
from tests.differential.decoder import Decoded
from tests.differential.official import Official
from tests.differential.pipe import EnginePipe
from tests.differential.yaml_texts import streams

# More, and others each time: GITOPSD_DECODER_EXAMPLES=20000 make test PYTEST_ARGS='-k decoder'
_WANTED: Final = os.environ.get("GITOPSD_DECODER_EXAMPLES", "")
_SETTINGS: Final = settings(
    max_examples=int(_WANTED or 200),
    derandomize=not _WANTED,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
# What we refuse on purpose although kubectl takes it.
_STRICTER: Final = ("is set twice", "unknown YAML tag", "neither UTF-8 nor UTF-16", "contains itself")


@pytest.fixture(scope="module")
def pipe() -> Iterator[EnginePipe]:
    with EnginePipe() as running:
        yield running


@given(data=streams())
@_SETTINGS
def test_odd_manifests_are_decoded_as_kubectl_decodes_them(
    official: Official, pipe: EnginePipe, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    _same(official, pipe, tmp_path_factory.getbasetemp() / "odd.yaml", data)


@given(data=st.text(st.sampled_from("a1: -{}[],'\"#&*!|>%@`?\n\t~<é"), max_size=60))
@_SETTINGS
def test_any_text_within_a_manifest_is_decoded_as_kubectl_decodes_it(
    official: Official, pipe: EnginePipe, tmp_path_factory: pytest.TempPathFactory, data: str
) -> None:
    written = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  x: {data}\n"
    _same(official, pipe, tmp_path_factory.getbasetemp() / "any.yaml", written.encode())


def _same(official: Official, pipe: EnginePipe, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    theirs = official.decoder.read(file)
    ours = _ours(pipe, data)
    event(f"kubectl: {'refused' if theirs.error else 'read'}, ours: {'refused' if ours.error else 'read'}")
    if ours.error and not theirs.error:
        assert any(words in ours.error for words in _STRICTER), f"{ours.error}\n{data!r}"
    elif theirs.error:
        assert ours.error, f"kubectl: {theirs.error}\n{data!r}"
    else:
        found = list(differences(ours.objects, theirs.objects))
        assert not found, f"{found}\n{data!r}"


def _ours(pipe: EnginePipe, data: bytes) -> Decoded:
    answer = pipe.ask("decode", {"documents_base64": base64.b64encode(data).decode(), "file": "m.yaml"})
    if "error" in answer:
        return Decoded([], text(answer, "error", "message"))
    found: list[JsonObject] = []
    for manifest in objects(answer, "result", "manifests"):
        found += objects({"items": [manifest["object"]]}, "items")
    assert len(found) == len(sequence(answer, "result", "manifests"))
    return Decoded(found, "")
