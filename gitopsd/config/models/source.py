"""Where manifests come from, and each renderer's block.

Fields and types: Argo CD's `ApplicationSource`
(https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from gitopsd.config.models.strict import StrictModel, StringMap, refused


def _int_or_string(value: object) -> int | str:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, str))
        or (isinstance(value, str) and not value.isdecimal())
    ):
        raise refused("expected a whole number")
    return value


IntOrString = Annotated[int | str, PlainValidator(_int_or_string), WithJsonSchema({"type": ["integer", "string"]})]


class HelmParameter(StrictModel):
    """One value set on top of all value files (helm --set)."""

    name: str = Field("", description="Path of the value, as for helm --set.")
    value: str = Field("", description="The value; numbers and booleans in quotes.")
    force_string: bool = Field(
        False, description="Take the value as a string even if it looks like a number (helm --set-string)."
    )


class HelmFileParameter(StrictModel):
    """One value read from a file of the repository (helm --set-file)."""

    name: str = Field("", description="Path of the value, as for helm --set-file.")
    path: str = Field("", description="Path of the file in the repository.")


class Helm(StrictModel):
    """How a Helm chart is rendered."""

    value_files: list[str] = Field(
        default_factory=list, description="Value files, relative to the chart; later ones win."
    )
    parameters: list[HelmParameter] = Field(
        default_factory=list, description="Single values; they win over files, `values` and `valuesObject`."
    )
    file_parameters: list[HelmFileParameter] = Field(
        default_factory=list, description="Single values whose text is a file's content."
    )
    release_name: str = Field("", description="The release's name. Default: the application's name.")
    values: str = Field("", description="Values as a block of YAML text; wins over value files.")
    values_object: dict[str, Any] | None = Field(None, description="Values as YAML; taken instead of `values`.")
    version: str = Field("", description="Accepted for compatibility; there is one version of Helm.")
    pass_credentials: bool = Field(False, description="Send the chart repository's credentials to all hosts.")
    ignore_missing_value_files: bool = Field(False, description="Leave out value files that do not exist.")
    skip_crds: bool = Field(False, description="Leave out the chart's crds folder.")
    skip_tests: bool = Field(False, description="Leave out test hooks.")
    skip_schema_validation: bool = Field(False, description="Do not check values against the chart's schema.")
    namespace: str = Field("", description="The release's namespace. Default: the destination's.")
    kube_version: str = Field("", description="Kubernetes version for templates. Default: the cluster's.")
    api_versions: list[str] = Field(
        default_factory=list, description="API versions for templates, as [group/]version/kind. Default: the cluster's."
    )


class KustomizeReplica(StrictModel):
    """The number of replicas of one workload."""

    name: str = Field(description="Name of the Deployment, StatefulSet, ….")
    count: IntOrString = Field(description="How many.")


class KustomizeTarget(StrictModel):
    """Which objects a patch changes."""

    group: str = Field("", description="API group.")
    version: str = Field("", description="API version.")
    kind: str = Field("", description="Kind.")
    name: str = Field("", description="Name.")
    namespace: str = Field("", description="Namespace.")
    annotation_selector: str = Field("", description="Selector on annotations.")
    label_selector: str = Field("", description="Selector on labels.")


class KustomizePatch(StrictModel):
    """One patch, inline or in a file."""

    path: str = Field("", description="File with the patch.")
    patch: str = Field("", description="The patch itself.")
    target: KustomizeTarget | None = Field(None, description="Which objects it changes.")
    options: dict[str, bool] = Field(default_factory=dict, description="allowNameChange, allowKindChange.")


class Kustomize(StrictModel):
    """How a kustomization is rendered."""

    name_prefix: str = Field("", description="Put before all names.")
    name_suffix: str = Field("", description="Put after all names.")
    images: list[str] = Field(default_factory=list, description="Image overrides: [old=]new[:tag][@digest].")
    replicas: list[KustomizeReplica] = Field(default_factory=list, description="Numbers of replicas.")
    namespace: str = Field("", description="The namespace of all objects.")
    common_labels: StringMap = Field(default_factory=dict, description="Labels for all objects.")
    common_annotations: StringMap = Field(default_factory=dict, description="Annotations for all objects.")
    force_common_labels: bool = Field(False, description="Let commonLabels replace labels that exist.")
    force_common_annotations: bool = Field(False, description="Let commonAnnotations replace annotations that exist.")
    common_annotations_envsubst: bool = Field(False, description="Replace build variables in commonAnnotations.")
    label_without_selector: bool = Field(False, description="Leave selectors alone when setting commonLabels.")
    label_include_templates: bool = Field(False, description="Set commonLabels on pod templates as well.")
    patches: list[KustomizePatch] = Field(default_factory=list, description="Patches.")
    components: list[str] = Field(default_factory=list, description="Components to add.")
    ignore_missing_components: bool = Field(False, description="Leave out components that do not exist.")
    version: str = Field("", description="Accepted for compatibility; there is one version of Kustomize.")
    enable_helm: bool = Field(False, description="Render helmCharts of the kustomization (kustomize --enable-helm).")
    load_restrictor: str = Field(
        "", description="rootOnly (default) or none: whether files may come from anywhere in the repository."
    )
    build_options: str = Field(
        "", description="Options of kustomize build, as on its command line; harmless ones only."
    )
    kube_version: str = Field(
        "", description="Kubernetes version for Helm charts in the kustomization. Default: the cluster's."
    )
    api_versions: list[str] = Field(
        default_factory=list, description="API versions for Helm charts in the kustomization. Default: the cluster's."
    )


class JsonnetVariable(StrictModel):
    """A variable handed to Jsonnet."""

    name: str = Field(description="Its name.")
    value: str = Field("", description="Its value.")
    code: bool = Field(False, description="Whether the value is Jsonnet code instead of text.")


class Jsonnet(StrictModel):
    """How Jsonnet files are evaluated."""

    ext_vars: list[JsonnetVariable] = Field(default_factory=list, description="External variables.")
    tlas: list[JsonnetVariable] = Field(default_factory=list, description="Top-level arguments.")
    libs: list[str] = Field(default_factory=list, description="Folders of libraries.")


class Directory(StrictModel):
    """How a folder of plain manifests is read."""

    recurse: bool = Field(False, description="Read subfolders too.")
    include: str = Field("", description="Glob of the files to read.")
    exclude: str = Field("", description="Glob of files to leave out; looked at first.")
    disable_extension_filter: bool = Field(
        False, description="Read all files, not only .yaml, .yml, .json and .jsonnet."
    )
    jsonnet: Jsonnet | None = Field(None, description="Options for Jsonnet files.")


class EnvEntry(StrictModel):
    """An environment variable for a plugin."""

    name: str = Field(description="Its name.")
    value: str = Field("", description="Its value.")


class PluginParameter(StrictModel):
    """A parameter for a plugin: one of string, array and map."""

    name: str = Field("", description="Its name.")
    string: str | None = Field(None, description="A single value.")
    array: list[str] | None = Field(None, description="A list of values.")
    map: StringMap | None = Field(None, description="Values by name.")


class Plugin(StrictModel):
    """Rendering by a renderer plugin."""

    name: str = Field("", description="The renderer's name.")
    env: list[EnvEntry] = Field(default_factory=list, description="Environment variables.")
    parameters: list[PluginParameter] = Field(default_factory=list, description="Parameters.")


class Source(StrictModel):
    """A folder of a git repository or OCI artifact, or a chart; and how to render it."""

    repo_url: str = Field(
        alias="repoURL",
        description="URL of the repository: https://…, ssh://…, git@host:path, oci://host/path; ./path or ../path is "
        "relative to this file. With a chart: of the Helm repository, or the registry's host/path.",
    )
    path: str = Field("", description="Folder in the repository. Default: its root.")
    target_revision: str = Field(
        "",
        description="Branch, tag, commit or range of versions (of tags). Default: HEAD. Of a chart: version or range; "
        "default: the newest.",
    )
    chart: str = Field("", description="Name of a chart in a Helm repository.")
    ref: str = Field("", description="Name by which other sources' value files refer to this one.")
    name: str = Field("", description="Name of this source among several.")
    tag_prefix: str = Field("", description="Only tags with this prefix count for version constraints.")
    helm: Helm | None = Field(None, description="Render as a Helm chart, with these options.")
    kustomize: Kustomize | None = Field(None, description="Render as a kustomization, with these options.")
    directory: Directory | None = Field(None, description="Render as plain manifests, with these options.")
    plugin: Plugin | None = Field(None, description="Render with a plugin, with these options.")
