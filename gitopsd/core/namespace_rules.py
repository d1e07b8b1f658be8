"""What an application may say of a namespace: its labels decide on the security of all that runs there (N3).

Keys of Kubernetes (https://kubernetes.io/docs/reference/labels-annotations-taints/: Pod Security levels, who owns it,
where its pods may run) and ours are for the project to allow, by `allowedNamespaceMetadata`; so is a namespace that
belongs to another application. The default project, which is the administrator's, allows everything unless it says
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from gitopsd.core import annotations as marks
from gitopsd.core.adoption import leftovers
from gitopsd.core.app import AppSpec, Tracking
from gitopsd.core.errors import SpecError
from gitopsd.core.fieldpath import Found
from gitopsd.core.fieldset import owned_fields
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.ownership import applied_fields
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.tracking import INSTALLATION_ID, mark

OWNERS: Final = "ownerReferences"
"""The name under which a project allows to set a namespace's owners."""

_NAMESPACE: Final = GroupKind("", "Namespace")
_BLOCKS: Final = ("labels", "annotations")
# Themselves and all below them.
_DOMAINS: Final = ("kubernetes.io", "k8s.io", "gitopsd.io")
# Names of what something is, and what kubectl notes for itself: nobody decides anything by them.
_HARMLESS: Final = frozenset({"app.kubernetes.io", "kubectl.kubernetes.io"})
_ARGO_CD: Final = "argocd.argoproj.io"
_NAME: Final = "kubernetes.io/metadata.name"
# How gitopsd shall treat the manifest that they stand on.
_DIRECTIONS: Final = frozenset(
    {
        marks.SYNC_WAVE,
        marks.SYNC_OPTIONS,
        marks.COMPARE_OPTIONS,
        marks.HOOK,
        marks.HOOK_DELETE_POLICY,
        marks.HOOK_TIMEOUT,
        marks.IGNORE_HEALTHCHECK,
        marks.SKIP_RECONCILE,
        marks.DELETION_APPROVED,
        marks.ON_IMMUTABLE,
        marks.DEPENDS_ON,
        marks.OPERATION,
    }
)


def check_namespace(
    spec: AppSpec,
    wanted: DesiredObject,
    live: LiveObject | None,
    projects: Projects = ONLY_DEFAULT,
    *,
    replaces: bool = False,
) -> None:
    """Raise `SpecError` if `spec`'s project does not let it write the namespace `wanted` over `live`; of other kinds
    nothing is asked. For namespaces of manifests and for those of `CreateNamespace=true`, before each apply; a write
    that `replaces` the whole object takes away what others set.
    """
    if wanted.key.group_kind != _NAMESPACE:
        return
    project = projects.of(spec)
    allowed = project.namespace_metadata
    if "*" in allowed:
        return
    where = f"application {spec.name}, {wanted.key}"
    if live is not None and (other := _other_owner(spec, live)):
        raise SpecError(
            f"namespace {wanted.key.name} belongs to {other}",
            where=where,
            why=f"project {project.name!r} does not let one application take it from another",
            hint="leave the namespace to it, or ask for a namespace of your own",
        )
    keys = [*_set(spec, wanted)]
    if live is not None:
        keys += _dropped(spec, wanted, live, replaces=replaces)
    refused = sorted({key for key in keys if not any(fnmatchcase(key, glob) for glob in allowed)})
    if refused:
        raise SpecError(
            f"{', '.join(refused)} of namespace {wanted.key.name} may not be changed",
            where=where,
            why=f"project {project.name!r} does not allow it",
            hint="take it out of git (or leave it as it was), or add it to the project's allowedNamespaceMetadata",
        )


def is_guarded(key: str) -> bool:
    """Whether a label or annotation of a namespace is for the project to allow."""
    domain = key.rpartition("/")[0]
    if not domain or domain in _HARMLESS or key in _DIRECTIONS:
        return False
    return domain == _ARGO_CD or any(f".{domain}".endswith(f".{each}") for each in _DOMAINS)


def _other_owner(spec: AppSpec, live: LiveObject) -> str:
    if live.foreign:
        return f"application {live.foreign}"
    mine = ("", spec.name, mark(spec.name, spec.tracking))
    return "" if live.copied or live.owner in mine else f"application {live.owner}"


def _set(spec: AppSpec, wanted: DesiredObject) -> Iterator[str]:
    """The guarded keys that `wanted` sets, without those that gitopsd itself wrote there."""
    metadata = mapping(wanted.document.body(), "metadata")
    if metadata.get(OWNERS):
        yield OWNERS
    for block in _BLOCKS:
        for key in mapping(metadata, block):
            if is_guarded(key) and not _ours(spec, wanted, key, text(metadata, block, key)):
                yield key


def _ours(spec: AppSpec, wanted: DesiredObject, key: str, value: str) -> bool:
    tracking: Tracking = spec.tracking
    if key == marks.TRACKING_ID:
        found = marks.parse_tracking_id(value)
        return found is not None and found.app == spec.name and marks.tracks(found, wanted.key)
    if key == INSTALLATION_ID:
        return value == tracking.installation
    if key == tracking.label:
        return value in (mark(spec.name, tracking), marks.instance_label(spec.name))
    return key == _NAME and value == wanted.key.name


def _dropped(spec: AppSpec, wanted: DesiredObject, live: LiveObject, *, replaces: bool) -> Iterator[str]:
    """The guarded keys of `live` that a write of `wanted` would take away: ours before, or taken over from others."""
    desired, found = wanted.document.body(), live.document.body()
    gone = {field[1:3] for field in _everything(found) if replaces}
    gone |= {field[1:3] for field in owned_fields(_applied(found), found) if field[0] == "metadata"}
    gone |= {field[1:3] for field in leftovers(desired, found, wanted.adopts) if field[0] == "metadata"}
    written = (marks.TRACKING_ID, INSTALLATION_ID, spec.tracking.label, _NAME)
    for block, *rest in gone:
        if block == OWNERS and not replaces and OWNERS not in mapping(desired, "metadata"):
            yield OWNERS
        key = str(rest[0]) if rest and block in _BLOCKS else ""
        if is_guarded(key) and key not in written and key not in mapping(desired, "metadata", str(block)):
            yield key


def _everything(found: JsonObject) -> Iterator[Found]:
    """The labels and annotations of an object, whoever set them."""
    for block in _BLOCKS:
        yield from (("metadata", block, key) for key in mapping(found, "metadata", block))


def _applied(found: JsonObject) -> JsonObject:
    return applied_fields(found, text(found, "apiVersion")) or {}
