"""Entries of `plugins`, and Argo CD's `ConfigManagementPlugin` files.

Fields and types: https://argo-cd.readthedocs.io/en/stable/operator-manual/config-management-plugins/
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gitopsd.config.models.strict import FilePath, MemoryBytes, Seconds, SecretOrFile, StrictModel, StringMap


class PluginCommand(StrictModel):
    """A program and its arguments; no shell sees them."""

    command: list[str] = Field(default_factory=list, description="The program, and its first arguments.")
    args: list[str] = Field(default_factory=list, description="More arguments.")


class PluginFind(StrictModel):
    """Discovery by a glob or a command."""

    glob: str = Field("", description="Glob below the source's folder; ** is any depth.")
    command: list[str] = Field(
        default_factory=list, description="Program that prints something and ends with 0 if the folder is the plugin's."
    )
    args: list[str] = Field(default_factory=list, description="More arguments of the command.")


class PluginDiscover(StrictModel):
    """How the plugin tells whether a folder is its own; the first that is set counts."""

    file_name: str = Field("", description="Glob below the source's folder.")
    find: PluginFind | None = Field(None, description="A glob with any depth, or a command.")


class PluginAnnouncement(StrictModel):
    """A parameter that the plugin understands."""

    name: str = Field(description="Its name.")
    title: str = Field("", description="What people see.")
    tooltip: str = Field("", description="More about it.")
    required: bool = Field(False, description="Whether applications must set it.")
    item_type: str = Field("", description="Type of the value, or of a collection's values.")
    collection_type: str = Field("", description="string (the default), array or map.")
    string: str = Field("", description="Value where the application sets none.")
    array: list[str] = Field(default_factory=list, description="Values where the application sets none.")
    map: StringMap = Field(default_factory=dict, description="Values by name where the application sets none.")


class PluginParameters(StrictModel):
    """What parameters the plugin announces."""

    static: list[PluginAnnouncement] = Field(default_factory=list, description="For all applications.")
    dynamic: PluginCommand | None = Field(
        None, description="Program that prints the parameters of one source, as JSON like the static ones."
    )


class PluginVariable(StrictModel):
    """An environment variable that the commands see."""

    name: str = Field(description="Its name.")
    value: SecretOrFile | None = Field(
        None,
        description="Its value, or {file: PATH}. Default: the variable of gitopsd's own environment, if it is set.",
    )


class PluginWork(StrictModel):
    """What a plugin does."""

    version: str = Field("", description="Version; sources then name the plugin as NAME-VERSION.")
    init: PluginCommand | None = Field(None, description="Runs before generate, in the same private copy.")
    generate: PluginCommand | None = Field(None, description="Prints the manifests, as YAML or JSON.")
    discover: PluginDiscover | None = Field(
        None, description="How the plugin tells whether a folder is its own. Default: it must be asked for by name."
    )
    parameters: PluginParameters | None = Field(None, description="What parameters it announces.")
    preserve_file_mode: bool = Field(
        False, description="Leave files of the repository executable that are so in git. Default: none is."
    )
    provide_git_creds: bool = Field(
        False, description="Accepted for compatibility: commands never get credentials of repositories."
    )


class CommandPlugin(PluginWork):
    """A program that renders sources: what Argo CD calls a config management plugin."""

    name: str = Field("", description="The name that sources ask for.")
    file: str = Field(
        "",
        description="Instead of name and commands: a file, or a glob of files, with Argo CD's ConfigManagementPlugin.",
    )
    timeout: Seconds = Field(90.0, description="How long all commands of one render may take.")
    env: list[PluginVariable] = Field(
        default_factory=list,
        description="Variables that the commands see besides the build environment; of gitopsd's own environment "
        "they see nothing else.",
    )
    user: str = Field("", description="User that the commands run as, where gitopsd runs as root. Default: gitopsd's.")
    memory_limit: MemoryBytes = Field(2 << 30, description="How much memory each process may use. Default: 2Gi")
    output_limit: MemoryBytes = Field(32 << 20, description="How much generate may print. Default: 32Mi")
    write_paths: list[FilePath] = Field(
        default_factory=list,
        description="Folders that the commands may write to besides their private copy, where the kernel has Landlock.",
    )


class PluginManifestSpec(PluginWork):
    """The spec of a ConfigManagementPlugin."""

    allow_concurrency: bool = Field(True, description="Accepted for compatibility: every run has its own copy.")
    lock_repo: bool = Field(False, description="Accepted for compatibility: every run has its own copy.")


class PluginManifestMetadata(StrictModel):
    """The metadata of a ConfigManagementPlugin; only its name has a meaning."""

    name: str = Field(description="The plugin's name.")
    namespace: str = Field("", description="Accepted for compatibility.")
    labels: StringMap = Field(default_factory=dict, description="Accepted for compatibility.")
    annotations: StringMap = Field(default_factory=dict, description="Accepted for compatibility.")
    creation_timestamp: Any = Field(None, description="Accepted for compatibility.")


class PluginManifest(StrictModel):
    """Argo CD's ConfigManagementPlugin, as it stands in a sidecar's plugin.yaml."""

    api_version: Literal["argoproj.io/v1alpha1"] = Field(description="argoproj.io/v1alpha1.")
    kind: Literal["ConfigManagementPlugin"] = Field(description="ConfigManagementPlugin.")
    metadata: PluginManifestMetadata = Field(description="The plugin's name.")
    spec: PluginManifestSpec = Field(description="What it does.")
