"""How a run failed, in words."""

from __future__ import annotations

from typing import Final

from gitopsd.plugin import CommandPlugin, RenderError, masked
from gitopsd_command.keeper.order import Ended, Report

_MOST_SHOWN: Final = 1000


def failure(plugin: CommandPlugin, path: str, report: Report) -> RenderError:
    """The error for a report that is not OK: which command, how it ended, and the masked end of what it said."""
    subject = f"{report.step} of plugin {plugin.full_name}" if report.step else f"plugin {plugin.full_name}"
    words = said(plugin, report)
    match report.ended:
        case Ended.TIMEOUT:
            return RenderError(
                f"{subject} did not end within {plugin.timeout_seconds:g} s and was killed",
                where=path,
                why=words,
                hint="make the command faster, or raise plugins[].timeout in gitopsd.yaml",
                retryable=True,
            )
        case Ended.OUTPUT:
            return RenderError(
                f"{subject} printed more than {plugin.output_limit} bytes and was killed",
                where=path,
                why=words,
                hint="split the source, or raise plugins[].outputLimit in gitopsd.yaml",
            )
        case Ended.NOT_STARTED:
            return RenderError(
                f"{subject} cannot be started",
                where=path,
                why=_shown(plugin, report.why),
                hint="correct the command in gitopsd.yaml, or install its program on gitopsd's machine",
            )
        case Ended.NOT_COPIED:
            return RenderError(
                f"no private copy of the source can be made for plugin {plugin.full_name}",
                where=path,
                why=_shown(plugin, report.why),
                hint="is there space on the disk?",
                retryable=True,
            )
        case Ended.SIGNAL:
            return RenderError(
                f"{subject} was ended by {report.why}",
                where=path,
                why=words,
                hint="SIGKILL and SIGSEGV often mean that plugins[].memoryLimit in gitopsd.yaml is too low",
            )
        case Ended.EXIT | Ended.NO_MATCH | Ended.CANCELLED | Ended.OK:
            return RenderError(
                f"{subject} failed with exit code {report.code}",
                where=path,
                why=words,
                hint="what it printed on standard error says why" if words else "let it say why on standard error",
            )


def said(plugin: CommandPlugin, report: Report) -> str:
    """The end of standard error, masked, on one line."""
    lines = [line.strip() for line in _shown(plugin, report.stderr).splitlines() if line.strip()]
    return " | ".join(lines)[-_MOST_SHOWN:]


def _shown(plugin: CommandPlugin, words: str) -> str:
    return masked(words, (secret.reveal() for _, secret in plugin.environment))
