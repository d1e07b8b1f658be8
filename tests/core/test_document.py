"""Documents in memory."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.document import Document, canonical

_LARGE = canonical(
    {"kind": "ConfigMap", "data": {f"key-{number}": "the same again and again" for number in range(200)}}
)
_SMALL = canonical({"kind": "ConfigMap", "data": {"key": "value"}})


def test_a_large_document_takes_less_memory_and_says_the_same() -> None:
    document = Document.small(_LARGE, json.loads)
    assert len(document.kept) < len(_LARGE) / 3
    assert document.raw == _LARGE
    assert document.body() == json.loads(_LARGE)
    assert document.digest() == Document(_LARGE).digest()


def test_a_small_document_is_kept_as_it_is() -> None:
    assert Document.small(_SMALL, json.loads) == Document(_SMALL, json.loads)


@given(st.dictionaries(st.text(), st.text(max_size=400), max_size=20))
def test_what_is_kept_small_is_what_was_given(data: Mapping[str, str]) -> None:
    raw = canonical({"data": dict(data)})
    assert Document.small(raw, json.loads).raw == raw
