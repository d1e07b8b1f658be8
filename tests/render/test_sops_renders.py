"""Encrypted files in every renderer, on the real engine and the real SOPS process."""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import RenderError
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.manifest import Rendered
from gitopsd.core.secret import Secret
from gitopsd.plugin.manager import PluginManager
from gitopsd.ports.renderer import RenderTarget
from gitopsd.ports.sops import SopsAccess, SopsKey
from gitopsd.render.cache import RenderCache
from gitopsd.render.limits import Limits
from gitopsd.render.pool import EnginePool
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.sops import Sops, locate_sops
from gitopsd.render.supplies import Supplies
from gitopsd.render.vault import Vault
from tests.render.conftest import SteppedClock
from tests.render.trees import REPO, Trees
from tests.sealing import Key, age_keys, seal

CANARY = "swordfish-canary"
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata:\n    name: one\nstringData:\n    token: {CANARY}\n"
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/templates/a.yaml": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: one}\nstringData:\n"
        '  token: {{ .Values.token }}\n  file: {{ .Files.Get "files/more.txt" | quote }}\n'
    ),
}


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return age_keys(2)


@pytest.fixture(scope="session")
def program() -> str:
    found = locate_sops(os.environ)
    if found is None:
        assert not os.environ.get("CI"), "gitopsd-sops is missing: run `make setup`"
        pytest.skip("gitopsd-sops is not built: run `make setup`")
    return found


class Room:
    """A render room, and its SOPS process."""

    def __init__(self, trees: Trees, renders: RenderRoom, sops: Sops) -> None:
        self.trees, self.renders, self.sops = trees, renders, sops

    async def render(self, files: Mapping[str, str], path: str, **options: Any) -> Rendered:
        renderer = "helm" if options else ""
        source = Source(REPO, path, "main", renderer, options)
        spec = AppSpec(AppName("app"), (source,), Destination(name="local", namespace="ns"))
        return await self.renders.render(spec, [self.trees.add(files)], RenderTarget("v1.36.3"))

    async def data(self, files: Mapping[str, str], path: str, **options: Any) -> dict[str, str]:
        """What the one Secret that comes out holds."""
        (manifest,) = (await self.render(files, path, **options)).manifests
        assert "sops" not in manifest.body
        encoded = string_map(manifest.body, "data")
        decoded = {name: base64.b64decode(each).decode() for name, each in encoded.items()}
        return {**string_map(manifest.body, "stringData"), **decoded}


@asynccontextmanager
async def room(trees: Trees, engine: str, program: str, *keys: Key) -> AsyncIterator[Room]:
    manager = PluginManager()
    assert manager.load_installed() == ()
    cache = RenderCache(Vault(str(trees.folder.parent / "cache"), str(trees.folder.parent / "key")))
    await cache.open()
    clock = SteppedClock()
    async with Sops([program], access(*keys)) as sops, EnginePool([engine]) as pool:
        supplies = Supplies(trees, clock, decrypt=sops.decrypt, keys=lambda: sops.generation)
        renderers = manager.renderers(pool)
        limits = Limits(deadline=60)
        yield Room(
            trees, RenderRoom(renderers, trees, cache, clock, identity="test", limits=limits, supplies=supplies), sops
        )


def access(*keys: Key) -> SopsAccess:
    return SopsAccess(age=tuple(SopsKey(Secret(key.private)) for key in keys))


def sealed(content: str, key: Key, syntax: str = "yaml", encrypted_regex: str = "") -> str:
    cipher = seal(content, syntax=syntax, age=[key], encrypted_regex=encrypted_regex).decode()
    assert CANARY not in cipher
    return cipher


@pytest.mark.parametrize("regex", ["", "^(data|stringData)$"])
async def test_plain_manifests_are_decrypted_wholly_or_in_part(
    trees: Trees, engine: str, program: str, keys: list[Key], regex: str
) -> None:
    async with room(trees, engine, program, keys[0]) as here:
        files = {"app/a.yaml": sealed(SECRET, keys[0], encrypted_regex=regex)}
        assert await here.data(files, "app") == {"token": CANARY}


async def test_a_file_of_several_documents_is_decrypted(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    async with room(trees, engine, program, keys[0]) as here:
        two = SECRET + "---\n" + SECRET.replace("one", "two")
        json_object = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}, "data": {"n": "1"}}'
        files = {"app/a.yaml": sealed(two, keys[0]), "app/b.json": sealed(json_object, keys[0], "json")}
        rendered = await here.render(files, "app")
        assert [manifest.name for manifest in rendered.manifests] == ["one", "two", "three"]


async def test_helm_values_templates_and_files_are_decrypted(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    async with room(trees, engine, program, keys[0]) as here:
        values = sealed(f"token: {CANARY}\n", keys[0])
        more = sealed("more", keys[0], "binary")
        files = CHART | {"chart/files/more.txt": more, "values/prod.yaml": values}
        assert await here.data(files, "chart", valueFiles=["../values/prod.yaml"]) == {"token": CANARY, "file": "more"}
        files = CHART | {"chart/values.yaml": values}
        assert (await here.data(files, "chart", parameters=[]))["token"] == CANARY
        files = {"chart/Chart.yaml": CHART["chart/Chart.yaml"], "chart/templates/a.yaml": sealed(SECRET, keys[0])}
        assert (await here.data(files, "chart", parameters=[]))["token"] == CANARY


async def test_a_file_of_a_chart_that_nobody_needs_may_stay_encrypted(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    files = CHART | {
        "chart/values.yaml": "token: plain\n",
        "chart/secrets.dev.yaml": sealed(f"token: {CANARY}\n", keys[1]),
        "chart/files/more.txt": sealed("more", keys[1], "binary"),
    }
    async with room(trees, engine, program, keys[0]) as here:
        found = await here.data(files, "chart", parameters=[])
        assert found["token"] == "plain"
        assert '"sops"' in found["file"]
        assert (await here.render(files, "chart", parameters=[])).cached
        with pytest.raises(RenderError, match=r"no key opens chart/secrets\.dev\.yaml"):
            await here.render(files, "chart", valueFiles=["secrets.dev.yaml"])
        here.sops.reconfigure(access(*keys))
        assert (await here.data(files, "chart", parameters=[]))["file"] == "more"


async def test_encrypted_files_of_other_sources_and_of_fetched_charts_are_decrypted(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    dependency = "dependencies: [{name: sub, version: 1.0.0, repository: https://charts.example.org}]\n"
    chart = CHART | {"chart/Chart.yaml": CHART["chart/Chart.yaml"] + dependency}
    template = "apiVersion: v1\nkind: Secret\nmetadata: {name: two}\nstringData: {token: {{ .Values.token }} }\n"
    trees.commits["1.0.0"] = {
        "Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        "values.yaml": sealed(f"token: {CANARY}-sub\n", keys[0]),
        "templates/a.yaml": template,
    }
    values = {"prod.yaml": sealed(f"token: {CANARY}\n", keys[0])}
    sources = (
        Source(REPO, "chart", "main", "helm", {"valueFiles": ["$values/prod.yaml"]}),
        Source("https://git.example.org/team/values.git", "", "main", ref="values", renders=False),
    )
    spec = AppSpec(AppName("app"), sources, Destination(name="local", namespace="ns"))
    async with room(trees, engine, program, keys[0]) as here:
        commits = [trees.add(chart), trees.add(values)]
        for cached in (False, True):
            rendered = await here.renders.render(spec, commits, RenderTarget("v1.36.3"))
            found = {manifest.name: string_map(manifest.body, "stringData")["token"] for manifest in rendered.manifests}
            assert found == {"one": CANARY, "two": f"{CANARY}-sub"}
            assert rendered.cached == cached


async def test_what_a_kustomization_names_is_decrypted(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    resources = {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": sealed(SECRET, keys[0])}
    generated = {
        "app/kustomization.yaml": (
            "generatorOptions: {disableNameSuffixHash: true}\n"
            "secretGenerator: [{name: one, files: [id_ed25519, app.ini, app.json], envs: [.env]}]\n"
        ),
        "app/id_ed25519": sealed(f"key {CANARY}\n", keys[0], "binary"),
        "app/app.ini": sealed(f"[a]\nb = {CANARY}\n", keys[0], "ini"),
        "app/app.json": sealed(f'{{"c": "{CANARY}"}}', keys[0], "json"),
        "app/.env": sealed(f"TOKEN={CANARY}\n", keys[0], "dotenv"),
    }
    patched = {
        "app/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
        "app/p.yaml": sealed(SECRET, keys[0]),
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: one}\n",
    }
    async with room(trees, engine, program, keys[0]) as here:
        assert await here.data(resources, "app") == {"token": CANARY}
        assert await here.data(patched, "app") == {"token": CANARY}
        assert await here.data(generated, "app") == {
            "id_ed25519": f"key {CANARY}\n",
            "app.ini": f"[a]\nb = {CANARY}\n",
            "app.json": f'{{\n\t"c": "{CANARY}"\n}}\n',
            "TOKEN": CANARY,
        }


async def test_what_jsonnet_imports_is_decrypted(trees: Trees, engine: str, program: str, keys: list[Key]) -> None:
    files = {
        "app/a.jsonnet": (
            "local secret = import 'lib/secret.json';\n"
            "{apiVersion: 'v1', kind: 'Secret', metadata: {name: 'one'}, stringData: {token: secret.token}}\n"
        ),
        "app/lib/secret.json": sealed(f'{{"token": "{CANARY}"}}', keys[0], "json"),
    }
    async with room(trees, engine, program, keys[0]) as here:
        assert await here.data(files, "app") == {"token": CANARY}


async def test_a_file_that_merely_speaks_of_sops_is_left_alone(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    text = f"{SECRET}    sops: |\n        sops_mac=ENC[x]\n        sops_version=3\n    mac: ENC[x]\n"
    async with room(trees, engine, program, keys[0]) as here:
        found = await here.data({"app/a.yaml": text}, "app")
        assert found == {"token": CANARY, "sops": "sops_mac=ENC[x]\nsops_version=3\n", "mac": "ENC[x]"}
        assert here.sops.pid is None


async def test_a_wrong_key_that_is_put_right_needs_no_restart(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    files = {"app/a.yaml": sealed(SECRET, keys[1])}
    async with room(trees, engine, program, keys[0]) as here:
        for _ in range(2):
            with pytest.raises(RenderError) as caught:
                await here.render(files, "app")
            assert "app/a.yaml" in caught.value.where
            assert f"no key opens app/a.yaml, which is encrypted for age {keys[1].name}" in caught.value.what
            assert keys[0].name in caught.value.hint
        here.sops.reconfigure(access(keys[1]))
        assert await here.data(files, "app") == {"token": CANARY}


async def test_keys_are_rotated_file_by_file(trees: Trees, engine: str, program: str, keys: list[Key]) -> None:
    old, new = keys
    async with room(trees, engine, program, old) as here:
        assert await here.data({"app/a.yaml": sealed(SECRET, old)}, "app") == {"token": CANARY}
        here.sops.reconfigure(access(old, new))
        assert await here.data({"app/a.yaml": sealed(SECRET, new)}, "app") == {"token": CANARY}
        here.sops.reconfigure(access(new))
        assert await here.data({"app/a.yaml": sealed(SECRET + "# again\n", new)}, "app") == {"token": CANARY}


async def test_an_encrypted_source_is_rendered_once_and_then_comes_from_memory(
    trees: Trees, engine: str, program: str, keys: list[Key]
) -> None:
    files = {"app/a.yaml": sealed(SECRET, keys[0])}
    async with room(trees, engine, program, keys[0]) as here:
        assert not (await here.render(files, "app")).cached
        assert (await here.render(files, "app")).cached
        assert (await here.render(files | {"README": "other"}, "app")).cached
        assert not (await here.render({"app/a.yaml": sealed(SECRET, keys[0])}, "app")).cached


async def test_S14_no_plain_text_reaches_the_disk(trees: Trees, engine: str, program: str, keys: list[Key]) -> None:
    files = {"app/a.yaml": sealed(SECRET, keys[0]), "app/b.yaml": SECRET.replace(CANARY, "ordinary")}
    async with room(trees, engine, program, keys[0]) as here:
        await here.render(files, "app")
        await here.render({"plain/a.yaml": SECRET.replace(CANARY, "ordinary")}, "plain")
    found = await anyio.to_thread.run_sync(everything, trees.folder.parent)
    assert "ordinary" in found, "the look at the cache finds nothing at all"
    assert CANARY not in found
    assert "AGE-SECRET-KEY" not in found


def everything(folder: Path) -> str:
    """All that stands below the folder, unpacked."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            texts.append(raw.decode(errors="replace"))
            start = raw.find(b"\x78\x01")
            if start >= 0:
                texts.append(zlib.decompressobj().decompress(raw[start:]).decode(errors="replace"))
    return "\n".join(texts)


LEAKY = {
    "fail": {"chart/templates/a.yaml": '{{ fail (printf "no %s" .Values.token) }}'},
    "type": {"chart/templates/a.yaml": "{{ .Values.token.below.it }}"},
    "yaml": {"chart/templates/a.yaml": "kind: {{ .Values.token }}\n  : broken"},
    "kustomize": {
        "app/kustomization.yaml": "resources: [a.yaml]\n",
        "app/a.yaml": f"kind: {CANARY}\ntoken: {CANARY}\n",
    },
    "jsonnet": {"app/a.jsonnet": "error (import 's.json').token", "app/s.json": f'{{"token": "{CANARY}"}}'},
    "plain": {"app/a.yaml": f"kind: {CANARY}\nmetadata: {{name: a}}\n"},
}


@pytest.mark.parametrize("case", LEAKY)
async def test_S8_errors_of_a_render_hold_nothing_that_was_encrypted(
    trees: Trees, engine: str, program: str, keys: list[Key], case: str
) -> None:
    files = {
        name: sealed(text, keys[0], "json" if name.endswith(".json") else "yaml") if CANARY in text else text
        for name, text in LEAKY[case].items()
    }
    chart = any(name.startswith("chart") for name in files)
    if chart:
        files = {**CHART, **files, "chart/secret.yaml": sealed(f"token: {CANARY}\n", keys[0])}
    options = {"valueFiles": ["secret.yaml"]} if chart else {}
    async with room(trees, engine, program, keys[0]) as here:
        with pytest.raises(RenderError) as caught:
            await here.render(files, "chart" if chart else "app", **options)
        error = caught.value
        assert CANARY not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
