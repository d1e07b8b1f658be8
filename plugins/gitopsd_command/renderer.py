"""The renderer of one declared plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import structlog

from gitopsd.plugin import (
    CommandPlugin,
    Discovered,
    Engine,
    Manifest,
    ParameterAnnouncement,
    RenderError,
    RenderRequest,
    RenderResult,
)
from gitopsd_command.announcements import read_announcements
from gitopsd_command.discovery import matches
from gitopsd_command.documents import decode, encoded, parse
from gitopsd_command.failures import failure, said
from gitopsd_command.keeper.order import Ended, Order, Step
from gitopsd_command.options import PluginOptions, read_options
from gitopsd_command.runner import GRACE_SECONDS, Finished, Runner

if TYPE_CHECKING:
    from gitopsd.plugin import Discovering, Renderer

_LARGEST_FILE: Final = 1 << 30
_MOST_DISCOVERED: Final = 1 << 20

_log = structlog.get_logger("gitopsd_command")


class CommandRenderer:
    """Runs `init` and `generate` on a private copy of the snapshot. `alias` is another name that it goes by.

    What the commands read is unknown, so a result holds for its commit only.
    """

    markers: tuple[str, ...] = ()

    def __init__(self, plugin: CommandPlugin, runner: Runner, engine: Engine | None = None, *, alias: str = "") -> None:
        self.name = alias or plugin.full_name
        self.discovers = bool(plugin.discover) and not alias
        self._plugin = plugin
        self._runner = runner
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(2)

    async def render(self, request: RenderRequest) -> RenderResult:
        """See `gitopsd.plugin.Renderer`."""
        options = read_options(request, self._plugin)
        discover = await self._discovery(request, options)
        steps = [*discover, *_steps("init", self._plugin.init), Step("generate", self._plugin.generate, keeps=True)]
        finished = await self._finished(request, options, *steps)
        manifests = await self._decoded(finished.output, request.deadline)
        warnings = () if manifests else (f"plugin {self.name} printed no objects",)
        return RenderResult(manifests, reads=None, warnings=warnings)

    async def _decoded(self, output: bytes, deadline: float) -> tuple[Manifest, ...]:
        place = f"the output of plugin {self.name}"
        text = await anyio.to_thread.run_sync(encoded, output, place, limiter=self._limiter)
        if self._engine is None:
            return await anyio.to_thread.run_sync(parse, output, place, limiter=self._limiter)
        return await decode(self._engine, text, place, deadline)

    async def discover(self, request: RenderRequest) -> Discovered:
        """See `gitopsd.plugin.Discovering`."""
        wanted = self._plugin.discover
        if wanted.file_name or wanted.glob:
            return await self._matched(request)
        options = read_options(request, self._plugin)
        finished = await self._run(request, options, Step("discover", wanted.command, keeps=True, must_print=True))
        if finished.report.ended is Ended.NO_MATCH:
            return Discovered(found=False, reads=None)
        if finished.report.ended is not Ended.OK:
            raise failure(self._plugin, request.path, finished.report)
        return Discovered(found=True, reads=None)

    async def parameters(self, request: RenderRequest) -> tuple[ParameterAnnouncement, ...]:
        """The parameters that the plugin announces for a source: those of its dynamic command, then the static ones.

        Raises `RenderError`.
        """
        static = self._plugin.announcements
        if not self._plugin.dynamic:
            return static
        options = read_options(request, self._plugin)
        finished = await self._finished(request, options, Step("parameters", self._plugin.dynamic, keeps=True))
        return (*read_announcements(finished.output, f"the parameters of plugin {self.name}"), *static)

    async def _discovery(self, request: RenderRequest, options: PluginOptions) -> tuple[Step, ...]:
        """A plugin that a source names must still say that the folder is its own, if it has a way to tell."""
        wanted = self._plugin.discover
        if not wanted or not options.named:
            return ()
        if wanted.file_name or wanted.glob:
            if not (await self._matched(request)).found:
                raise self._not_its_own(request)
            return ()
        return (Step("discover", wanted.command, keeps=True, must_print=True),)

    async def _matched(self, request: RenderRequest) -> Discovered:
        wanted = self._plugin.discover
        return await anyio.to_thread.run_sync(matches, request.root, request.path, wanted, limiter=self._limiter)

    async def _finished(self, request: RenderRequest, options: PluginOptions, *steps: Step) -> Finished:
        finished = await self._run(request, options, *steps)
        if finished.report.ended is Ended.NO_MATCH:
            raise self._not_its_own(request)
        if finished.report.ended is not Ended.OK:
            raise failure(self._plugin, request.path, finished.report)
        if finished.report.stderr:
            _log.debug("said", plugin=self.name, application=request.app, stderr=said(self._plugin, finished.report))
        return finished

    async def _run(self, request: RenderRequest, options: PluginOptions, *steps: Step) -> Finished:
        plugin = self._plugin
        request.extend(max(0.0, plugin.timeout_seconds + 2 * GRACE_SECONDS - request.deadline))
        order = Order(
            root=request.root,
            path=request.path,
            folder=self._runner.new_folder(plugin.user),
            steps=steps,
            environment=dict(options.environment),
            seconds=plugin.timeout_seconds,
            most_output=plugin.output_limit if steps[-1].name == "generate" else _MOST_DISCOVERED,
            most_memory=plugin.memory_limit,
            largest_file=_LARGEST_FILE,
            keep_modes=plugin.preserve_file_mode,
            user=plugin.user,
            writable=plugin.writable,
        )
        return await self._runner.run(order, request.extend)

    def _not_its_own(self, request: RenderRequest) -> RenderError:
        return RenderError(
            f"plugin {self.name} does not support this folder",
            where=request.path,
            why="its discovery rule does not match",
            hint="correct the source's path, or plugins[].discover in gitopsd.yaml",
        )


def _steps(name: str, argv: tuple[str, ...]) -> tuple[Step, ...]:
    return (Step(name, argv),) if argv else ()


if TYPE_CHECKING:
    _: type[Renderer] = CommandRenderer
    _also: type[Discovering] = CommandRenderer
