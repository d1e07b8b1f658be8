"""The end of what a container printed.

The API server cuts logs at their beginning by lines, and by bytes at their end alone
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod).
"""

from __future__ import annotations

from typing import Final

from gitopsd.core.ids import ObjectKey
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.refusal import Asked, refused
from gitopsd.kube.resource import Resource

LARGEST_LOG: Final = 1024 * 1024
"""No more is read of a log at once."""

_USUAL_LINE: Final = 64
# How much more than what is wanted is read before fewer lines are asked for.
_MARGIN: Final = 8
# A container that is not there or has not begun (400), a pod that is gone or lies on no node yet.
_NOTHING: Final = frozenset({204, 400, 404})


async def read_logs(
    http: KubeHttp, resource: Resource, key: ObjectKey, container: str, *, max_bytes: int, impersonate: str = ""
) -> str:
    """The last lines, at most `max_bytes` of them, the first of them perhaps cut; "" if there are none.

    Lines that are much longer than usual are asked for again, fewer of them. Raises `ClusterError`.
    """
    wanted = min(max_bytes, LARGEST_LOG)
    lines = max(wanted // _USUAL_LINE, 1) if wanted > 0 else 0
    while lines:
        limit = wanted * _MARGIN
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(limit)}
        answer = await http.call(
            "GET",
            f"{resource.path(key)}/log",
            query=query,
            accept="*/*",
            verb="logs",
            kind=key.kind,
            impersonate=impersonate,
        )
        if answer.status in _NOTHING:
            return ""
        if not answer.ok:
            raise refused(Asked(http.cluster, "read the logs of", key.kind, key), answer)
        if len(answer.body) < limit or lines == 1:
            return _end(answer.body, wanted)
        lines //= _MARGIN
        lines = max(lines, 1)
    return ""


def _end(log: bytes, size: int) -> str:
    """The last `size` bytes, from the beginning of a line where there is one."""
    if len(log) <= size:
        return log.decode(errors="replace")
    kept = log[-size:]
    _, line_end, rest = kept.partition(b"\n")
    return (rest if line_end and rest else kept).decode(errors="ignore")
