"""Whether an apply has to be made once more."""

from typing import Any

import pytest

from gitopsd.core.emptied import emptied


@pytest.mark.parametrize(
    ("desired", "applied", "again"),
    [
        ({"spec": {"affinity": {}}}, {"spec": {}}, True),
        ({"spec": {"affinity": {}}}, {"spec": {"affinity": {}}}, False),
        ({"spec": {"affinity": {}}}, {"spec": {"affinity": {"podAffinity": {}}}}, False),
        ({"spec": {"tags": []}}, {"spec": {}}, True),
        ({"spec": {"free": {}}}, {"spec": {"free": None}}, True),
        ({"spec": {"paused": False, "count": 0, "note": "", "gone": None}}, {"spec": {}}, False),
        ({"metadata": {"labels": {}, "annotations": {}}}, {"metadata": {}}, False),
        ({"list": [{"name": "a", "securityContext": {}}]}, {"list": [{"name": "a"}]}, True),
        ({"list": [{"name": "a", "securityContext": {}}]}, {"list": [{"name": "b"}, {"name": "a"}]}, False),
    ],
)
def test_what_is_empty_in_git_and_gone_after_an_apply_is_applied_once_more(
    desired: dict[str, Any], applied: dict[str, Any], again: bool
) -> None:
    assert emptied(desired, applied) is again
