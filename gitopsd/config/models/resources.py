"""`resources`: what the administrator says of kinds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitopsd.config.models.strict import FilePath, Seconds, StrictModel, TextOrFile


class KindFilter(StrictModel):
    """Kinds of clusters; each list holds globs, an empty one is any."""

    api_groups: list[str] = Field(default_factory=list, description="API groups; an empty text is the core group.")
    kinds: list[str] = Field(default_factory=list, description="Kinds.")
    clusters: list[str] = Field(default_factory=list, description="URLs or names of clusters.")


class IgnoredFields(StrictModel):
    """Fields of some kinds that do not count."""

    group: str = Field("", description="API group; * is any.")
    kind: str = Field("*", description="Kind; * is any.")
    name: str = Field("", description="Name of the object.")
    namespace: str = Field("", description="Namespace of the object.")
    json_pointers: list[str] = Field(default_factory=list, description="Fields as JSON pointers.")
    paths: list[str] = Field(
        default_factory=list,
        description="Fields as paths that find list items by what they hold: spec.containers[name=web].image",
    )
    jq_path_expressions: list[str] = Field(default_factory=list, description="Fields as jq paths.")
    managed_fields_managers: list[str] = Field(default_factory=list, description="Fields that these managers own.")


class HealthRule(StrictModel):
    """How objects of some kinds are: one of `lua` and `cel`."""

    group: str = Field("", description="API group, with * for any characters.")
    kind: str = Field(description="Kind, with * for any characters.")
    lua: TextOrFile | None = Field(
        None, description="Argo CD's health.lua: from `obj` to {status, message}; or {file: PATH}."
    )
    cel: TextOrFile | None = Field(
        None, description="CEL: from `object` to a status, or to {status, message}; or {file: PATH}."
    )
    use_open_libs: bool = Field(False, description="Give Lua all of its standard libraries that have no side effects.")


class ActionDefinition(StrictModel):
    """One action of some kinds."""

    name: str = Field(description="Its name, as discovery.lua has it.")
    action_lua: TextOrFile = Field(
        alias="action.lua",
        description="Argo CD's action.lua: `obj` and `actionParams` in, the changed object or a list of "
        "{operation, resource} out; or {file: PATH}.",
    )


class ActionRule(StrictModel):
    """What can be done to objects of some kinds, in Argo CD's words."""

    group: str = Field("", description="API group, with * for any characters.")
    kind: str = Field(description="Kind, with * for any characters.")
    merge_builtin_actions: bool = Field(False, description="Keep the built-in actions besides.")
    discovery_lua: TextOrFile | None = Field(
        None,
        alias="discovery.lua",
        description="Argo CD's discovery.lua: from `obj` to a table of actions; or {file: PATH}.",
    )
    definitions: list[ActionDefinition] = Field(default_factory=list, description="What the actions do.")


class HealthTimeout(StrictModel):
    """For how long objects of some kinds may be Progressing before they are Degraded."""

    group: str = Field("", description="API group; * is any.")
    kind: str = Field("*", description="Kind; * is any.")
    after: Seconds = Field(description="For how long they may.")


class KnownTypeField(StrictModel):
    """A field of a custom kind that has a type of Kubernetes."""

    group: str = Field("", description="API group.")
    kind: str = Field(description="Kind.")
    field: str = Field(description="Path of the field.")
    type: str = Field(description="core/Quantity, meta/v1/Duration, core/v1/PodSpec …")


class Children(StrictModel):
    """What the controller of a kind makes below its objects."""

    group: str = Field("", description="API group.")
    kind: str = Field(description="Kind.")
    children: list[str] = Field(description="Kinds as GROUP/KIND (Pod, batch/Job).")


class Resources(StrictModel):
    """How kinds are compared, judged, watched and marked (Argo CD: resource customizations, exclusions, inclusions)."""

    exclusions: list[KindFilter] = Field(default_factory=list, description="Kinds that are neither watched nor synced.")
    inclusions: list[KindFilter] = Field(
        default_factory=list, description="If there are any: only these kinds are watched and synced."
    )
    ignore_differences: list[IgnoredFields] = Field(default_factory=list, description="Fields that are not compared.")
    ignore_resource_updates: list[IgnoredFields] = Field(
        default_factory=list, description="Fields whose changes wake nobody, besides those of Argo CD's built-in list."
    )
    ignore_differences_on_resource_updates: bool = Field(
        True, description="Changes of fields that are not compared wake nobody either."
    )
    ignore_aggregated_roles: bool = Field(
        False, description="Do not compare the rules of roles that have an aggregation rule."
    )
    ignore_resource_status_field: Literal["all", "crd", "none"] = Field(
        "all", description="Of which kinds a `status` in git is not compared."
    )
    known_type_fields: list[KnownTypeField] = Field(
        default_factory=list, description="Fields of custom kinds that have a type of Kubernetes."
    )
    health: list[HealthRule] = Field(default_factory=list, description="Rules for the health of kinds.")
    health_tables: list[FilePath] = Field(
        default_factory=list, description="Files with health tables, or folders of them (docs/health.md)."
    )
    health_customizations: list[FilePath] = Field(
        default_factory=list, description="Folders as Argo CD's resource_customizations: <group>/<Kind>/health.lua"
    )
    actions: list[ActionRule] = Field(default_factory=list, description="What can be done to objects of kinds.")
    action_customizations: list[FilePath] = Field(
        default_factory=list,
        description="Folders as Argo CD's resource_customizations (<group>/<Kind>/actions/discovery.lua), or files "
        "that hold its ConfigMap argocd-cm.",
    )
    health_timeouts: list[HealthTimeout] = Field(
        default_factory=list, description="For how long kinds may be Progressing. Default: for ever."
    )
    children: list[Children] = Field(
        default_factory=list,
        description="Kinds to look for below objects of other kinds, besides those that are known (docs/tree.md).",
    )
    mask_annotations: list[str] = Field(
        default_factory=list, description="Annotations of Secrets whose values are hidden everywhere."
    )
