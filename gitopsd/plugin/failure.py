"""A render error that knows what it depends on."""

from __future__ import annotations

from gitopsd.core.errors import RenderError
from gitopsd.core.manifest import Read


class TracedRenderError(RenderError):
    """The files gave no manifests, and `reads` is everything that was looked at to find that out.

    As long as those paths stay the same the error stays, whatever the commit. None says "do not know".
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        retryable: bool = False,
        reads: tuple[Read, ...] | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint, retryable=retryable)
        self.reads = reads
