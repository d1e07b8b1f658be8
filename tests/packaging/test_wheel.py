"""The wheel and the source distribution, installed and built where nothing else of the repository is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.packaging import built
from tools import wheel
from tools.frozen_contents import shipped_distributions
from tools.venv import locked

ROOT = Path(__file__).resolve().parent.parent.parent
UV = Path(sys.executable).with_name("uv")
pytestmark = pytest.mark.timeout(built.SECONDS)


@pytest.fixture(scope="module", autouse=True)
def commit() -> Iterator[None]:
    """One time for all builds, also where commits come meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        yield


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, as `make wheel` makes them."""
    folder = tmp_path_factory.mktemp("dist")
    wheel.build(ROOT, folder)
    return folder


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_the_wheel_is_for_this_platform_and_its_programs_are_static(dist: Path) -> None:
    name = only(dist, "*.whl").name
    assert f"-py3-none-manylinux_2_17_{os.uname().machine}.manylinux2014_{os.uname().machine}.whl" in name
    with zipfile.ZipFile(only(dist, "*.whl")) as archive:
        for program in ("gitopsd/bin/gitopsd-engine", "gitopsd/bin/gitopsd-sops"):
            assert archive.getinfo(program).external_attr >> 16 & 0o111
            assert not asks_for_an_interpreter(archive.read(program))
        assert any(member.endswith("licenses/LICENSE") for member in archive.namelist())


def asks_for_an_interpreter(elf: bytes) -> bool:
    """Whether a 64-bit little-endian ELF program is linked dynamically: it has a PT_INTERP (3) header."""
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    return any(struct.unpack_from("<I", elf, offset + index * size) == (3,) for index in range(count))


def test_the_source_distribution_holds_what_a_wheel_is_built_from_and_no_more(dist: Path) -> None:
    with tarfile.open(only(dist, "*.tar.gz")) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    assert {"pyproject.toml", "README.md", "LICENSE", "engine/go.sum", "sops/main.go", "tools/gobuild.py"} <= names
    assert [name for name in names if name.startswith(("tests/", "gitopsd/bin/", "localcluster/", "docs/"))] == []
    assert [name for name in names if name.endswith("_test.go")] == []


def test_wheels_built_from_it_in_two_folders_are_the_same_byte_for_byte(dist: Path, tmp_path: Path) -> None:
    wheels: list[Path] = []
    for name in ("one", "another"):
        with tarfile.open(only(dist, "*.tar.gz")) as archive:
            archive.extractall(tmp_path / name, filter="data")
        wheels += wheel.build(only(tmp_path / name, "gitopsd-*"), tmp_path / name / "dist", ["wheel"])
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    assert wheels[0].name == only(dist, "*.whl").name


@pytest.fixture
def installed(dist: Path, tmp_path: Path) -> Path:
    """The command of an environment in which nothing is but the wheel and what it needs."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    # What the lock says of it, which `make setup` has fetched: nothing is fetched here, nor resolved.
    lock = tmp_path / "needed.lock"
    lock.write_text("".join(locked(canonicalize_name(one.name)) for one in shipped_distributions(extras=())))
    python = ["--quiet", "--python", str(environment / "bin" / "python")]
    for told in (["--require-hashes", "-r", lock], [only(dist, "*.whl")]):
        subprocess.run([UV, "pip", "install", "--offline", "--no-deps", *python, *told], cwd=ROOT, check=True)
    subprocess.run([UV, "pip", "check", *python], cwd=ROOT, check=True)
    return environment / "bin" / "gitopsd"


async def test_installed_in_an_empty_environment_it_reconciles_the_samples(installed: Path, tmp_path: Path) -> None:
    said = built.run([installed, "version", "--all"], tmp_path / "home")
    assert said.returncode == 0, said.stderr
    assert "kustomize" in said.stdout
    await built.reconciles_the_samples(installed, tmp_path / "demo")
