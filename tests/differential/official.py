"""What the official programs make of a case, each run as a person would run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, mapping, objects, sequence, text
from gitopsd.core.jsonvalue import value as value_at
from tests.differential.case import Case, Tool
from tests.differential.decoder import Decoder
from tools.golang import ORIGINALS, ORIGINALS_PLACE

NAME: Final = "app"
NAMESPACE: Final = "ns"
KUBE_VERSION: Final = "v1.36.3"
API_VERSIONS: Final = ("v1", "apps/v1")
_SECONDS: Final = 60


class RefusedError(Exception):
    """The official program ended with an error; its words."""


@dataclass(frozen=True, slots=True)
class Official:
    """The programs, in an environment of their own below `home`; kubectl asks the cluster of `kubeconfig`.

    What helm and kustomize print as YAML is read by kubectl's library.
    """

    home: Path
    decoder: Decoder
    kubeconfig: Path

    def objects(self, case: Case, root: Path) -> list[JsonObject]:
        """The objects that the program prints for the case, whose files are below `root` and may be changed.

        Raises `RefusedError`.
        """
        match case.tool:
            case Tool.HELM:
                return self._printed(self.run("helm", *_helm(case, root), at=root), root)
            case Tool.KUSTOMIZE:
                for edit in case.edits:
                    self.run("kustomize", "edit", *edit, at=root / case.path)
                told = [part.replace("{helm}", str(ORIGINALS_PLACE / "helm")) for part in case.told]
                return self._printed(self.run("kustomize", "build", case.path, *told, at=root), root)
            case Tool.PLAIN:
                return self.kubectl([root / case.path / name for name in case.told or _manifests(root / case.path)])
            case Tool.JSONNET:
                return list(self._jsonnet(case, root))

    def kubectl(self, files: Sequence[Path]) -> list[JsonObject]:
        """What `kubectl create --dry-run=client` prints of the files. Raises `RefusedError`, told what it printed."""
        told = [part for file in files for part in ("--filename", str(file))]
        flags = ["--dry-run=client", "--output=json", "--validate=false", f"--kubeconfig={self.kubeconfig}"]
        return json_stream(self.run("kubectl", "create", *flags, *told, at=self.home))

    def run(self, program: str, *arguments: str, at: Path) -> str:
        """The program's output. Raises `RefusedError`."""
        done = subprocess.run(
            [ORIGINALS_PLACE / program, *arguments],
            cwd=at,
            env={"HOME": str(self.home), "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RefusedError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode()

    def _printed(self, printed: str, root: Path) -> list[JsonObject]:
        file = root / "printed.yaml"
        file.write_text(printed)
        found = self.decoder.read(file)
        if found.error:
            raise RefusedError(f"kubectl's decoder cannot read what was printed: {found.error}")
        return found.objects

    def _jsonnet(self, case: Case, root: Path) -> Iterator[JsonObject]:
        told = [part.replace("{root}", str(root)) for part in case.told]
        files = [part for part in told if part.endswith(".jsonnet")]
        flags = told[: len(told) - len(files)]
        for file in files:
            found: JsonValue = json.loads(self.run("jsonnet", *flags, file, at=root))
            for item in found if isinstance(found, list) else [found]:
                yield from self._printed(json.dumps(item), root)


def missing() -> Sequence[str]:
    """The programs that nobody built."""
    return [name for name in ORIGINALS if not (ORIGINALS_PLACE / name).exists()]


def json_stream(printed: str) -> list[JsonObject]:
    """JSON objects one after the other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(printed):
        if printed[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(printed, at)
        found.append(value)
    return found


def _manifests(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.suffix in (".yaml", ".yml", ".json"))


def _helm(case: Case, root: Path) -> list[str]:
    """`helm template` with the flags that `source.helm` stands for."""
    options = case.options
    told = ["template", text(options, "releaseName") or NAME, str(root / case.path)]
    told += ["--namespace", text(options, "namespace") or NAMESPACE]
    told += ["--kube-version", text(options, "kubeVersion") or KUBE_VERSION]
    for version in sequence(options, "apiVersions") or API_VERSIONS:
        told += ["--api-versions", str(version)]
    for file in sequence(options, "valueFiles"):
        told += ["--values", str(_beside(str(file), case, root))]
    told += _inline(case, root)
    for each in objects(options, "parameters"):
        flag = "--set-string" if boolean(each, "forceString") else "--set"
        told += [flag, f"{text(each, 'name')}={_escaped(text(each, 'value'))}"]
    for each in objects(options, "fileParameters"):
        told += ["--set-file", f"{text(each, 'name')}={_beside(text(each, 'path'), case, root)}"]
    flags = {"skipTests": "--skip-tests", "skipSchemaValidation": "--skip-schema-validation"}
    told += [flag for name, flag in flags.items() if boolean(options, name)]
    return told if boolean(options, "skipCrds") else [*told, "--include-crds"]


def _inline(case: Case, root: Path) -> list[str]:
    inline = root / "inline-values.yaml"
    if value_at(case.options, "valuesObject") is not None:
        inline.write_text(json.dumps(mapping(case.options, "valuesObject")))
    elif text(case.options, "values"):
        inline.write_text(text(case.options, "values"))
    else:
        return []
    return ["--values", str(inline)]


def _beside(name: str, case: Case, root: Path) -> Path:
    return root / name.lstrip("/") if name.startswith("/") else root / case.path / name


def _escaped(value: str) -> str:
    """Argo CD escapes commas outside of braces and square brackets before it hands a value to `--set`."""
    return value if value.startswith(("{", "[")) else value.replace(",", r"\,")


def lay_out(case: Case, root: Path) -> None:
    """Write the case's files below `root`, which becomes a work tree."""
    if root.exists():
        shutil.rmtree(root)
    (root / ".git").mkdir(parents=True)
    (root / case.path).mkdir(parents=True, exist_ok=True)
    for name, content in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content.startswith("→"):
            path.symlink_to(content[1:])
        else:
            path.write_bytes(content.encode())
