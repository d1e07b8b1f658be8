from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from gitopsd.core.errors import PluginError, RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import CommandPlugin, CommandPlugins, ParameterAnnouncement, RenderRequest, Secret
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.pool import EnginePool
from gitopsd_command.options import PATH
from gitopsd_command.renderer import CommandRenderer
from gitopsd_command.runner import Runner
from tests.plugins.commands import Workshop, config_map, plugin, shell, workshop
from tests.plugins.folders import engine_binary

DOCUMENTS = (
    "# made by a tool\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {on: yes, mode: 0644}\n"
    '---\n{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}}\n---\n---\n'
    "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: c}}\n"
    "---\napiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: d}}\n"
)


@pytest.mark.parametrize("with_engine", [True, False])
async def test_what_generate_prints_is_decoded_as_kubectl_does(tmp_path: Path, with_engine: bool) -> None:
    files = {"app/out.yaml": DOCUMENTS}
    if with_engine:
        async with EnginePool([engine_binary()]) as engine:
            result = await workshop(tmp_path, plugin("cat out.yaml"), files=files, engine=engine).render()
    else:
        result = await workshop(tmp_path, plugin("cat out.yaml"), files=files).render()
    assert [(each.gvk.kind, each.name, each.origin.line) for each in result.manifests] == [
        ("ConfigMap", "a", 3),
        ("Secret", "b", 8),
        ("Pod", "c", 11),
        ("ConfigMap", "d", 16),
    ]
    assert result.manifests[0].body["data"] == {"true": True, "mode": 420}
    assert result.manifests[0].origin.file == "the output of plugin tool"
    assert result.reads is None


async def test_init_runs_before_generate_in_the_same_copy_and_its_output_is_no_manifest(tmp_path: Path) -> None:
    tool = plugin("cat made.yaml", init=shell(f"echo hello; echo '{config_map('made')}' > made.yaml"))
    here = workshop(tmp_path, tool)
    assert await here.names() == ["made"]
    assert not (here.root / "app" / "made.yaml").exists()


async def test_commands_work_in_the_sources_folder_of_a_copy_of_the_whole_repository(tmp_path: Path) -> None:
    files = {"base/name.txt": "base", "app/link.txt": "→../base/name.txt", ".git/config": "secret"}
    script = (
        'test ! -e ../.git && printf "{apiVersion: v1, kind: Pod, metadata: {name: %s-%s}}" '
        '"$(basename "$PWD")" "$(cat link.txt)"'
    )
    here = workshop(tmp_path, plugin(script), files=files)
    assert await here.names() == ["app-base"]


async def environment_of(here: Workshop, options: JsonObject) -> dict[str, str]:
    """What a plugin that prints its environment sees."""
    (manifest,) = (await here.render(options)).manifests
    variables: dict[str, str] = json.loads(json.dumps(manifest.body))["data"]
    return variables


PRINTS_ENVIRONMENT = (
    "exec python3 -c 'import json, os; "
    'print(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": dict(os.environ)}))\''
)


async def test_the_environment_is_exactly_what_is_documented(tmp_path: Path) -> None:
    tool = plugin(PRINTS_ENVIRONMENT, environment=(("VAULT_ADDR", Secret("https://vault.example.org")),))
    seen = await environment_of(
        workshop(tmp_path, tool),
        {
            "name": "tool",
            "env": [
                {"name": "REV", "value": "$ARGOCD_APP_NAME-${KUBE_VERSION}-$$x"},
                {"name": "EMPTY", "value": ""},
                {"name": "UNSET", "value": "$NOBODY"},
            ],
            "parameters": [
                {"name": "image", "string": "nginx"},
                {"name": "values-files", "array": ["a.yaml", "b.yaml"]},
                {"name": "helm.parameters", "map": {"image.tag": "v1"}},
            ],
        },
    )
    home, temporary = seen.pop("HOME"), seen.pop("TMPDIR")
    folder = Path(seen.pop("PWD", home)).parent
    assert home.startswith(str(folder.parent if folder.name == "source" else folder))
    assert temporary.removesuffix("/tmp") == home.removesuffix("/home")
    parameters = json.loads(seen.pop("ARGOCD_APP_PARAMETERS"))
    assert parameters == [
        {"name": "image", "string": "nginx"},
        {"name": "values-files", "array": ["a.yaml", "b.yaml"]},
        {"name": "helm.parameters", "map": {"image.tag": "v1"}},
    ]
    # Set by Python and the shell themselves.
    for own in ("LC_CTYPE", "_", "OLDPWD", "SHLVL"):
        seen.pop(own, None)
    assert seen == {
        "PATH": PATH,
        "ARGOCD_APP_NAME": "shop",
        "ARGOCD_APP_NAMESPACE": "ns",
        "ARGOCD_APP_SOURCE_PATH": "app",
        "KUBE_VERSION": "1.36.3",
        "KUBE_API_VERSIONS": "v1,apps/v1",
        "ARGOCD_ENV_REV": "shop-1.36.3-$x",
        "PARAM_IMAGE": "nginx",
        "PARAM_VALUES_FILES_0": "a.yaml",
        "PARAM_VALUES_FILES_1": "b.yaml",
        "PARAM_HELM_PARAMETERS_IMAGE_TAG": "v1",
        "VAULT_ADDR": "https://vault.example.org",
    }


async def test_without_parameters_their_json_is_null_as_with_argo_cd(tmp_path: Path) -> None:
    seen = await environment_of(workshop(tmp_path, plugin(PRINTS_ENVIRONMENT)), {"name": "tool"})
    assert seen["ARGOCD_APP_PARAMETERS"] == "null"


async def test_a_declared_path_is_where_programs_are_looked_for(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "acme").write_text(f"#!/bin/sh\necho '{config_map('from-acme')}'\n")
    (programs / "acme").chmod(0o755)
    tool = CommandPlugin("tool", ("acme",), environment=(("PATH", Secret(f"{programs}:{PATH}")),))
    assert await workshop(tmp_path, tool).names() == ["from-acme"]


@pytest.mark.parametrize(("keep", "name"), [(False, "plain"), (True, "runs")])
async def test_files_are_executable_only_with_preserve_file_mode(tmp_path: Path, keep: bool, name: str) -> None:
    script = f"if test -x tool.sh; then echo '{config_map('runs')}'; else echo '{config_map('plain')}'; fi"
    here = workshop(tmp_path, plugin(script, preserve_file_mode=keep), files={"app/tool.sh": "#!/bin/sh\n"})
    (here.root / "app" / "tool.sh").chmod(0o555)
    assert await here.names() == [name]


async def test_standard_input_is_empty(tmp_path: Path) -> None:
    script = f"test -z \"$(cat)\" && echo '{config_map('empty')}'"
    assert await workshop(tmp_path, plugin(script)).names() == ["empty"]


async def test_a_plugin_goes_by_name_and_version_and_by_its_name_where_that_is_one(tmp_path: Path) -> None:
    tools = (
        plugin(f"echo '{config_map('one')}'", "solo", version="v1"),
        plugin(f"echo '{config_map('old')}'", "twin", version="v1"),
        plugin(f"echo '{config_map('new')}'", "twin", version="v2"),
    )
    here = workshop(tmp_path, *tools)
    assert await here.names(renderer="solo-v1") == ["one"]
    assert await here.names(renderer="solo") == ["one"]
    assert await here.names(renderer="twin-v2") == ["new"]
    with pytest.raises(RenderError, match="no renderer is named 'twin'"):
        await here.names(renderer="twin")


async def test_many_at_once_each_have_their_own_copy(tmp_path: Path) -> None:
    script = (
        "echo $ARGOCD_ENV_NAME >> input.txt; "
        "printf '{apiVersion: v1, kind: Pod, metadata: {name: %s-%s}}' $ARGOCD_ENV_NAME $(wc -l < input.txt)"
    )
    here = workshop(tmp_path, plugin(script))
    found: list[str] = []

    async def one(name: str) -> None:
        found.extend(await here.names({"name": "tool", "env": [{"name": "NAME", "value": name}]}))

    async with anyio.create_task_group() as tasks:
        for index in range(8):
            tasks.start_soon(one, f"n{index}")
    assert sorted(found) == [f"n{index}-2" for index in range(8)]
    assert here.left_over() == []


@pytest.fixture
def simple(tmp_path: Path) -> Workshop:
    return workshop(tmp_path, plugin(f"echo '{config_map('a')}'"))


async def test_rendering_does_not_block_the_loop(simple: Workshop, nothing_blocks: None) -> None:
    assert await simple.names({"name": "tool"}) == ["a"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "tool", "envs": []}, "source.plugin.envs is not an option"),
        ({"name": "tool", "env": [{"name": "A", "value": 1}]}, r"source.plugin.env\[0\].value: expected a string"),
        ({"name": "tool", "parameters": [{"name": "a", "list": []}]}, r"parameters\[0\].list is not an option"),
        ({"name": "tool", "env": [{"name": "A=B", "value": "c"}]}, "cannot be an environment variable"),
        ({"name": "tool", "env": [{"name": "A", "value": "a\0b"}]}, "cannot be an environment variable"),
        ({"name": "tool", "env": [{"name": "A", "value": "a" * 140_000}]}, "larger than the system takes"),
    ],
)
async def test_options_that_cannot_be_honoured_are_errors_that_name_them(
    tmp_path: Path, options: JsonObject, message: str
) -> None:
    with pytest.raises(RenderError, match=message):
        await workshop(tmp_path, plugin("true")).render(options)


async def test_an_application_cannot_set_variables_that_programs_obey(tmp_path: Path) -> None:
    options: JsonObject = {
        "name": "tool",
        "env": [{"name": "LD_PRELOAD", "value": "/x.so"}, {"name": "PATH", "value": "."}],
        "parameters": [{"name": "HOME", "string": "/"}],
    }
    seen = await environment_of(workshop(tmp_path, plugin(PRINTS_ENVIRONMENT)), options)
    assert (seen["PATH"], seen["ARGOCD_ENV_PATH"], seen["PARAM_HOME"]) == (PATH, ".", "/")
    assert "LD_PRELOAD" not in seen
    assert seen["HOME"] != "/"


def request(here: Workshop) -> RenderRequest:
    return RenderRequest(app="shop", namespace="ns", root=str(here.root), path="app", options={})


async def test_parameters_are_announced_by_the_command_and_the_declaration(tmp_path: Path) -> None:
    static = ParameterAnnouncement("tags", title="Tags", collection_type="array", array=("a",))
    tool = plugin("true", announcements=(static,), dynamic=shell("cat parameters.json"))
    found = [{"name": "image", "string": "nginx", "required": True, "map": {"a": "b"}}]
    here = workshop(tmp_path, tool, files={"app/parameters.json": json.dumps(found)})
    announced = await CommandRenderer(tool, Runner(str(here.copies))).parameters(request(here))
    assert announced == (ParameterAnnouncement("image", string="nginx", required=True, map={"a": "b"}), static)


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("[{", "not valid JSON"),
        ("{}", "expected a list"),
        ("[1]", "expected a mapping"),
        ('[{"title": "x"}]', "is missing"),
        ('[{"name": "x", "default": 1}]', "default is not an option"),
    ],
)
async def test_announced_parameters_that_are_none_are_an_error(tmp_path: Path, printed: str, message: str) -> None:
    tool = plugin("true", dynamic=shell(f"echo '{printed}'"))
    here = workshop(tmp_path, tool)
    with pytest.raises(RenderError, match=message):
        await CommandRenderer(tool, Runner(str(here.copies))).parameters(request(here))


def test_two_plugins_of_one_name_are_refused() -> None:
    manager = PluginManager()
    assert manager.load_installed() == ()
    with pytest.raises(PluginError, match="'helm'"):
        manager.renderers(None, CommandPlugins((plugin("true", "helm"),)))


def test_a_declaration_that_changes_changes_the_digest() -> None:
    def digest(**settings: Any) -> str:
        return CommandPlugins((plugin("true", **settings),)).digest()

    secret = (("TOKEN", Secret("one")),)
    digests = [
        digest(),
        digest(version="v1"),
        digest(environment=secret),
        digest(environment=(("TOKEN", Secret("2")),)),
    ]
    assert len(set(digests)) == len(digests)
    assert digest(environment=secret) == digest(environment=secret)
    assert "one" not in digest(environment=secret)


def test_the_folder_is_made_only_when_a_command_runs(tmp_path: Path) -> None:
    Runner(str(tmp_path / "commands"))
    assert os.listdir(tmp_path) == []
