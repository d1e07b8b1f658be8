from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitopsd.config import Config
from gitopsd.config.errors import ConfigErrors
from gitopsd.core.secret import Secret
from gitopsd.plugin.command import CommandPlugin, Discover, ParameterAnnouncement
from tests.config.writing import LOCAL, loaded

# As Argo CD's documentation shows it.
MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: my-plugin
spec:
  version: v1.0
  init:
    command: [sh]
    args: [-c, 'echo "Initializing..."']
  generate:
    command: [sh, -c]
    args:
      - |
        echo made
  discover:
    fileName: "./subdir/s*.yaml"
    find:
      glob: "**/Chart.yaml"
      command: [sh, -c, find . -name env.yaml]
  parameters:
    static:
      - name: string-param
        title: Description of the string param
        tooltip: Tooltip shown when the user hovers the
        required: false
        itemType: ""
        collectionType: ""
        string: default-string-value
      - name: array-param
        array: [default, items]
        collectionType: array
      - name: map-param
        map:
          some: value
        collectionType: map
    dynamic:
      command: [echo, '[{"name": "example-param", "string": "default-string-value"}]']
  preserveFileMode: false
  provideGitCreds: false
"""
PLUGIN = CommandPlugin(
    name="my-plugin",
    version="v1.0",
    init=("sh", "-c", 'echo "Initializing..."'),
    generate=("sh", "-c", "echo made\n"),
    discover=Discover("./subdir/s*.yaml", "**/Chart.yaml", ("sh", "-c", "find . -name env.yaml")),
    announcements=(
        ParameterAnnouncement(
            "string-param",
            "Description of the string param",
            "Tooltip shown when the user hovers the",
            string="default-string-value",
        ),
        ParameterAnnouncement("array-param", array=("default", "items"), collection_type="array"),
        ParameterAnnouncement("map-param", map={"some": "value"}, collection_type="map"),
    ),
    dynamic=("echo", '[{"name": "example-param", "string": "default-string-value"}]'),
)
GENERATE = "generate: {command: [make]}"


def declared(folder: Path, text: str, environ: dict[str, str] | None = None, /, **files: str) -> Config:
    return loaded(folder, f"{LOCAL}plugins:\n{text}", environ, **files)


def refused(folder: Path, text: str, **files: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        declared(folder, text, **files)
    return [str(error).replace(f"{folder}/", "") for error in caught.value.errors]


def test_a_plugin_in_place_says_all_that_it_does(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    text = (
        "  - name: cue\n    init: {command: [cue], args: [vet]}\n    generate: {command: [cue, cmd], args: [dump]}\n"
        "    discover: {find: {glob: '**/*.cue'}}\n    preserveFileMode: true\n    timeout: 2m\n    user: nobody\n"
        "    memoryLimit: 1Gi\n    outputLimit: 1Mi\n    writePaths: [cache]\n"
        "    env: [{name: PROXY}, {name: ABSENT}, {name: TOKEN, value: {file: token}}, {name: A, value: 'x${PROXY}'}]\n"
    )
    (plugin,) = declared(tmp_path, text, {"PROXY": "http://proxy", "OTHER": "never"}).plugins
    assert plugin == CommandPlugin(
        name="cue",
        init=("cue", "vet"),
        generate=("cue", "cmd", "dump"),
        discover=Discover(glob="**/*.cue"),
        preserve_file_mode=True,
        environment=(
            ("PROXY", Secret("http://proxy")),
            ("TOKEN", Secret("s3cret")),
            ("A", Secret("xhttp://proxy")),
        ),
        timeout_seconds=120.0,
        memory_limit=1 << 30,
        output_limit=1 << 20,
        user="nobody",
        writable=(str(tmp_path / "cache"),),
    )
    assert plugin.full_name == "cue"


def test_a_plugin_needs_no_more_than_a_name_and_a_command(tmp_path: Path) -> None:
    (plugin,) = declared(tmp_path, f"  - {{name: tool, {GENERATE}}}\n").plugins
    assert plugin == CommandPlugin("tool", ("make",))
    assert not plugin.discover


def test_argo_cds_own_files_are_taken_as_they_are(tmp_path: Path) -> None:
    config = declared(tmp_path, "  - file: cmp/plugin.yaml\n", **{"cmp/plugin.yaml": MANIFEST})
    assert config.plugins == (PLUGIN,)
    assert config.plugins[0].full_name == "my-plugin-v1.0"
    assert str(tmp_path / "cmp/plugin.yaml") in config.files


def test_a_glob_takes_many_files_with_many_documents_and_is_watched(tmp_path: Path) -> None:
    second = MANIFEST.replace("my-plugin", "second")
    files = {"cmp/a.yaml": f"---\n{MANIFEST}---\n---\n{second}", "cmp/b.yaml": MANIFEST.replace("my-plugin", "third")}
    config = declared(tmp_path, "  - {file: cmp/*.yaml, timeout: 5s, env: [{name: A, value: b}]}\n", **files)
    assert [plugin.name for plugin in config.plugins] == ["my-plugin", "second", "third"]
    assert {plugin.timeout_seconds for plugin in config.plugins} == {5.0}
    assert {plugin.environment for plugin in config.plugins} == {(("A", Secret("b")),)}
    assert str(tmp_path / "cmp" / "*.yaml") in config.globs


def test_a_glob_that_matches_nothing_and_credentials_that_are_not_given_are_warnings(tmp_path: Path) -> None:
    config = declared(tmp_path, f"  - file: none/*.yaml\n  - {{name: a, provideGitCreds: true, {GENERATE}}}\n")
    assert [warning.partition(": ")[2] for warning in config.warnings] == [
        "plugins[0].file: none/*.yaml matches no file",
        "provideGitCreds has no effect: commands get no credentials of repositories",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"  - {{{GENERATE}}}\n", "plugins[0].name: cannot be used"),
        ("  - {name: tool}\n", "plugins[0].generate.command: is missing"),
        ("  - {name: tool, generate: {args: [make]}}\n", "plugins[0].generate.command: is missing"),
        ("  - {name: tool, generate: make}\n", "plugins[0].generate is a string"),
        (f"  - {{name: tool, genrate: {{}}, {GENERATE}}}\n", "unknown key plugins[0].genrate"),
        (f"  - {{name: helm, {GENERATE}}}\n", "plugins[0].name: cannot be used"),
        (f"  - {{name: plugin, version: v1, {GENERATE}}}\n", "plugins[0].name: cannot be used"),
        (f"  - {{name: a/b, {GENERATE}}}\n", "plugins[0].name: cannot be used"),
        (f"  - {{name: a, {GENERATE}}}\n  - {{name: a, {GENERATE}}}\n", "plugins[1].name: another plugin is called a"),
        (
            f"  - {{name: a-v1, {GENERATE}}}\n  - {{name: a, version: v1, {GENERATE}}}\n",
            "plugins[1].name: another plugin is called a-v1",
        ),
        (f"  - {{name: a, timeout: 0, {GENERATE}}}\n", "plugins[0].timeout: cannot be used"),
        (f"  - {{name: a, timeout: 2h, {GENERATE}}}\n", "plugins[0].timeout: cannot be used"),
        (f"  - {{name: a, outputLimit: 1Gi, {GENERATE}}}\n", "plugins[0].outputLimit: cannot be used"),
        (f"  - {{name: a, memoryLimit: 1Ki, {GENERATE}}}\n", "plugins[0].memoryLimit: cannot be used"),
        (f"  - {{name: a, env: [{{name: A=B}}], {GENERATE}}}\n", "plugins[0].env[0].name: cannot be used"),
        (f"  - {{name: a, env: [{{name: HOME}}], {GENERATE}}}\n", "plugins[0].env[0].name: cannot be used"),
        ("  - {file: a.yaml, name: b}\n", "plugins[0].name: stands beside file"),
        ("  - {file: a.yaml, init: {}}\n", "plugins[0].init: stands beside file"),
        ("  - {file: a.yaml}\n", "plugins[0].file: names a.yaml, which cannot be read"),
    ],
)
def test_what_cannot_be_a_plugin_is_refused_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    (error,) = refused(tmp_path, text)
    assert f": {message}" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: ConfigMap\napiVersion: v1\n", "kind cannot be used"),
        (MANIFEST.replace("  name: my-plugin", "  names: my-plugin"), "unknown key metadata.names"),
        (MANIFEST.replace("  generate:", "  generated:"), "unknown key spec.generated"),
        (MANIFEST.replace("my-plugin", "helm", 1), "metadata.name: cannot be used"),
        ("- 1\n", "the file is a list"),
        ("{", "the YAML cannot be read"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    errors = refused(tmp_path, "  - file: cmp.yaml\n", **{"cmp.yaml": text})
    assert any(message in error for error in errors), errors
    assert all(error.startswith("cmp.yaml:") for error in errors)


def test_E11_an_included_file_cannot_bring_a_program(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, f"{LOCAL}include: [apps.yaml]\n", **{"apps.yaml": MANIFEST})
    assert "included files bring no programs" in str(caught.value)


def test_S8_an_error_quotes_no_value_of_the_environment(tmp_path: Path) -> None:
    text = f"  - {{name: tool, env: [{{name: A, value: !hunter2 x}}, {{name: B, value: *hunter2}}], {GENERATE}}}\n"
    assert "hunter2" not in " ".join(refused(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "a folder of pluginPath cannot be read: No such file or directory"),
        ("file", "a folder of pluginPath cannot be read: Not a directory"),
        ("open", r"others can change: everybody may write to it \(mode 0777\)"),
        ("broken", "leads nowhere: gone: No such file"),
        ("sound", ""),
    ],
)
def test_a_folder_whose_plugins_would_not_be_loaded_is_warned_of(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "file").write_text("")
    for folder, mode in (("open", 0o777), ("broken", 0o755), ("sound", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder).chmod(mode)
    (tmp_path / "broken" / "link").symlink_to("gone")
    warnings = loaded(tmp_path, f"pluginPath: [sound, {name}]").warnings
    assert len(warnings) == bool(told)
    for warning in warnings:
        assert re.search(rf"gitopsd\.yaml:1:21: pluginPath\[1\]: .*{told}", warning)
