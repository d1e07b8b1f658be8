"""The bill of materials names what is inside, and nothing that is not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urljoin

import pytest
from jsonschema import Draft7Validator
from packageurl import PackageURL
from referencing import Registry
from referencing.jsonschema import DRAFT7, Schema

from tests.packaging import built
from tools import sbom

pytestmark = pytest.mark.timeout(built.SECONDS)
MADE_AT = 1_700_000_000
SCHEMAS = ("bom-1.6", "spdx", "jsf-0.82")


@dataclass(frozen=True, slots=True)
class Part:
    """A component of the bill."""

    name: str
    ref: str
    version: str
    purl: str
    licensed: bool


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill, as far as it is looked at here."""

    written: str
    parts: Sequence[Part]
    needs: Mapping[str, frozenset[str]]

    def named(self, name: str) -> Part:
        (found,) = (part for part in self.parts if part.name == name)
        return found


@pytest.fixture(scope="module")
def bill() -> Bill:
    written = sbom.bill(built.folder().parent, built.one_file(), MADE_AT)
    told = json.loads(written)
    parts = [
        Part(one["name"], one["bom-ref"], one.get("version", ""), one.get("purl", ""), bool(one.get("licenses")))
        for one in told["components"]
    ]
    needs = {one["ref"]: frozenset(one.get("dependsOn", ())) for one in told["dependencies"]}
    return Bill(written, parts, needs)


def test_it_is_of_the_standard_and_of_this_file(bill: Bill) -> None:
    told = json.loads(bill.written)
    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["serialNumber"])
    assert told["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    digest = built.one_file().with_name("gitopsd.sha256").read_text().split()[0]
    assert told["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_it_is_valid_by_the_standards_own_schema(bill: Bill) -> None:
    folder = Path(str(files("cyclonedx.schema"))) / "_res"
    schemas = [json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text()) for name in SCHEMAS]
    registry = Registry[Schema]().with_resources(
        (urljoin(schema["$id"], f"{name}.SNAPSHOT.schema.json"), DRAFT7.create_resource(schema))
        for name, schema in zip(SCHEMAS, schemas, strict=True)
    )
    validator = Draft7Validator(schemas[0], registry=registry)
    told = json.loads(bill.written)
    assert [error.message for error in validator.iter_errors(told)] == []
    told["components"][0]["type"] = "spaceship"
    assert not validator.is_valid(told)


def test_references_are_unique_and_lead_somewhere(bill: Bill) -> None:
    refs = [part.ref for part in bill.parts]
    assert len(set(refs)) == len(refs)
    assert {"gitopsd", *refs} >= {*bill.needs, *(each for needed in bill.needs.values() for each in needed)}
    reached, waiting = set[str](), ["gitopsd"]
    while waiting:
        one = waiting.pop()
        if one not in reached:
            reached.add(one)
            waiting += bill.needs[one]
    # Libraries inside of wheels and of the system are reached as well: nothing stands beside the graph.
    assert set(refs) <= reached


def test_every_package_in_the_folder_is_listed(bill: Bill) -> None:
    infos = {path.name.removesuffix(".dist-info") for path in built.folder().parent.glob("_internal/*.dist-info")}
    listed = {part.purl for part in bill.parts}
    for info in (each for each in infos if not each.startswith("gitopsd-")):
        name, _, version = info.rpartition("-")
        assert f"pkg:pypi/{name.lower().replace('_', '-').replace('.', '-')}@{version}" in listed


def test_every_library_in_the_folder_is_listed(bill: Bill) -> None:
    inside = built.folder().parent / "_internal"
    ours = {path.name for path in (*inside.glob("lib*.so*"), *inside.glob("*.libs/lib*.so*")) if not path.is_symlink()}
    listed = {part.name for part in bill.parts} | {Path(part.ref).name for part in bill.parts}
    assert {name for name in ours if not name.startswith("libpython")} <= listed


def test_go_modules_and_their_hashes_are_listed(bill: Bill) -> None:
    helm = bill.named("helm.sh/helm/v4")
    assert helm.purl == f"pkg:golang/helm.sh/helm/v4@{helm.version}"
    assert "go:sum" in bill.written
    assert {part.name for part in bill.parts} >= {
        "github.com/getsops/sops/v3",
        "github.com/klauspost/compress",
        "stdlib",
    }
    engine = bill.named("gitopsd-engine")
    assert helm.ref in bill.needs[engine.ref]


def test_what_scanners_look_for_has_a_version_and_a_licence(bill: Bill) -> None:
    for name in ("CPython", "libgit2", "libssl", "cryptography", "pygit2", "libssh2", "libpcre"):
        part = bill.named(name)
        assert re.match(r"\d+\.\d+", part.version), name
        assert part.licensed, name
    assert all(part.licensed for part in bill.parts if part.purl.startswith("pkg:pypi/"))
    for part in bill.parts:
        if part.purl:
            assert PackageURL.from_string(part.purl).version == part.version


def test_the_same_program_has_the_same_bill(bill: Bill) -> None:
    assert sbom.bill(built.folder().parent, built.one_file(), MADE_AT) == bill.written
