from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import PluginError, RenderError, SourceError
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.plugin import Renderer, RenderRequest, RenderResult, TracedRenderError
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.limits import Limits
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.vault import Vault
from gitopsd_plain.renderer import DirectoryRenderer
from tests.render.conftest import SteppedClock
from tests.render.trees import REPO, Trees

TARGET = RenderTarget("v1.36.3", ("v1", "apps/v1"))


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def app(path: str = "app", renderer: str = "", options: JsonObject | None = None, name: str = "guestbook") -> AppSpec:
    source = Source(REPO, path, "main", renderer, options or {})
    return AppSpec(AppName(name), (source,), Destination(name="local", namespace="ns"))


@dataclass
class Odd:
    """A renderer that does what the test says, and counts."""

    result: RenderResult | Exception | object
    name: str = "odd"
    markers: tuple[str, ...] = ("Oddfile",)
    calls: list[RenderRequest] = field(default_factory=list)

    async def render(self, request: RenderRequest) -> RenderResult:
        self.calls.append(request)
        if isinstance(self.result, Exception):
            raise self.result
        assert isinstance(self.result, RenderResult) or self.name == "liar"
        return self.result  # type: ignore[return-value]  # what a plugin may do


@dataclass
class World:
    """A room and what it stands on."""

    room: RenderRoom
    trees: Trees
    clock: SteppedClock
    reports: list[tuple[str, bool, bool]]

    async def render(
        self, commit: str, spec: AppSpec | None = None, target: RenderTarget = TARGET, *, use_cache: bool = True
    ) -> tuple[list[str], bool]:
        rendered = await self.room.render(spec or app(), [commit], target, use_cache=use_cache)
        return [manifest.name for manifest in rendered.manifests], rendered.cached


@asynccontextmanager
async def world(
    trees: Trees, clock: SteppedClock, *renderers: Renderer, limits: Limits | None = None, identity: str = "1"
) -> AsyncIterator[World]:
    reports: list[tuple[str, bool, bool]] = []
    cache = RenderCache(Vault(str(trees.folder.parent / "cache"), str(trees.folder.parent / "key")))
    await cache.open()
    room = RenderRoom(
        [*renderers, DirectoryRenderer(None)],
        trees,
        cache,
        clock,
        identity=identity,
        limits=limits,
        on_render=lambda renderer, _seconds, cached, failed: reports.append((renderer, cached, failed)),
    )
    yield World(room, trees, clock, reports)


async def test_a_commit_that_touches_nothing_that_was_read_makes_no_snapshot(trees: Trees, clock: SteppedClock) -> None:
    files = {"app/a.yaml": config_map("a")}
    first, second = trees.add(files), trees.add(files | {"README": "new", "other/b.yaml": config_map("b")})
    async with world(trees, clock) as here:
        assert await here.render(first) == (["a"], False)
        assert await here.render(second) == (["a"], True)
        assert trees.snapshots == [first]
        assert here.reports == [("directory", False, False), ("directory", True, False)]


async def test_the_same_commit_costs_no_look_at_the_repository(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/a.yaml": config_map("a")})
    async with world(trees, clock) as here:
        await here.render(commit)
        looks = len(trees.looks)
        assert await here.render(commit) == (["a"], True)
        assert len(trees.looks) == looks


async def test_going_back_to_an_older_commit_renders_nothing(trees: Trees, clock: SteppedClock) -> None:
    commits = [trees.add({"app/a.yaml": config_map(name)}) for name in ("one", "two", "three")]
    async with world(trees, clock) as here:
        for commit in commits:
            await here.render(commit)
        assert await here.render(commits[0]) == (["one"], True)


async def test_a_new_file_a_deleted_file_and_a_new_marker_are_seen(trees: Trees, clock: SteppedClock) -> None:
    files = {"app/a.yaml": config_map("a")}
    odd = Odd(RenderResult((), ()))
    async with world(trees, clock, odd) as here:
        assert await here.render(trees.add(files)) == (["a"], False)
        more = files | {"app/b.yaml": config_map("b")}
        assert await here.render(trees.add(more)) == (["a", "b"], False)
        assert await here.render(trees.add({"app/b.yaml": config_map("b")})) == (["b"], False)
        assert await here.render(trees.add(files | {"app/Oddfile": ""})) == ([], False)
        assert len(odd.calls) == 1


async def test_a_hard_refresh_renders_anew_and_replaces(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/a.yaml": config_map("a")})
    async with world(trees, clock) as here:
        await here.render(commit)
        assert await here.render(commit, use_cache=False) == (["a"], False)
        assert await here.render(commit) == (["a"], True)


async def test_a_restart_keeps_the_cache_and_another_version_of_a_plugin_does_not(
    trees: Trees, clock: SteppedClock
) -> None:
    commit = trees.add({"app/a.yaml": config_map("a")})
    async with world(trees, clock) as here:
        await here.render(commit)
    async with world(trees, clock) as here:
        assert await here.render(commit) == (["a"], True)
    async with world(trees, clock, identity="2") as here:
        assert await here.render(commit) == (["a"], False)


async def test_each_application_has_its_own_renders(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/a.yaml": config_map("a")})
    async with world(trees, clock) as here:
        await here.render(commit)
        assert await here.render(commit, app(name="other")) == (["a"], False)
        assert await here.render(commit, app(options={"recurse": True}, renderer="directory")) == (["a"], False)


async def test_the_cluster_version_counts_only_where_it_was_used(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/Oddfile": "", "plain/a.yaml": config_map("a")})
    odd, newer = Odd(RenderResult((), ())), RenderTarget("v1.37.0")
    async with world(trees, clock, odd) as here:
        for target in (TARGET, newer, TARGET, newer):
            await here.render(commit, target=target)
        assert len(odd.calls) == 2
        await here.render(commit, app("plain"))
        assert await here.render(commit, app("plain"), newer) == (["a"], True)


async def test_a_renderer_that_knows_no_reads_is_cached_for_its_commit_only(trees: Trees, clock: SteppedClock) -> None:
    first, second = trees.add({"app/Oddfile": ""}), trees.add({"app/Oddfile": "", "README": ""})
    odd = Odd(RenderResult((), None))
    async with world(trees, clock, odd) as here:
        for commit in (first, first, second):
            await here.render(commit)
        assert [each.environment["ARGOCD_APP_REVISION"] for each in odd.calls] == [first, second]


async def test_options_that_name_the_revision_tie_the_render_to_its_commit(trees: Trees, clock: SteppedClock) -> None:
    first, second = trees.add({"app/x": ""}), trees.add({"app/x": "", "README": ""})
    odd = Odd(RenderResult((), ()))
    spec = app(renderer="odd", options={"tag": "$ARGOCD_APP_REVISION_SHORT"})
    async with world(trees, clock, odd) as here:
        for commit in (first, first, second):
            await here.render(commit, spec)
        assert len(odd.calls) == 2


async def test_the_build_environment_is_argo_cds(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/Oddfile": ""})
    odd = Odd(RenderResult((), ()))
    async with world(trees, clock, odd) as here:
        await here.render(commit)
    assert odd.calls[0].environment == {
        "ARGOCD_APP_NAME": "guestbook",
        "ARGOCD_APP_NAMESPACE": "ns",
        "ARGOCD_APP_PROJECT_NAME": "default",
        "ARGOCD_APP_REVISION": commit,
        "ARGOCD_APP_REVISION_SHORT": commit[:7],
        "ARGOCD_APP_REVISION_SHORT_8": commit[:8],
        "ARGOCD_APP_SOURCE_PATH": "app",
        "ARGOCD_APP_SOURCE_REPO_URL": REPO,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": "main",
        "KUBE_VERSION": "1.36.3",
        "KUBE_API_VERSIONS": "v1,apps/v1",
    }


async def test_an_error_is_remembered_until_its_input_changes(trees: Trees, clock: SteppedClock) -> None:
    odd = Odd(TracedRenderError("broken", where="app/x:3", reads=(Read("app/x", ReadKind.FILE),)))
    files = {"app/Oddfile": "", "app/x": "bad"}
    first, second, third = trees.add(files), trees.add(files | {"README": ""}), trees.add(files | {"app/x": "good"})
    async with world(trees, clock, odd) as here:
        for commit in (first, first, second):
            with pytest.raises(RenderError, match="broken") as caught:
                await here.render(commit)
            assert caught.value.where == "app/x:3"
        assert len(odd.calls) == 1
        odd.result = RenderResult((), ())
        assert await here.render(third) == ([], False)
        assert here.reports[:2] == [("", False, True), ("", True, True)]


async def test_an_error_is_tried_again_after_a_wait_that_grows(trees: Trees, clock: SteppedClock) -> None:
    commit, odd = trees.add({"app/Oddfile": ""}), Odd(RenderError("broken"))
    async with world(trees, clock, odd) as here:
        waits = []
        for _ in range(8):
            calls = len(odd.calls)
            start = clock.seconds
            while len(odd.calls) == calls:
                with pytest.raises(RenderError):
                    await here.render(commit)
                clock.seconds += 5
            waits.append(clock.seconds - start)
        assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
        calls = len(odd.calls)
        with pytest.raises(RenderError):
            await here.render(commit, use_cache=False)
        assert len(odd.calls) == calls + 1


async def test_a_missing_path_names_the_repository_the_commit_and_the_nearest_folder(
    trees: Trees, clock: SteppedClock
) -> None:
    commit = trees.add({"apps/guestbook/a.yaml": config_map("a")})
    async with world(trees, clock) as here:
        with pytest.raises(RenderError) as caught:
            await here.render(commit, app("apps/guestbok"))
    assert str(caught.value) == (
        f"path 'apps/guestbok' does not exist in {REPO} at {commit[:8]}. Try: the nearest folder is 'apps/guestbook'"
    )


async def test_a_path_that_appears_ends_the_remembered_error(trees: Trees, clock: SteppedClock) -> None:
    async with world(trees, clock) as here:
        with pytest.raises(RenderError):
            await here.render(trees.add({"README": ""}))
        assert await here.render(trees.add({"README": "", "app/a.yaml": config_map("a")})) == (["a"], False)


@pytest.mark.parametrize("path", ["/etc", "..", "a/../..", "link", "a/out", "circle"])
async def test_P1_a_path_that_leaves_the_repository_never_reaches_a_renderer(
    trees: Trees, clock: SteppedClock, path: str
) -> None:
    files = {"a/x": "", "link": "→/etc", "a/out": "→../..", "circle": "→circle", "Oddfile": ""}
    odd = Odd(RenderResult((), ()))
    async with world(trees, clock, odd) as here:
        with pytest.raises(RenderError, match=r"leaves the repository|is absolute|in a circle"):
            await here.render(trees.add(files), app(path, "odd"))
    assert odd.calls == []


async def test_a_path_through_a_link_inside_the_repository_works_and_follows_the_link(
    trees: Trees, clock: SteppedClock
) -> None:
    files = {"one/a.yaml": config_map("one"), "two/a.yaml": config_map("two"), "app": "→one"}
    async with world(trees, clock) as here:
        assert await here.render(trees.add(files)) == (["one"], False)
        assert await here.render(trees.add(files | {"README": ""})) == (["one"], True)
        assert await here.render(trees.add(files | {"app": "→two"})) == (["two"], False)


async def test_an_empty_folder_gives_no_manifests(trees: Trees, clock: SteppedClock) -> None:
    async with world(trees, clock) as here:
        assert await here.render(trees.add({"app/README.md": ""})) == ([], False)


async def test_an_unknown_renderer_names_the_known_ones(trees: Trees, clock: SteppedClock) -> None:
    async with world(trees, clock) as here:
        with pytest.raises(RenderError) as caught:
            await here.render(trees.add({"app/x": ""}), app(renderer="direktory"))
    assert caught.value.hint == "did you mean directory?"


@pytest.mark.parametrize("result", [ValueError("secret detail"), None, "text"])
async def test_a_plugins_own_fault_is_named_and_hurts_no_other_source(
    trees: Trees, clock: SteppedClock, result: object
) -> None:
    commit = trees.add({"app/x": "", "good/a.yaml": config_map("a")})
    async with world(trees, clock, Odd(result, name="liar")) as here:
        with pytest.raises(PluginError, match="'liar'") as caught:
            await here.render(commit, app(renderer="liar"))
        assert "Traceback" not in str(caught.value)
        assert await here.render(commit, app("good")) == (["a"], False)


async def test_a_manifest_that_is_not_json_is_the_plugins_fault(trees: Trees, clock: SteppedClock) -> None:
    bad: Mapping[str, object] = {"data": b"bytes"}
    odd = Odd(RenderResult((Manifest(bad, Position("a")),)))  # type: ignore[arg-type]  # what a plugin may do
    async with world(trees, clock, odd) as here:
        with pytest.raises(PluginError, match="not JSON"):
            await here.render(trees.add({"app/Oddfile": ""}))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(max_objects=2), "more manifests than the limit of 2"),
        (Limits(max_bytes=50), "more than the limit of 50"),
    ],
)
async def test_D1_more_or_larger_objects_than_the_limit_are_that_applications_error(
    trees: Trees, clock: SteppedClock, limits: Limits, message: str
) -> None:
    commit = trees.add({"app/a.yaml": "---\n".join(config_map(f"n{each}") for each in range(3)), "empty/x": ""})
    async with world(trees, clock, limits=limits) as here:
        with pytest.raises(RenderError, match=message):
            await here.render(commit)
        assert await here.render(commit, app("empty")) == ([], False)


async def test_sources_are_concatenated_in_their_order(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"a/a.yaml": config_map("a"), "b/b.yaml": config_map("b")})
    sources = (Source(REPO, "b"), Source(REPO, "a"))
    spec = AppSpec(AppName("both"), sources, Destination(name="local"))
    async with world(trees, clock) as here:
        rendered = await here.room.render(spec, [commit, commit], TARGET)
    assert [manifest.name for manifest in rendered.manifests] == ["b", "a"]
    assert rendered.revisions == (commit, commit)
    assert rendered.renderers == ("directory", "directory")


async def test_a_commit_that_is_gone_is_a_source_error_and_not_remembered(trees: Trees, clock: SteppedClock) -> None:
    async with world(trees, clock) as here:
        with pytest.raises(SourceError):
            await here.render("f" * 40)
        trees.commits["f" * 40] = {"app/a.yaml": config_map("a")}
        assert await here.render("f" * 40) == (["a"], False)


NAMES = st.sampled_from(["README", "app/a.yaml", "app/note.txt", "app/sub/b.yaml", "lib/c.yaml", "app2/d.yaml"])
CONTENTS = st.sampled_from([config_map("one"), config_map("two"), "# nothing\n"])
CHANGES = st.lists(st.dictionaries(NAMES, CONTENTS, max_size=4), min_size=1, max_size=4)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, recurse=st.booleans())
async def test_a_cached_render_is_always_what_its_commit_would_render(
    tmp_path_factory: pytest.TempPathFactory, changes: Sequence[dict[str, str]], recurse: bool
) -> None:
    trees, spec = (
        Trees(tmp_path_factory.mktemp("trees") / "trees"),
        app(renderer="directory", options={"recurse": recurse}),
    )
    base = {"app/a.yaml": config_map("a")}
    async with world(trees, SteppedClock()) as cached:
        for change in changes:
            commit = trees.add(base | change)
            names, _ = await cached.render(commit, spec)
            files = sorted(name for name in base | change if name.startswith("app/") and name.endswith(".yaml"))
            wanted = [name for name in files if recurse or name.count("/") == 1]
            bodies = [(base | change)[name] for name in wanted]
            assert names == [body.split("name: ")[1].rstrip("}\n") for body in bodies if "name: " in body]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, recurse=st.booleans())
async def test_changes_of_what_was_not_read_are_always_hits_and_others_never(
    tmp_path_factory: pytest.TempPathFactory, changes: Sequence[dict[str, str]], recurse: bool
) -> None:
    trees, spec = (
        Trees(tmp_path_factory.mktemp("trees") / "trees"),
        app(renderer="directory", options={"recurse": recurse}),
    )
    base = {"app/a.yaml": config_map("a")}
    async with world(trees, SteppedClock()) as here:
        await here.render(trees.add(base), spec)
        known = {_read_state(base, recurse)}
        for change in changes[:3]:
            files = base | change
            _, cached = await here.render(trees.add(files), spec)
            assert cached == (_read_state(files, recurse) in known)
            known = known | {_read_state(files, recurse)} if len(known) < 3 else known
            if len(known) == 3:
                break


def _read_state(files: Mapping[str, str], recurse: bool) -> str:
    """What the plain renderer reads: the folder's names, and the contents of its manifests."""
    inside = {name.removeprefix("app/"): content for name, content in files.items() if name.startswith("app/")}
    names = sorted({name if recurse else name.partition("/")[0] for name in inside})
    contents = [inside[name] for name in sorted(inside) if name.endswith(".yaml") and (recurse or "/" not in name)]
    return repr((names, contents))


@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-guestbook.yaml"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("directory: {recursive: true}", "source.directory.recursive is not an option"),
        ("plugin: {name: nobody}", "no renderer is named 'nobody'"),
    ],
)
async def test_a_wrong_key_of_an_override_names_the_file_the_repository_and_the_commit(
    trees: Trees, clock: SteppedClock, name: str, text: str, says: str
) -> None:
    commit = trees.add({"app/a.yaml": config_map("a"), f"app/{name}": text})
    async with world(trees, clock) as here:
        with pytest.raises(RenderError) as caught:
            await here.render(commit)
    assert str(caught.value).startswith(f"app/{name}: {says}")
    assert f"{REPO} at {commit[:8]}" in caught.value.why


async def test_a_commit_whose_folder_has_another_form_is_rendered_anew_and_found_again(
    trees: Trees, clock: SteppedClock
) -> None:
    commit = trees.add({"app/a.yaml": config_map("a")})
    async with world(trees, clock) as here:
        assert await here.render(commit) == (["a"], False)
        trees.forms = ".s"
        assert await here.render(commit) == (["a"], False)
        assert await here.render(commit) == (["a"], True)
        trees.forms = ""
        assert await here.render(commit) == (["a"], True)


async def test_a_failure_of_one_form_is_not_that_of_another(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/a.yaml": "kind: ["})
    async with world(trees, clock) as here:
        for form in ("", ".l", ".l"):
            trees.forms = form
            with pytest.raises(RenderError):
                await here.render(commit)
    assert len(trees.snapshots) == 2
