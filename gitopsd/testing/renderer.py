"""A renderer that gives what a test told it to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Rendered
from gitopsd.ports.renderer import Renderer, RenderTarget
from gitopsd.testing.builders import manifests
from gitopsd.testing.gate import Gate


@dataclass(frozen=True, slots=True)
class Render:
    """One call of `FakeRenderer.render`."""

    app: str
    commits: tuple[str, ...]
    use_cache: bool
    target: RenderTarget


class FakeRenderer:
    """`ports.Renderer`: manifests by (application, commit of its first source), else by application.

    `gate.hold(app)` lets the renders of an application hang; `calls` lists all renders. `places`: where renders of an
    application were given more from than its sources.
    """

    def __init__(self) -> None:
        self._manifests: dict[tuple[str, str], tuple[JsonObject, ...]] = {}
        self._errors: dict[str, Exception] = {}
        self.gate = Gate()
        self.calls: list[Render] = []
        self.places: dict[str, frozenset[tuple[str, str, str]]] = {}

    def give(self, app: str, bodies: Iterable[JsonObject], *, commit: str = "") -> None:
        """`app` renders to `bodies`, at `commit` or wherever nothing else was given."""
        self._manifests[app, commit] = tuple(bodies)

    def fail(self, app: str, error: Exception | None = None) -> None:
        """Renders of `app` raise from now on: `error`, or a RenderError with a place."""
        self._errors[app] = error or RenderError(
            "could not find expected ':'", where="app/deployment.yaml:3", hint="correct the YAML"
        )

    def heal(self, app: str) -> None:
        """Render again."""
        self._errors.pop(app, None)

    async def render(
        self, spec: AppSpec, commits: Sequence[str], target: RenderTarget, *, use_cache: bool = True, known: str = ""
    ) -> Rendered:
        """What was given for the application."""
        self.calls.append(Render(spec.name, tuple(commits), use_cache, target))
        await self.gate.passing(spec.name)
        if spec.name in self._errors:
            raise self._errors[spec.name]
        first = commits[0] if commits else ""
        bodies = self._manifests.get((spec.name, first), self._manifests.get((spec.name, ""), ()))
        content = repr(bodies)
        unchanged = use_cache and content == known
        made = () if unchanged else manifests(*bodies)
        renderers = ("fake",) * len(commits)
        places = self.places.get(spec.name, frozenset())
        return Rendered(made, tuple(commits), renderers, content=content, unchanged=unchanged, places=places)


if TYPE_CHECKING:
    _guard: Renderer = FakeRenderer()
