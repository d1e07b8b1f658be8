"""Parameters that stand in git beside the manifests: `.argocd-source.yaml` and `.argocd-source-<application>.yaml`.

Each is a JSON merge patch on the source's renderer blocks; nothing else of the source can be changed by it. Source:
https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.paths import resolve_path
from gitopsd.plugin.yamltext import decode_text, parse_yaml

_BLOCKS: Final = ("helm", "kustomize", "directory", "plugin")
_LARGEST: Final = 1 << 20
_KEY: Final = re.compile(r"\bsource(?:\.[^\s.,:\[\]]+|\[[^\]]*\])+")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a source asks for: a renderer's name ("" if it names none) and that renderer's options.

    `files` says of each key that was merged in (`source.helm.releaseName`) in which file of the repository it stands.
    """

    explicit: str
    options: JsonObject
    files: Mapping[str, str] = field(default_factory=dict, compare=False)

    def placed(self, error: RenderError, origin: str) -> RenderError:
        """The same error; if it is about a key that a file of the repository set, that file is where it happened.

        `origin` (`URL at COMMIT`) says of which repository and commit.
        """
        found = _KEY.search(error.what)
        if found is None or error.where:
            return error
        about = found.group().replace("[", ".").replace("]", "") + "."
        file = next((file for key, file in self.files.items() if about.startswith(f"{key}.")), "")
        if file:
            error.where = file
            error.why = error.why or f"the file of {origin} sets it"
        return error


def overridden(root: str, folder: str, app: str, written: Chosen, reads: list[Read]) -> Chosen:
    """`written` with the overrides of `folder` merged in; what was looked at is added to `reads`. Blocks.

    Raises `TracedRenderError` for a file that is not YAML of blocks, or asks for two renderers at once.
    """
    chosen = written
    for name in (".argocd-source.yaml", f".argocd-source-{app}.yaml"):
        if "/" in name:
            continue
        found = resolve_path(root, name, base=folder)
        reads.extend(found.reads)
        if found.is_file:
            reads.append(Read(found.path, ReadKind.FILE))
            chosen = _merged(chosen, _patch(root, found.path, reads), found.path, reads)
    return chosen


def _patch(root: str, path: str, reads: list[Read]) -> JsonObject:
    full = os.path.join(root, path)
    if os.path.getsize(full) > _LARGEST:
        raise _wrong(path, reads, f"larger than {_LARGEST} bytes")
    with open(full, "rb") as file:
        found = parse_yaml(decode_text(file.read(), path), file=path)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise _wrong(path, reads, f"expected a mapping of {', '.join(_BLOCKS)}")
    # Whatever else a patch says of the source has no effect, as with Argo CD.
    return {name: block for name, block in found.items() if name in _BLOCKS}


def _merged(chosen: Chosen, patch: JsonObject, path: str, reads: list[Read]) -> Chosen:
    named = chosen.explicit if chosen.explicit in _BLOCKS or not chosen.explicit else "plugin"
    blocks: JsonObject = {named: chosen.options} if named else {}
    after = merge_patch(blocks, patch)
    left: dict[str, JsonObject] = {}
    for name, block in after.items() if isinstance(after, dict) else ():
        if not isinstance(block, Mapping):
            raise _wrong(path, reads, f"expected a mapping under {name}")
        left[name] = block
    if len(left) > 1:
        raise _wrong(path, reads, f"with it the source asks for {' and '.join(sorted(left))} at once")
    for name, block in left.items():
        explicit = chosen.explicit if name == named else name
        if name == "plugin":
            said = block.get("name")
            explicit = said if isinstance(said, str) and said else explicit
        return Chosen(explicit, dict(block), {**chosen.files, **dict.fromkeys(_keys(patch, "source"), path)})
    return Chosen("", {})


def _keys(patch: JsonValue, name: str) -> Iterator[str]:
    """The full names of all keys that a patch sets, and not only leads through."""
    if not isinstance(patch, Mapping):
        yield name
        return
    for key, value in patch.items():
        yield from _keys(value, f"{name}.{key}")


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """RFC 7396: mappings are merged key by key, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _wrong(path: str, reads: list[Read], why: str) -> TracedRenderError:
    return TracedRenderError(
        f"{path} cannot be applied to the source", where=path, why=why, hint="correct the file", reads=tuple(reads)
    )
