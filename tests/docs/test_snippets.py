"""YAML that a page shows can be used as it stands: configurations and Argo CD's manifests; others at least parse."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from gitopsd.config import load
from gitopsd.config.errors import ConfigErrors
from gitopsd.config.files import Files
from gitopsd.config.models.application import Entry
from gitopsd.config.models.cluster import Cluster
from gitopsd.config.models.main import Main
from gitopsd.config.models.strict import REFUSED, known_keys
from gitopsd.config.references import References
from tests.docs.pages import Block, pages

ARGOCD: Final = {"Application", "AppProject"}
MAIN: Final = """
clusters: [{name: in-cluster, inCluster: true}, {name: production, server: "https://10.0.0.1:6443", token: x}]
repositories: [{url: "https://git.example.org/team/app.git", username: ci, password: x}]
projects: [{name: web, sourceRepos: ["*"], destinations: [{server: "*", namespace: "*"}]}]
"""


class AnyFiles(Files):
    """Every file is there; nobody's machine has those that pages name."""

    def read(self, path: str, limit: int) -> bytes:
        return b"content"


class AnyEnvironment(dict[str, str]):
    """Every variable is set."""

    def __missing__(self, name: str) -> str:
        return f"{name.lower()}.example.org"

    def __contains__(self, name: object) -> bool:
        return True


def blocks() -> Iterator[Block]:
    for page in pages():
        for block in page.blocks:
            if block.info.split(" ")[0] in {"yaml", "yml"} or (not block.info and _is_ours(block)):
                yield block


def _is_ours(block: Block) -> bool:
    """Whether an indented block is a main file, or part of one."""
    try:
        return any(
            isinstance(each, dict) and each and each.keys() <= set(known_keys(Main)) for each in documents(block)
        )
    except yaml.YAMLError:
        return False


def documents(block: Block) -> list[object]:
    return [each for each in yaml.safe_load_all(block.content) if each is not None]


def model_of(document: object) -> type[BaseModel] | None:
    """What a document is, if it is ours: a main file, or part of one."""
    if isinstance(document, Mapping) and "apiVersion" not in document and document.keys() & set(known_keys(Main)):
        return Main
    if isinstance(document, list) and all(isinstance(each, Mapping) and "name" in each for each in document):
        return Cluster if all({"server", "kubeconfig", "inCluster"} & each.keys() for each in document) else Entry
    return None


def faults(document: object, folder: Path) -> list[str]:
    """What gitopsd would say of it."""
    if isinstance(document, Mapping) and document.get("kind") in ARGOCD and "apiVersion" in document:
        return _faults_of_manifest(document, folder)
    model = model_of(document)
    if model is None:
        return []
    context = References(
        AnyEnvironment(HOME="/home/user", CREDENTIALS_DIRECTORY="/run/credentials"), "/etc/gitopsd", AnyFiles()
    )
    found: list[str] = []
    for each in document if isinstance(document, list) else [document]:
        try:
            model.model_validate(each, context=context)
        except ValidationError as error:
            found += [
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                for fault in error.errors()
                # A page shows a part; and what its files would hold is not there to be judged.
                if fault["type"] != "missing" and not (fault["type"] == REFUSED and _elsewhere(each, fault["loc"]))
            ]
    return found


def _elsewhere(value: object, path: Sequence[str | int]) -> bool:
    """Whether what stands at a path is said to be in a file."""
    for step in path:
        if (isinstance(value, Mapping) and step in value) or (isinstance(value, list) and isinstance(step, int)):
            below: Any = value
            value = below[step]
    return isinstance(value, Mapping) and bool({"file", "credential"} & value.keys())


def _faults_of_manifest(document: Mapping[object, object], folder: Path) -> list[str]:
    (folder / "manifest.yaml").write_text(yaml.safe_dump(dict(document)), encoding="utf-8")
    main = folder / "gitopsd.yaml"
    main.write_text(f"{MAIN}\ninclude: [manifest.yaml]\n", encoding="utf-8")
    try:
        load(str(main), environ=os.environ)
    except ConfigErrors as error:
        return [str(error)]
    return []


@pytest.mark.parametrize("block", list(blocks()), ids=lambda block: block.place)
def test_yaml_of_a_page_is_what_gitopsd_reads(block: Block, tmp_path: Path) -> None:
    found = [fault for document in documents(block) for fault in faults(document, tmp_path)]
    assert found == [], block.place


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("server: {lissten: 127.0.0.1:1}", "server.lissten"),
        ("applications: [{name: a, sorce: {}}]", "applications.0.sorce"),
        ("- {name: a, destination: {nam: x}}", "destination.nam"),
        ("- {name: a, server: https://x, tokenfile: x}", "tokenfile"),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {sorce: {}}", "sorce"),
    ],
)
def test_a_mistake_would_be_found(text: str, fault: str, tmp_path: Path) -> None:
    found = [each for document in yaml.safe_load_all(text) for each in faults(document, tmp_path)]
    assert any(fault in each for each in found), found
