"""The system's shared libraries that went into the frozen program, by the packages that they are from."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashType
from cyclonedx.model.component import Component, ComponentType
from packageurl import PackageURL

_LICENSES: Final = LicenseFactory()
# A library whose file name does not tell its version holds it as text.
_TOLD: Final = {
    "libcrypto": rb"OpenSSL (\d+\.\d+\.\d+)",
    "libgit2": rb"libgit2 (\d+\.\d+\.\d+)",
    "libpcre": rb"(8\.\d\d) \d{4}-\d\d-\d\d",
    "libssh2": rb"libssh2_(\d+\.\d+\.\d+)",
}
_IN_WHEELS: Final = {
    "libcrypto": "Apache-2.0",
    "libgit2": "GPLv2 with linking exception",
    "libpcre": "BSD-3-Clause",
    "libssh2": "BSD-3-Clause",
    "libssl": "Apache-2.0",
}
# Debian's copyright file speaks of the whole source package; these libraries have a licence of their own in it.
_LIBRARIES_OWN: Final = {
    "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libuuid1": "BSD-3-Clause",
}
# As Debian writes it → SPDX.
_SPDX: Final = {"Expat": "MIT", "PD": "public domain", "public-domain": "public domain"}


def sha256(path: Path) -> HashType:
    """The digest of a file."""
    return _digest(hashlib.sha256(path.read_bytes()).hexdigest())


def _digest(value: str) -> HashType:
    return HashTypeFactory().from_composite_str(f"sha256:{value}")


def libraries(sources: Path) -> Sequence[Component]:
    """A component for each library that neither a wheel nor Python brought; `sources` as tools/frozen.py writes it.

    Libraries inside of wheels (`*.libs/`) are listed as well: their makers' versions stand in their names.
    """
    found: list[Component] = []
    for name, (source, digest) in sorted(json.loads(sources.read_text(encoding="utf-8")).items()):
        path = Path(source)
        if ".libs" in Path(name).parent.name:
            found.append(_from_wheel(path, digest))
        elif not any(path.is_relative_to(home) for home in (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"))):
            found.append(_from_system(path, digest))
    return list({str(one.bom_ref.value): one for one in found}.values())


def _from_wheel(path: Path, digest: str) -> Component:
    """`libgit2-b9a7920b.so.1.9.7`: the name, and what auditwheel put behind it."""
    name = re.sub(r"(-[0-9a-f]{8})?\.so.*", "", path.name)
    return Component(
        name=name,
        version=_version(name, path),
        type=ComponentType.LIBRARY,
        group=path.parent.name.removesuffix(".libs"),
        hashes=[_digest(digest)],
        bom_ref=f"{path.parent.name}/{path.name}",
        licenses=[_LICENSES.make_from_string(_IN_WHEELS[name])] if name in _IN_WHEELS else [],
    )


def _version(name: str, path: Path) -> str | None:
    # libssl and libcrypto are one release, and only one of them says which.
    teller = next(path.parent.glob("libcrypto*"), path) if name == "libssl" else path
    said = re.search(_TOLD.get("libcrypto" if name == "libssl" else name, rb"(?!)"), teller.read_bytes())
    return said[1].decode() if said else None


def _from_system(path: Path, digest: str) -> Component:
    package = next(_owners(path), None)
    hashes = [_digest(digest)]
    if package is None:
        return Component(name=path.name, type=ComponentType.LIBRARY, hashes=hashes, bom_ref=path.name)
    name, version, source = package
    system = platform.freedesktop_os_release()
    qualifiers = {"arch": _architecture(), "distro": f"{system['ID']}-{system.get('VERSION_ID', '')}", "source": source}
    purl = PackageURL("deb", system["ID"], name, version, qualifiers={**qualifiers})
    licence = _licence(name)
    return Component(
        name=path.name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=purl,
        hashes=hashes,
        bom_ref=f"{name}/{path.name}",
        licenses=[_LICENSES.make_from_string(licence)] if licence else [],
    )


def _owners(path: Path) -> Iterator[tuple[str, str, str]]:
    """Package, version and source package of a file, where dpkg is; its database may know it below /usr or not."""
    if shutil.which("dpkg-query") is None:
        return
    real = path.resolve()
    for each in dict.fromkeys(
        (real, path, Path("/", *real.parts[2:]) if real.parts[1] == "usr" else Path("/usr", *real.parts[1:]))
    ):
        asked = subprocess.run(["dpkg-query", "--search", str(each)], check=False, capture_output=True, text=True)
        if asked.returncode == 0:
            package = asked.stdout.partition(":")[0]
            shown = ["dpkg-query", "--show", "--showformat", "${Version}\\n${source:Package}\\n", package]
            version, source = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.split()[:2]
            yield package, version, source


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _licence(package: str) -> str:
    """The licence of most of its files, if Debian's copyright file says so for machines."""
    if own := _LIBRARIES_OWN.get(package):
        return own
    page = Path("/usr/share/doc", package, "copyright")
    text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""
    said = re.search(r"^Files: *\*.*?^License: *([^\n]+)", text, re.DOTALL | re.MULTILINE)
    words = said[1].strip() if said else ""
    return _SPDX.get(words, words)
