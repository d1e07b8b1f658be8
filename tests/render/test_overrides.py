"""Parameters in git beside the manifests (`.argocd-source.yaml`)."""

from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.render.overrides import Chosen, merge_patch, overridden


def written(folder: Path, **files: str) -> list[Read]:
    for name, text in files.items():
        (folder / f".argocd-source{name}.yaml").write_text(text)
    return []


def test_both_files_are_merged_the_applications_own_last(tmp_path: Path) -> None:
    shared = "helm: {releaseName: shared, valueFiles: [a.yaml], skipCrds: true}"
    reads = written(tmp_path, **{"": shared, "-shop": "helm: {releaseName: own, skipCrds: null}"})
    asked = Chosen("helm", {"namespace": "kept", "valueFiles": ["b.yaml", "c.yaml"]})
    found = overridden(str(tmp_path), ".", "shop", asked, reads)
    assert found == Chosen("helm", {"namespace": "kept", "releaseName": "own", "valueFiles": ["a.yaml"]})
    assert {(read.path, read.kind) for read in reads} == {
        (".argocd-source.yaml", ReadKind.FILE),
        (".argocd-source-shop.yaml", ReadKind.FILE),
    }


def test_what_is_not_there_counts_as_looked_for(tmp_path: Path) -> None:
    reads: list[Read] = []
    assert overridden(str(tmp_path), ".", "shop", Chosen("", {}), reads) == Chosen("", {})
    assert {read.kind for read in reads} == {ReadKind.MISSING}


def test_an_override_can_choose_the_renderer_and_nothing_else_of_the_source(tmp_path: Path) -> None:
    reads = written(tmp_path, **{"": "kustomize: {namePrefix: a-}\nrepoURL: https://evil.example.org\npath: ../x\n"})
    assert overridden(str(tmp_path), ".", "shop", Chosen("", {}), reads) == Chosen("kustomize", {"namePrefix": "a-"})


def test_a_plugins_parameters_can_be_overridden(tmp_path: Path) -> None:
    reads = written(tmp_path, **{"": "plugin: {env: [{name: A, value: '1'}]}"})
    found = overridden(str(tmp_path), ".", "shop", Chosen("cdk8s", {"name": "cdk8s"}), reads)
    assert found == Chosen("cdk8s", {"name": "cdk8s", "env": [{"name": "A", "value": "1"}]})


@pytest.mark.parametrize("text", ["[]", "helm: {", "kustomize: {namePrefix: a-}"])
def test_one_that_makes_no_sense_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    reads = written(tmp_path, **{"": text})
    with pytest.raises(RenderError) as caught:
        overridden(str(tmp_path), ".", "shop", Chosen("helm", {}), reads)
    assert ".argocd-source.yaml" in str(caught.value)


def test_P1_a_link_out_of_the_repository_is_no_override(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("helm: {releaseName: stolen}")
    inside = tmp_path / "repository"
    inside.mkdir()
    (inside / ".argocd-source.yaml").symlink_to(outside)
    with pytest.raises(RenderError, match="leaves the repository"):
        overridden(str(inside), ".", "shop", Chosen("", {}), [])


# The examples of RFC 7396, appendix A, as far as targets can be what they are here.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: JsonObject, patch: JsonObject, result: JsonObject) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize("text", ["helm: 5", "helm: [a]"])
def test_a_block_that_is_no_mapping_is_refused_and_never_taken_for_none(tmp_path: Path, text: str) -> None:
    reads = written(tmp_path, **{"": text})
    with pytest.raises(RenderError, match="expected a mapping under helm"):
        overridden(str(tmp_path), ".", "shop", Chosen("helm", {"releaseName": "a"}), reads)


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("source.helm.valueFile is not an option of this renderer", ".argocd-source.yaml"),
        ("source.helm.parameters[0].nme is not an option of this renderer", ".argocd-source-shop.yaml"),
        ("source.helm.labels[a.example.org/b]: expected a string, got a number", ".argocd-source-shop.yaml"),
        ("source.helm.skipCrds: expected true or false, got a string", ""),
        ("source.helm.valueFiles: expected a list, got a string", ""),
        ("source.helm: something else", ""),
        ("the chart is broken", ""),
    ],
)
def test_an_error_about_a_key_names_the_file_that_set_it(tmp_path: Path, what: str, where: str) -> None:
    own = "helm: {parameters: [{nme: a}], labels: {a.example.org/b: 1}}"
    reads = written(tmp_path, **{"": "helm: {valueFile: [x], parameters: []}", "-shop": own})
    found = overridden(str(tmp_path), ".", "shop", Chosen("helm", {"skipCrds": "yes", "valueFiles": "x"}), reads)
    error = found.placed(RenderError(what), "https://git.example.org/a.git at 12345678")
    assert (error.what, error.where) == (what, where)
    assert error.why == ("the file of https://git.example.org/a.git at 12345678 sets it" if where else "")
