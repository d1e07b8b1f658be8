"""A secret shows itself to nobody who did not ask by name."""

import copy
import json
import pickle  # noqa: TID251  # to see that it does not work
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.secret import Secret

CANARY = "CANARY-7f3a"


@dataclass(frozen=True, slots=True)
class Holder:
    user: str
    password: Secret


def test_it_is_revealed_on_request() -> None:
    assert Secret(CANARY).reveal() == CANARY


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(CANARY)),
        str(Secret(CANARY)),
        f"{Secret(CANARY)}",
        f"{Secret(CANARY):>40}",
        f"{Secret(CANARY)!r}",
        "{}".format(Secret(CANARY)),  # noqa: UP032  # the other spelling is the point
        "%s" % Secret(CANARY),  # noqa: UP031  # the older spelling too
        repr(Holder("ci", Secret(CANARY))),
        repr([Secret(CANARY)]),
        repr({Secret(CANARY): 1}),
        str(ValueError(Secret(CANARY))),
    ],
)
def test_no_way_of_writing_it_down_shows_it(shown: str) -> None:
    assert CANARY not in shown


def test_it_has_no_serialiser() -> None:
    for dump in (pickle.dumps, json.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as raised:
            dump(Secret(CANARY))
        assert CANARY not in str(raised.value)
    with pytest.raises(TypeError):
        asdict(Holder("ci", Secret(CANARY)))
    assert not hasattr(Secret(CANARY), "__dict__")


@given(st.text(max_size=10), st.text(max_size=10))
def test_two_are_equal_if_their_values_are(first: str, second: str) -> None:
    assert (Secret(first) == Secret(second)) is (first == second)
    assert len({Secret(first), Secret(second)}) == (1 if first == second else 2)


def test_it_equals_no_plain_text() -> None:
    assert Secret(CANARY) != CANARY
