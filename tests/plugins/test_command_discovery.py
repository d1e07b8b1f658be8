"""Which plugin a source gets when it names none, and that a named one must agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import CommandPlugin, Discover, Discovered, Read, ReadKind
from gitopsd_command.discovery import matches
from tests.plugins.commands import config_map, plugin, shell, workshop
from tests.plugins.folders import write

CHART = {"app/Chart.yaml": "name: a", "app/manifest.yaml": config_map("plain")}


def telling(name: str, discover: Discover, script: str = "") -> CommandPlugin:
    return plugin(script or f"echo '{config_map(name)}'", name, discover=discover)


FILES = {
    "app/tool.cue": "",
    "app/.hidden.cue": "",
    "app/sub/s1.yaml": "",
    "app/sub/deep/Chart.yaml": "",
    "app/link": "→sub",
    "top.txt": "",
}


@pytest.mark.parametrize(
    ("discover", "found"),
    [
        (Discover("tool.cue"), True),
        (Discover("./tool.cue"), True),
        (Discover("*.cue"), True),
        (Discover("./sub/s*.yaml"), True),
        (Discover("sub/s[0-9].yaml"), True),
        (Discover("sub"), True),
        (Discover("*.yaml"), False),
        (Discover("*/Chart.yaml"), False),
        (Discover("**/Chart.yaml"), False),
        (Discover("*/*/Chart.yaml"), True),
        (Discover("top.txt"), False),
        (Discover("TOOL.CUE"), False),
        (Discover(glob="**/Chart.yaml"), True),
        (Discover(glob="**/tool.cue"), True),
        (Discover(glob="sub/**/*.yaml"), True),
        (Discover(glob="sub/**"), True),
        (Discover(glob="**/*.tf"), False),
        (Discover("*.tf", glob="**/Chart.yaml"), False),
    ],
)
def test_patterns_match_as_with_argo_cd(tmp_path: Path, discover: Discover, found: bool) -> None:
    write(tmp_path, FILES)
    assert matches(str(tmp_path), "app", discover).found is found


def test_a_plain_name_depends_on_that_file_alone_and_a_pattern_on_the_folders_it_looked_into(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    root = str(tmp_path)
    file, missing = Read("app/tool.cue", ReadKind.FILE), Read("app/none.cue", ReadKind.MISSING)
    assert matches(root, "app", Discover("tool.cue")) == Discovered(True, (file,))
    assert matches(root, "app", Discover("none.cue")) == Discovered(False, (missing,))
    folders = [Read(each, ReadKind.DIR) for each in ("app", "app/sub", "app/sub/deep")]
    assert matches(root, "app", Discover("*.tf")) == Discovered(False, (folders[0],))
    assert matches(root, "app", Discover(glob="**/*.tf")) == Discovered(False, tuple(folders))
    assert matches(root, "app", Discover(glob="*/s*.yaml")) == Discovered(True, tuple(folders[:2]))


@pytest.mark.parametrize("pattern", ["../*.txt", "../../x", "sub/../../*", "/etc/*/../x*"])
def test_P1_a_pattern_that_leaves_the_folder_is_refused(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, FILES)
    with pytest.raises(RenderError, match="leaves the"):
        matches(str(tmp_path), "app", Discover(glob=pattern))


async def test_a_discovering_plugin_comes_before_the_renderers_of_marker_files(tmp_path: Path) -> None:
    here = workshop(tmp_path, telling("mine", Discover("Chart.yaml")), files=CHART)
    assert await here.names(renderer="") == ["mine"]


async def test_without_a_match_the_folder_gets_what_it_would_get_anyway(tmp_path: Path) -> None:
    files = {"app/manifest.yaml": config_map("plain")}
    here = workshop(tmp_path, telling("mine", Discover("Chart.yaml")), files=files)
    result = await here.render(renderer="")
    assert [each.name for each in result.manifests] == ["plain"]
    assert Read("app/Chart.yaml", ReadKind.MISSING) in (result.reads or ())


async def test_an_explicit_renderer_is_never_asked_for(tmp_path: Path) -> None:
    files = {"app/manifest.yaml": config_map("plain")}
    here = workshop(tmp_path, telling("mine", Discover("*.yaml")), files=files)
    assert await here.names(renderer="directory") == ["plain"]


async def test_a_plugin_without_discovery_must_be_named(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin("exit 1"), files={"app/manifest.yaml": config_map("plain")})
    assert await here.names(renderer="") == ["plain"]


@pytest.mark.parametrize("options", [{}, {"env": [{"name": "NAME", "value": "x"}]}])
async def test_plugin_without_a_name_takes_the_first_that_matches_in_declared_order(
    tmp_path: Path, options: JsonObject
) -> None:
    tools = [
        telling("never", Discover("none")),
        telling("first", Discover(glob="**/*.cue")),
        telling("second", Discover("*")),
    ]
    here = workshop(tmp_path, *tools, files={"app/a/b.cue": ""})
    assert await here.names(options, renderer="plugin") == ["first"]


async def test_plugin_without_a_name_and_without_a_match_is_an_error(tmp_path: Path) -> None:
    here = workshop(tmp_path, telling("mine", Discover("none")), files=CHART)
    with pytest.raises(RenderError, match="no plugin supports this folder"):
        await here.render(renderer="plugin")


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (shell("ls *.cue"), ["mine"]),
        (shell("ls *.tf"), ["plain"]),
        (shell("true"), ["plain"]),
        (shell("echo"), ["plain"]),
        (shell("echo yes; exit 1"), ["plain"]),
        (shell("test $ARGOCD_APP_NAME = shop && echo yes"), ["mine"]),
        (shell("yes | head -c 1000"), ["mine"]),
    ],
)
async def test_a_command_discovers_by_printing_something_and_ending_well(
    tmp_path: Path, command: tuple[str, ...], names: list[str]
) -> None:
    files = {"app/tool.cue": "", "app/manifest.yaml": config_map("plain")}
    here = workshop(tmp_path, telling("mine", Discover(command=command)), files=files)
    result = await here.render(renderer="")
    assert [each.name for each in result.manifests] == names
    # What a command looked at is unknown.
    assert result.reads is None
    assert here.left_over() == []


@pytest.mark.parametrize(("command", "seconds"), [(("acme-no-such-program",), 60.0), (shell("sleep 600"), 3.0)])
async def test_a_discovery_that_cannot_tell_is_an_error_and_never_another_renderer(
    tmp_path: Path, command: tuple[str, ...], seconds: float
) -> None:
    tool = plugin("true", discover=Discover(command=command), timeout_seconds=seconds)
    here = workshop(tmp_path, tool, files={"app/manifest.yaml": config_map("plain")})
    with pytest.raises(RenderError, match="discover of plugin tool"):
        await here.render(renderer="")


@pytest.mark.parametrize(
    ("discover", "files", "works"),
    [
        (Discover("*.cue"), {"app/a.cue": ""}, True),
        (Discover("*.cue"), {}, False),
        (Discover(command=shell("ls *.cue")), {"app/a.cue": ""}, True),
        (Discover(command=shell("ls *.cue")), {}, False),
    ],
)
async def test_a_named_plugin_is_used_only_if_its_discovery_matches(
    tmp_path: Path, discover: Discover, files: Mapping[str, str], works: bool
) -> None:
    here = workshop(tmp_path, telling("tool", discover), files=files)
    if works:
        assert await here.names({"name": "tool"}) == ["tool"]
        return
    with pytest.raises(RenderError, match="plugin tool does not support this folder"):
        await here.render({"name": "tool"})
