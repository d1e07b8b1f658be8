"""`dist/gitopsd.cdx.json`: everything that the frozen program is made of, as a CycloneDX bill of materials.

The same program gives the same bill: its time is the commit's, its serial number is told by its content.
"""

from __future__ import annotations

import platform
import sys
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from importlib.metadata import version as installed
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tools import binary, sbom_native
from tools.epoch import epoch
from tools.frozen import base
from tools.golang import ROOT, program
from tools.sbom_go import Module, modules_of

FILE: Final = binary.DIST / "gitopsd.cdx.json"
_LICENSES: Final = LicenseFactory()
# What distributions say in words of their own, or only in a classifier.
_SPDX: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def main() -> int:
    """Make the frozen program if need be and write its bill; returns the exit code."""
    if code := binary.main([]):
        return code
    FILE.write_text(bill(binary.BUNDLE, binary.ONE_FILE, epoch()), encoding="utf-8")
    FILE.chmod(0o644)
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size / 1e3:.0f} kB")
    return 0


def bill(bundle: Path, one_file: Path, made_at: int) -> str:
    """The bill as JSON (CycloneDX 1.6) of the frozen program in both its forms; `made_at` in seconds since 1970."""
    found = list(distributions(path=[str(bundle / "_internal")]))
    (own,) = (one for one in found if one.name == "gitopsd")
    root = Component(
        name="gitopsd",
        version=own.version,
        type=ComponentType.APPLICATION,
        purl=PackageURL("generic", None, "gitopsd", own.version),
        licenses=[_LICENSES.make_from_string("Apache-2.0")],
        hashes=[sbom_native.sha256(one_file)],
        bom_ref="gitopsd",
    )
    made = Bom()
    made.metadata.component = root
    made.metadata.timestamp = datetime.fromtimestamp(made_at, UTC)
    direct = [_python(), _bootloader()]
    direct += sbom_native.libraries(base() / "sources.json")
    packages = {canonicalize_name(one.name): (_package(one), one) for one in found if one is not own}
    for component, one in packages.values():
        needed = [packages[name][0] for name in _needs(one) if name in packages]
        made.components.add(component)
        made.register_dependency(component, needed)
    programs = dict(_programs(bundle))
    for linked, modules in programs.items():
        made.components.add(linked)
        made.components.update(modules)
        made.register_dependency(linked, modules)
    made.components.update(direct)
    made.register_dependency(root, [*direct, *programs, *(component for component, _ in packages.values())])
    told = f"{made_at} {next(iter(root.hashes)).content} {' '.join(str(one.bom_ref.value) for one in made.components)}"
    made.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, told)
    return make_outputter(made, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1) + "\n"


def _package(one: Distribution) -> Component:
    name = canonicalize_name(one.name)
    purl = PackageURL("pypi", None, name, one.version)
    licence = _licence(one)
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        description=one.metadata["Summary"],
        licenses=[_LICENSES.make_from_string(licence)] if licence else [],
    )


def _licence(one: Distribution) -> str:
    """As SPDX where that is told; "" where nothing is."""
    said: Sequence[str] = one.metadata.get_all("Classifier") or []
    classified = [line.rpartition(" :: ")[2] for line in said if line.startswith("License :: ")]
    words = one.metadata["License-Expression"] or one.metadata["License"] or ""
    if not words or "\n" in words or len(words) > 80:
        words = next((name for name in classified if name != "OSI Approved"), "")
    return _SPDX.get(words, words)


def _needs(one: Distribution) -> Iterator[NormalizedName]:
    for line in one.requires or ():
        required = Requirement(line)
        if required.marker is None or required.marker.evaluate({"extra": ""}):
            yield canonicalize_name(required.name)


def _python() -> Component:
    version = platform.python_version()
    purl = PackageURL("generic", None, "python", version)
    return Component(
        name="CPython",
        version=version,
        type=ComponentType.PLATFORM,
        purl=purl,
        bom_ref=str(purl),
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        licenses=[_LICENSES.make_from_string("PSF-2.0")],
    )


def _bootloader() -> Component:
    version = installed("pyinstaller")
    purl = PackageURL("pypi", None, "pyinstaller", version)
    return Component(
        name="PyInstaller's bootloader",
        version=version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=[_LICENSES.make_from_string("GPL-2.0-or-later WITH Bootloader-exception")],
    )


def _programs(bundle: Path) -> Iterator[tuple[Component, Sequence[Component]]]:
    launcher = program("launcher").destination
    for path in (*sorted((bundle / "_internal" / "gitopsd" / "bin").iterdir()), launcher):
        linked = modules_of(path)
        purl = PackageURL("generic", "gitopsd", path.name, installed("gitopsd"))
        component = Component(
            name=path.name,
            version=installed("gitopsd"),
            type=ComponentType.APPLICATION,
            purl=purl,
            bom_ref=str(purl),
            licenses=[_LICENSES.make_from_string("Apache-2.0")],
            hashes=[sbom_native.sha256(path)],
        )
        yield component, [_module(each) for each in linked]


def _module(each: Module) -> Component:
    namespace, _, name = each.path.lower().rpartition("/")
    purl = PackageURL("golang", namespace or None, name, each.version)
    return Component(
        name=each.path,
        version=each.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        properties=[Property(name="go:sum", value=each.sum)] if each.sum else [],
    )


if __name__ == "__main__":
    sys.exit(main())
