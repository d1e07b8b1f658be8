"""The options of `kustomize build` that an application may give, as on its command line.

An allow-list of harmless ones (advisory E11): whatever starts a program, reaches the network or writes a file is
refused by its name. Source: `kustomize build --help`, and
https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/#kustomize-build-options-parameters
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from gitopsd.plugin import RenderError

_RESTRICTORS: Final = {
    "LoadRestrictionsRootOnly": "rootOnly",
    "LoadRestrictionsNone": "none",
    "rootOnly": "rootOnly",
    "none": "none",
}
_SWITCHES: Final = ("--enable-helm", "--helm-debug", "--as-current-user", "--stack-trace")
_WITH_VALUE: Final = ("--load-restrictor", "--helm-kube-version", "--helm-api-versions", "--reorder")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What the options ask for. `load_restrictor` is `rootOnly`, `none`, or "" where nothing is said."""

    enable_helm: bool = False
    load_restrictor: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


def restrictor(value: str, what: str) -> str:
    """`rootOnly` or `none`, from either spelling; `what` names the field. Raises `RenderError` for anything else."""
    if value not in _RESTRICTORS:
        raise RenderError(f"{what}: expected rootOnly or none, got {value!r}", hint="the default is rootOnly")
    return _RESTRICTORS[value]


def read_build_options(text: str, what: str) -> BuildOptions:
    """Read `--flag`, `--flag=value` and `--flag value`; the last of a flag counts. `what` names the field.

    Raises `RenderError` that names the flag for all that are not allowed.
    """
    options = BuildOptions()
    for flag, value in _flags(text.split(), what):
        match flag:
            case "--enable-helm":
                options = replace(options, enable_helm=_switch(flag, value, what))
            case "--load-restrictor":
                options = replace(options, load_restrictor=restrictor(value or "", f"{what}: {flag}"))
            case "--helm-kube-version":
                options = replace(options, kube_version=value or "")
            case "--helm-api-versions":
                options = replace(options, api_versions=(*options.api_versions, *(value or "").split(",")))
            case "--reorder":
                pass  # objects are applied in their own order
            case _:
                _switch(flag, value, what)
    return options


def _flags(words: list[str], what: str) -> Iterator[tuple[str, str | None]]:
    rest = iter(words)
    for word in rest:
        flag, assigned, value = word.partition("=")
        if flag in _SWITCHES:
            yield flag, value if assigned else None
        elif flag in _WITH_VALUE:
            found = value if assigned else next(rest, "")
            if not found:
                raise RenderError(f"{what}: {flag} needs a value")
            yield flag, found
        else:
            raise _refused(flag, what)


def _switch(flag: str, value: str | None, what: str) -> bool:
    lowered = "true" if value is None else value.lower()
    if lowered not in (*_TRUE, *_FALSE):
        raise RenderError(f"{what}: {flag}: expected true or false, got {value!r}")
    return lowered in _TRUE


def _refused(flag: str, what: str) -> RenderError:
    allowed = (*_SWITCHES, *_WITH_VALUE)
    near = difflib.get_close_matches(flag, allowed, n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else f"the allowed ones are {', '.join(sorted(allowed))}"
    return RenderError(f"{what}: {flag!r} is not allowed", hint=hint)
