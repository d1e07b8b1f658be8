"""Encrypted files, from git to the cluster."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import anyio
import pytest

from tests.e2e.child import child
from tests.e2e.conditions import healthy, says, synced
from tests.e2e.manifests import secret
from tests.e2e.world import World
from tests.sealing import Key, age_keys, pgp_key, seal

CANARY = "swordfish-canary"


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return age_keys(2)


def encrypted(world: World, keys: list[Key], key: Key) -> Path:
    """The world with an application of an encrypted Secret, and `key` configured; the key's file."""
    world.commit({"app/a.yaml": seal(secret("one", CANARY), age=keys)})
    world.application("app", prune=True)
    world.config["sops"] = {"ageKeys": [{"file": "age.txt"}]}
    file = world.folder / "age.txt"
    file.write_text(key.private)
    return file


async def token(world: World) -> str:
    found = await world.cluster.get(world.full("app"), "secrets/one")
    return base64.b64decode(next(iter(found["data"].values()))).decode()


async def test_S14_a_secret_reaches_the_cluster_and_no_other_place(world: World, keys: list[Key]) -> None:
    encrypted(world, keys[:1], keys[0])
    async with child(world) as daemon:
        await daemon.until_synced("app")
        assert await token(world) == CANARY
        await daemon.until_line('"ready"')
        applications = "/api/v1/applications"
        answers = [await daemon.get(path) for path in (applications, f"{applications}/{world.full('app')}")]
        assert [answer.status_code for answer in answers] == [200, 200]
        shown = [*(answer.text for answer in answers), *daemon.raw]
    written = await anyio.to_thread.run_sync(everything, world.folder / "state")
    for text in (*shown, written):
        assert CANARY not in text
        assert base64.b64encode(CANARY.encode()).decode() not in text
        assert keys[0].private not in text


def everything(folder: Path) -> str:
    """All that stands below the folder, unpacked where it was packed, but for sockets."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            texts.append(raw.decode(errors="replace"))
            texts += [unpacked(raw[found.start() :]) for found in re.finditer(rb"\x78[\x01\x9c]", raw)]
    return "\n".join(texts)


def unpacked(raw: bytes) -> str:
    try:
        return zlib.decompressobj().decompress(raw, 1 << 20).decode(errors="replace")
    except zlib.error:
        return ""


async def test_a_wrong_key_that_is_put_right_while_the_daemon_runs_heals_the_application(
    world: World, keys: list[Key]
) -> None:
    file = encrypted(world, keys[:1], keys[1])
    world.good()
    async with world.daemon() as daemon:
        told = await daemon.until("app", says("no key opens app/a.yaml", keys[0].name))
        assert keys[1].private not in str(told)
        await daemon.until("good", synced, healthy)
        file.write_text(keys[0].private)
        assert await daemon.reload()
        await daemon.until("app", synced, healthy)
        assert await token(world) == CANARY


async def test_keys_are_rotated_without_a_sync(world: World, keys: list[Key]) -> None:
    file = encrypted(world, keys, keys[0])
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        before = (await world.cluster.get(world.full("app"), "secrets/one"))["metadata"]["resourceVersion"]
        file.write_text(keys[1].private)
        assert await daemon.reload()
        commit = world.commit({"app/a.yaml": seal(secret("one", CANARY), age=[keys[1]])})
        await daemon.live("app", commit, healthy)
        after = (await world.cluster.get(world.full("app"), "secrets/one"))["metadata"]["resourceVersion"]
        assert after == before


async def test_a_file_that_was_tampered_with_leaves_the_application_as_it_is(world: World) -> None:
    key = pgp_key()
    plain = secret("one", CANARY)
    cipher = seal(plain, pgp=[key], encrypted_regex="^(data|stringData)$")
    world.commit({"app/a.yaml": cipher})
    world.application("app", prune=True)
    world.config["sops"] = {"pgpKeys": [key.private]}
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        world.commit({"app/a.yaml": cipher.replace(b"kind: Secret", b"kind: ConfigMap")})
        await daemon.refresh("app")
        await daemon.until("app", says("app/a.yaml was changed after it was encrypted"))
        assert await token(world) == CANARY
