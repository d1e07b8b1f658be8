from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import RenderResult
from tests.plugins.folders import kitchen


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


# One folder each; both ways of rendering must agree on manifests, places, warnings' number and on what is an error.
CORPUS: dict[str, dict[str, str]] = {
    "any extension": {
        "a.yaml": config_map("a"),
        "b.txt": config_map("b"),
        "README": "# words: [\n",
        "x.bin": "\udcff\0",
    },
    "broken with any extension": {"a.txt": "apiVersion: v1\nkind: [\n"},
    "one": {"a.yaml": config_map("a")},
    "order": {"b.yml": config_map("b"), "a.yaml": config_map("a"), "B.json": '{"apiVersion": "v1", "kind": "Pod"}'},
    "documents": {"a.yaml": f"# head\n---\n---\n{config_map('a')}---\n# nothing\n--- # x\n{config_map('b')}...\n"},
    "inline": {"a.yaml": '--- {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}\n'},
    "list": {
        "a.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- {apiVersion: v1, kind: Node}\n"
    },
    "typed list": {
        "a.yaml": "apiVersion: v1\nkind: PodList\nitems:\n- {metadata: {name: a}}\n- {metadata: {name: b}}\n"
    },
    "nested list": {"a.yaml": "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]\n"},
    "empty list": {"a.yaml": "apiVersion: v1\nkind: List\nitems: []\n"},
    "empty": {"README.md": "nothing"},
    "empty file": {"a.yaml": "", "b.yaml": "# only a comment\n", "c.yaml": "---\n"},
    "skipped": {"a.yaml": f"# +argocd:skip-file-rendering\n{config_map('a')}", "b.yaml": config_map("b")},
    "values": {"values.yaml": "replicas: 3\nimage: x\n", "list.yaml": "- a\n- b\n", "text.yaml": "just text\n"},
    "scalars": {
        "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: yes\n  b: 'no'\n  c: 0777\n"
        "  d: 1:30\n  e: 2020-01-01\n  f: 1e3\n  g: 1.0\n  h: 0x1F\n  i: ~\n  j: 1_000\n  k: 9007199254740993\n"
        "  l: .5\n  m: y\n  n: |\n    text\n    more\n  o: >-\n    folded\n    text\n  1: one\n  true: t\n"
        "  p: !!str 5\n  q: 1.5\n  r: 0o17\n  s: -0\n"
    },
    "anchors": {
        "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: a, labels: &l {a: b}}\n"
        "data:\n  <<: *l\n  c: d\nother: *m\n"
    },
    "utf8 mark": {"a.yaml": "\ufeff" + config_map("a")},
    "crlf": {"a.yaml": config_map("a").replace("\n", "\r\n") + "---\r\n" + config_map("b").replace("\n", "\r\n")},
    "link": {"real/x.yaml": config_map("x"), "a.yaml": "→real/x.yaml", "loop": "→real"},
    "broken": {"a.yaml": config_map("a"), "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b\ndata: {}\n"},
    "broken json": {"a.json": '{"apiVersion": "v1",\n "kind": }'},
    "no kind": {"a.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
    "no version": {"a.yaml": "kind: Pod\nmetadata: {name: a}\n"},
    "twice": {"a.yaml": "apiVersion: v1\nkind: Pod\nkind: Node\n"},
    "twice in json": {"a.json": '{"apiVersion": "v1", "kind": "Pod", "kind": "Node"}'},
    "tag": {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: !!python/none x}\n"},
    "latin1": {"a.yaml": "apiVersion: v1\nkind: Pod\n\udce9"},
    "bad item": {"a.yaml": "apiVersion: v1\nkind: List\nitems: [text]\n"},
    "out": {"a.yaml": "→../../../outside.yaml"},
}
OPTIONS: list[JsonObject] = [
    {},
    {"recurse": True},
    {"recurse": True, "exclude": "{b*,*x.yaml}"},
    {"include": "*.json"},
    {"disableExtensionFilter": True},
]


def shown(result: RenderResult) -> object:
    """What both ways must agree on."""
    manifests = [(each.body, each.origin.file, each.origin.line) for each in result.manifests]
    return manifests, len(result.warnings), sorted({read for read in result.reads or () if read.kind != "missing"})


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("case", CORPUS)
async def test_with_and_without_the_engine_a_folder_gives_the_same(
    tmp_path: Path, case: str, options: JsonObject
) -> None:
    outcomes: list[object] = []
    for engine in (True, False):
        async with kitchen(tmp_path / str(engine), {}, engine=engine) as here:
            for name, content in CORPUS[case].items():
                path = here.root / "app" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if content.startswith("→"):
                    path.symlink_to(content[1:])
                else:
                    path.write_bytes(content.encode(errors="surrogateescape"))
            try:
                outcomes.append(shown(await here.render("app", options, renderer="directory")))
            except RenderError as error:
                outcomes.append(error.where.partition(":")[0])
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("engine", [True, False])
async def test_broken_yaml_is_an_error_with_file_and_line(tmp_path: Path, engine: bool) -> None:
    async with kitchen(
        tmp_path, {f"app/{name}": text for name, text in CORPUS["broken"].items()}, engine=engine
    ) as here:
        with pytest.raises(RenderError) as caught:
            await here.render("app")
    # The two parsers differ in whether the line of the mapping or the one after it is the fault's.
    assert caught.value.where.startswith(("app/b.yaml:3", "app/b.yaml:4"))


@pytest.mark.parametrize("engine", [True, False])
async def test_P2_a_file_that_is_no_manifest_is_quoted_by_line_never_by_content(tmp_path: Path, engine: bool) -> None:
    secret = "kind: x\nCANARY-secret-token: [\n"
    async with kitchen(tmp_path, {"app/a.yaml": secret}, engine=engine) as here:
        with pytest.raises(RenderError) as caught:
            await here.render("app")
    assert "a.yaml:" in str(caught.value)
    assert "CANARY" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


@pytest.mark.parametrize("engine", [True, False])
async def test_an_empty_folder_gives_no_manifests(tmp_path: Path, engine: bool) -> None:
    async with kitchen(tmp_path, {"app/README.md": ""}, engine=engine) as here:
        assert (await here.render("app")).manifests == ()


async def test_jsonnet_is_rendered_with_variables_from_the_build_environment(tmp_path: Path) -> None:
    text = (
        'local lib = import "lib.libsonnet";\n'
        'function(size) lib + {apiVersion: "v1", kind: "ConfigMap",\n'
        ' metadata: {name: std.extVar("who")}, data: {n: size}}'
    )
    options: JsonObject = {
        "jsonnet": {
            "extVars": [{"name": "who", "value": "$ARGOCD_APP_NAME"}],
            "tlas": [{"name": "size", "value": "1 + 1", "code": True}],
            "libs": ["vendor"],
        }
    }
    files = {"app/a.jsonnet": text, "vendor/lib.libsonnet": '{extra: "yes"}'}
    async with kitchen(tmp_path, files) as here:
        (manifest,) = (await here.render("app", options, renderer="directory")).manifests
    assert manifest.name == "app"
    assert manifest.body["data"] == {"n": 2}
    assert manifest.body["extra"] == "yes"


async def test_jsonnet_without_the_engine_is_a_clear_error(tmp_path: Path) -> None:
    async with kitchen(tmp_path, {"app/a.jsonnet": "{}"}, engine=False) as here:
        with pytest.raises(RenderError, match="Jsonnet needs the render engine"):
            await here.render("app")


@pytest.mark.parametrize("lib", ["../..", "/etc/../..", "link"])
async def test_P1_jsonnet_libs_outside_the_repository_never_reach_the_engine(tmp_path: Path, lib: str) -> None:
    files = {"app/a.jsonnet": "{}", "link": "→/etc"}
    async with kitchen(tmp_path / "repo", files) as here:
        with pytest.raises(RenderError, match="leaves the repository"):
            await here.render("app", {"jsonnet": {"libs": [lib]}}, renderer="directory")
        assert here.engine is not None
        assert here.engine.params == []


@pytest.mark.parametrize("engine", [True, False])
async def test_P3_a_link_out_of_the_repository_is_an_error_that_names_it(tmp_path: Path, engine: bool) -> None:
    (tmp_path / "secret.yaml").write_text(config_map("canary"))
    files = {"app/x.yaml": "→../../secret.yaml"}
    async with kitchen(tmp_path / "repo", files, engine=engine) as here:
        with pytest.raises(RenderError, match=r"app/x.yaml.*leaves the repository|leaves the repository.*app/x.yaml"):
            await here.render("app")


@pytest.mark.parametrize("engine", [True, False])
async def test_D1_files_larger_than_the_limit_are_an_error_that_names_it(tmp_path: Path, engine: bool) -> None:
    async with kitchen(tmp_path, {"app/a.yaml": config_map("a") + "# " + "x" * (11 << 20)}, engine=engine) as here:
        with pytest.raises(RenderError, match="10485760"):
            await here.render("app")


async def test_an_unknown_option_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with kitchen(tmp_path, {"app/a.yaml": ""}, engine=False) as here:
        with pytest.raises(RenderError, match=r"source\.directory\.recurze"):
            await here.render("app", {"recurze": True}, renderer="directory")
