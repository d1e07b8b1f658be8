from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from gitopsd.core.errors import StoreError
from gitopsd.core.ids import Position
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.render.cache import MAX_BYTES, MEMORY_BYTES, RenderCache
from gitopsd.render.entry import Entry, pack_manifests
from gitopsd.render.evidence import Evidence, Moment
from gitopsd.render.vault import Vault

READS = (Read("a.yaml", ReadKind.FILE),)
MANIFEST = Manifest({"kind": "ConfigMap", "data": {"n": 9007199254740993}}, Position("a.yaml", 3, 7))


def entry(key: str = "k", *, commit: str = "c1", fingerprint: str = "f1", target: str = "", size: int = 0) -> Entry:
    manifest = Manifest({**MANIFEST.body, "noise": os.urandom(size).hex()}, MANIFEST.origin) if size else MANIFEST
    packed, _ = pack_manifests([manifest])
    return Entry(key, "directory", ("careful",), Evidence([commit], target, READS, (fingerprint,)), packed)


def moment(commit: str, fingerprint: str = "", target: str = "") -> Moment:
    async def look(reads: Sequence[Read]) -> Sequence[str]:
        assert fingerprint, "nobody should look"
        return [fingerprint for _ in reads]

    async def nobody_can_tell(before: str) -> frozenset[str] | None:
        return None

    return Moment(commit, target, look, nobody_can_tell)


async def opened(folder: Path, *, max_bytes: int = MAX_BYTES, memory_bytes: int = MEMORY_BYTES) -> RenderCache:
    vault = Vault(str(folder / "cache"), str(folder / "key"))
    cache = RenderCache(vault, max_bytes=max_bytes, memory_bytes=memory_bytes)
    await cache.open()
    return cache


def files(folder: Path) -> list[Path]:
    return sorted((folder / "cache").iterdir())


async def test_the_same_commit_is_found_without_asking_for_fingerprints(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    await cache.store(entry())
    found = await cache.find("k", moment("c1"))
    assert found is not None
    assert found.manifests() == (MANIFEST,)
    assert found.warnings == ("careful",)


async def test_another_commit_is_found_by_fingerprints_and_then_known(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    await cache.store(entry())
    assert await cache.find("k", moment("c2", "f1")) is not None
    assert await cache.find("k", moment("c2")) is not None
    assert await cache.find("k", moment("c3", "f2")) is None


async def test_another_cluster_version_is_a_miss_only_where_it_played_a_part(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    await cache.store(entry("any"))
    await cache.store(entry("some", target="v1.36"))
    assert await cache.find("any", moment("c1", target="v1.37")) is not None
    assert await cache.find("some", moment("c1", target="v1.36")) is not None
    assert await cache.find("some", moment("c1", target="v1.37")) is None


async def test_a_restart_finds_what_was_stored(tmp_path: Path) -> None:
    await (await opened(tmp_path)).store(entry())
    found = await (await opened(tmp_path)).find("k", moment("c1"))
    assert found is not None
    assert found.manifests() == (MANIFEST,)


async def test_the_last_three_contents_of_a_key_are_kept(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    for number in range(5):
        await cache.store(entry(commit=f"c{number}", fingerprint=f"f{number}"))
    assert len(files(tmp_path)) == 3
    assert await cache.find("k", moment("c9", "f2")) is not None
    assert await cache.find("k", moment("c8", "f1")) is None


async def test_the_cache_stays_below_its_size_and_drops_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = await opened(tmp_path, max_bytes=20_000)
    await cache.store(entry("old", size=4000))
    await cache.store(entry("used", size=4000))
    assert await cache.find("old", moment("c1")) is not None
    for number in range(3):
        await cache.store(entry(f"new{number}", size=4000))
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 20_000
    assert await cache.find("used", moment("c1")) is None


async def test_memory_is_bounded_and_the_rest_is_read_from_disk(tmp_path: Path) -> None:
    cache = await opened(tmp_path, memory_bytes=1)
    for number in range(10):
        await cache.store(entry(f"k{number}", size=1000))
    for number in range(10):
        assert await cache.find(f"k{number}", moment("c1")) is not None


@pytest.mark.parametrize("offset", [0, 40, -1])
async def test_C1_an_altered_entry_is_not_used(tmp_path: Path, offset: int) -> None:
    await (await opened(tmp_path)).store(entry())
    (file,) = files(tmp_path)
    raw = bytearray(file.read_bytes())
    raw[offset] ^= 1
    file.write_bytes(raw)
    cache = await opened(tmp_path)
    assert await cache.find("k", moment("c1")) is None
    assert files(tmp_path) == []


async def test_C1_an_entry_under_another_name_is_not_used(tmp_path: Path) -> None:
    await (await opened(tmp_path)).store(entry())
    (file,) = files(tmp_path)
    file.rename(file.with_name(file.name.replace("k-", "victim-")))
    assert await (await opened(tmp_path)).find("victim", moment("c1")) is None


async def test_C1_entries_are_not_used_with_another_key(tmp_path: Path) -> None:
    await (await opened(tmp_path)).store(entry())
    (tmp_path / "key").write_bytes(b"x" * 32)
    assert await (await opened(tmp_path)).find("k", moment("c1")) is None


async def test_C2_folder_key_and_entries_are_private(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o777)
    await (await opened(tmp_path)).store(entry())
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache", tmp_path / "key", *files(tmp_path))]
    assert modes == [0o700, 0o600, 0o600]


async def test_C2_a_link_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").symlink_to("elsewhere")
    with pytest.raises(StoreError, match="folder of another user"):
        await opened(tmp_path)


async def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    await (await opened(tmp_path)).store(entry())
    (tmp_path / "cache" / ".new-1234").write_text("half")
    await opened(tmp_path)
    assert len(files(tmp_path)) == 1


async def test_a_folder_that_vanished_costs_the_cache_and_nothing_else(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    (tmp_path / "cache").rmdir()
    await cache.store(entry())
    assert await cache.find("k", moment("c1")) is None


async def test_a_cache_in_a_place_that_is_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError) as caught:
        await opened(tmp_path)
    assert caught.value.hint


def test_a_manifest_that_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        pack_manifests([Manifest({"data": b"x"}, Position("a"))])


async def test_a_commit_that_changed_other_paths_is_found_without_fingerprints(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    await cache.store(entry())
    asked: list[str] = []

    async def nobody_looks(reads: Sequence[Read]) -> Sequence[str]:
        raise AssertionError("the paths tell enough")

    async def elsewhere(before: str) -> frozenset[str] | None:
        asked.append(before)
        return frozenset({"elsewhere", "."})

    assert await cache.find("k", Moment("c2", "", nobody_looks, elsewhere)) is not None
    assert asked == ["c1"]


async def test_a_commit_that_changed_a_path_that_was_read_is_judged_by_fingerprints(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    await cache.store(entry())

    async def here(before: str) -> frozenset[str] | None:
        return frozenset({READS[0].path})

    async def another(reads: Sequence[Read]) -> Sequence[str]:
        return ["f2" for _ in reads]

    assert await cache.find("k", Moment("c2", "", another, here)) is None


async def test_a_read_through_a_link_is_judged_by_fingerprints(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    await cache.store(entry(fingerprint="0123|100644:1"))

    async def elsewhere(before: str) -> frozenset[str] | None:
        return frozenset({"where/the/link/leads"})

    async def another(reads: Sequence[Read]) -> Sequence[str]:
        return ["0123|100644:2" for _ in reads]

    assert await cache.find("k", Moment("c2", "", another, elsewhere)) is None
