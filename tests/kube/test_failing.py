"""Kinds that cannot be read, in lines for people."""

from __future__ import annotations

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.ids import GroupKind
from gitopsd.kube.answer import Answer
from gitopsd.kube.failing import failing_lines
from gitopsd.kube.refusal import Asked, refused

KIND = GroupKind("apps", "Deployment")
NARROW = Asked("narrow", "watch", str(KIND))
DOWN = ClusterDown("the API server cannot be reached", where="cluster narrow")


def forbidden(namespace: str) -> ClusterError:
    """What the API server says where a Role is missing."""
    message = (
        'deployments.apps is forbidden: User \\"narrow\\" cannot watch resource \\"deployments\\" in API group '
        f'\\"apps\\" in the namespace \\"{namespace}\\"'
    )
    body = f'{{"kind": "Status", "message": "{message}", "reason": "Forbidden"}}'
    return refused(NARROW, Answer(403, body.encode()))


def test_a_line_begins_with_the_kind_and_where_and_names_the_kind_once_there() -> None:
    [line] = failing_lines(KIND, {"b": forbidden("b")})
    assert line.startswith("apps/Deployment in namespace b: the API server refused to watch apps/Deployment: ")
    assert line.endswith(
        "add to a Role of gitopsd's user in namespace b: "
        '{apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list", "watch"]}'
    )
    [everywhere] = failing_lines(KIND, {"": forbidden("")})
    assert everywhere.startswith("apps/Deployment: the API server refused to watch ")


def test_a_reason_that_several_namespaces_share_is_said_once() -> None:
    missing = ClusterError("not found", where="cluster narrow, apps/Deployment", status=404)
    lines = failing_lines(KIND, {"b": forbidden("b"), "c": missing, "bb": forbidden("bb")})
    assert [line.partition(": ")[0] for line in lines] == [
        "apps/Deployment in namespaces b, bb",
        "apps/Deployment in namespace c",
    ]
    assert failing_lines(KIND, {"b": DOWN, "c": DOWN}) == (f"apps/Deployment in namespaces b, c: {DOWN}",)


def test_nothing_is_said_of_a_kind_that_can_be_read() -> None:
    assert failing_lines(KIND, {}) == ()
