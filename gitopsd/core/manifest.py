"""What a renderer gives, and what is made of it: manifests, and the desired objects of one application."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gitopsd.core.document import Document
from gitopsd.core.hook import DeletePolicy, SyncPhase
from gitopsd.core.ids import GVK, NOWHERE, GroupKind, ObjectKey, Position
from gitopsd.core.jsonvalue import JsonObject, string_map, text


class ReadKind(enum.StrEnum):
    """What a renderer did with a path: opened the file, listed the folder, or looked for it in vain."""

    FILE = "file"
    DIR = "dir"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, order=True)
class Read:
    """One path, relative to the repository's root with `/` between its parts, that a render's result depends on.

    `root` names another source's snapshot (`$name` of a `ref`); "" is the source's own.
    """

    path: str
    kind: ReadKind
    root: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as a renderer gave it. `origin` is the file that it came from, as well as the renderer can tell."""

    body: JsonObject
    origin: Position

    @property
    def gvk(self) -> GVK:
        """From `apiVersion` and `kind`."""
        return GVK.parse(text(self.body, "apiVersion"), text(self.body, "kind"))

    @property
    def name(self) -> str:
        """`metadata.name`, "" where a `generateName` stands instead."""
        return text(self.body, "metadata", "name")

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, "" if it names none."""
        return text(self.body, "metadata", "namespace")

    @property
    def annotations(self) -> Mapping[str, str]:
        """`metadata.annotations`."""
        return string_map(self.body, "metadata", "annotations")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The manifests of one application at one set of revisions (one commit for each source, in their order).

    `content` names the manifests: equal names, equal manifests; "" says nothing. `unchanged`: they are those that the
    caller said it had, so `manifests` is empty. `random` names what is not a function of git
    (`templates/secret.yaml: randAlphaNum`): such values are drawn once for the application and stay. `places` ((origin,
    target revision, tag prefix), as of a `Source`) are those that it was given besides its sources: a remote base, a
    chart's dependency.
    """

    manifests: tuple[Manifest, ...]
    revisions: tuple[str, ...]
    renderers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    random: tuple[str, ...] = ()
    places: frozenset[tuple[str, str, str]] = frozenset()
    cached: bool = False
    content: str = ""
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What discovery says of a kind: whether its objects live in namespaces, and whether it is served now."""

    namespaced: bool
    served: bool = True


@dataclass(frozen=True, slots=True)
class DesiredObject:
    """An object as it shall be, tracking included. `document` is what is applied, byte for byte.

    `adopts` are the field managers whose fields become ours at the first apply.
    """

    key: ObjectKey
    gvk: GVK
    document: Document
    digest: str
    wave: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    origin: Position = NOWHERE
    adopts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DesiredHook:
    """A hook as its application wants it: tracked, with its namespace, as `DesiredObject`s are.

    `generated`: it has a `generateName`, and `object.key.name` is that prefix until a plan names it. `timeout` is
    for how many seconds it may run; None is for ever.
    """

    object: DesiredObject
    phases: tuple[SyncPhase, ...]
    policies: frozenset[DeletePolicy] = frozenset({DeletePolicy.BEFORE_HOOK_CREATION})
    generated: bool = False
    timeout: float | None = None

    @property
    def key(self) -> ObjectKey:
        """The object."""
        return self.object.key

    @property
    def gvk(self) -> GVK:
        """Its kind."""
        return self.object.gvk

    @property
    def shown(self) -> Hook:
        """What is shown of it."""
        return Hook(self.gvk, self.key.namespace, self.key.name, self.phases)

    def named(self, target: DesiredObject) -> DesiredHook:
        """The same hook as `target`, which has its final name."""
        return replace(self, object=target, generated=False)


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as it is shown: `name` is a `generateName` where it has no other."""

    gvk: GVK
    namespace: str
    name: str
    phases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Desired:
    """All objects that one application wants. `digest` is equal if and only if the objects and their cluster are.

    `defines` are the kinds that CustomResourceDefinitions among the objects will bring; `problems` are manifests that
    cannot be applied at all (no name, no kind), each as a sentence: with one of them nothing is synced. `warnings` are
    objects that come more than once, `doubts` annotations that nobody understands. `excluded` are objects that are left
    out because the configuration excludes their kinds.
    """

    objects: tuple[DesiredObject, ...]
    digest: str
    hooks: tuple[DesiredHook, ...] = ()
    defines: frozenset[GroupKind] = frozenset()
    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    excluded: tuple[ObjectKey, ...] = ()
