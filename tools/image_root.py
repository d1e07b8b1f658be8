"""What the container image holds: the frozen program, the few libraries of the system that it needs, and no shell.

The libraries, with their licences and what scanners want to know of them, are those of the Debian packages installed
here, which Python was taken from, too. Certificates are the packages' own: none that was added on this machine.
"""

from __future__ import annotations

import io
import platform
import re
import subprocess
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tools.golang import SetupError

USER: Final = 65532
PROGRAM: Final = "usr/lib/gitopsd"
CERTIFICATES: Final = "etc/ssl/certs/ca-certificates.crt"
_MOZILLA: Final = Path("/usr/share/ca-certificates/mozilla")
_LOADERS: Final = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
_NEEDED: Final = re.compile(rb"^\s+NEEDED\s+(\S+)$", re.MULTILINE)
_PASSWD: Final = (
    "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    f"gitopsd:x:{USER}:{USER}:gitopsd:/var/lib/gitopsd:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
)
_GROUP: Final = f"root:x:0:\ngitopsd:x:{USER}:\nnogroup:x:65534:\n"
_FOLDERS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("dev", "proc", "sys", "etc/gitopsd/applications.d", "etc/gitopsd/credentials"), 0o755),
    "tmp": 0o1777,
}
# The daemon's own folders; a volume over one of them begins with its owner.
OWN_FOLDERS: Final = ("var/lib/gitopsd", "var/cache/gitopsd", "run/gitopsd")
_LINKS: Final[Mapping[str, str]] = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "usr/bin/gitopsd": "../lib/gitopsd/gitopsd",
    "var/run": "../run",
    # Where OpenSSL looks by itself, and where Go does.
    "usr/lib/ssl/cert.pem": f"../../../{CERTIFICATES}",
    "usr/lib/ssl/certs": "../../../etc/ssl/certs",
    "usr/share/zoneinfo": "../lib/gitopsd/_internal/tzdata/zoneinfo",
}


class Entry(NamedTuple):
    """A file (`content`), a link (`target`) or a folder of the image; `owner` is user and group."""

    mode: int
    content: Path | bytes | None = None
    target: str = ""
    owner: int = 0


def write_root(bundle: Path, file: Path, time: int) -> None:
    """Write the image's root as a tar: the same bytes for the same `bundle`, packages and `time` (Unix seconds).

    Raises SetupError where this is no Debian, or a library is missing.
    """
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, entry in sorted(_with_parents(_entries(bundle)).items()):
            _add(tar, name, entry, time)


def _add(tar: tarfile.TarFile, name: str, entry: Entry, time: int) -> None:
    told = tarfile.TarInfo(name)
    told.mode, told.mtime, told.uid, told.gid = entry.mode, time, entry.owner, entry.owner
    if entry.target:
        told.type, told.linkname = tarfile.SYMTYPE, entry.target
        tar.addfile(told)
    elif entry.content is None:
        told.type = tarfile.DIRTYPE
        tar.addfile(told)
    else:
        content = entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes()
        told.size = len(content)
        tar.addfile(told, io.BytesIO(content))


def _with_parents(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    parents = {parent.as_posix() for name in entries for parent in Path(name).parents if parent.name}
    return {**{name: Entry(0o755) for name in parents}, **entries}


def _entries(bundle: Path) -> dict[str, Entry]:
    found = {f"{PROGRAM}/{path.relative_to(bundle).as_posix()}": _as_it_is(path) for path in bundle.rglob("*")}
    libraries = dict(_libraries(bundle))
    found.update({path.lstrip("/"): Entry(0o755, real) for path, real in libraries.items()})
    found.update({name: Entry(mode) for name, mode in _FOLDERS.items()})
    found.update({name: Entry(0o700, owner=USER) for name in OWN_FOLDERS})
    found.update({name: Entry(0o777, target=target) for name, target in _LINKS.items()})
    texts = {
        "etc/passwd": _PASSWD,
        "etc/group": _GROUP,
        "etc/nsswitch.conf": "hosts: files dns\n",
        "etc/os-release": Path("/etc/os-release").read_text(encoding="utf-8"),
        CERTIFICATES: _certificates(),
        **dict(_notices({"ca-certificates", *map(_package, libraries.values())})),
    }
    found.update({name: Entry(0o644, text.encode()) for name, text in texts.items()})
    return found


def _as_it_is(path: Path) -> Entry:
    if path.is_symlink():
        return Entry(0o777, target=str(path.readlink()))
    return Entry(0o755) if path.is_dir() else Entry(0o755 if _is_program(path) else 0o644, path)


def _libraries(bundle: Path) -> Iterator[tuple[str, Path]]:
    """Paths in the image, and the files, of the libraries that the bundle needs and does not bring, and of those."""
    loader = _LOADERS.get(platform.machine())
    if loader is None:
        raise SetupError(f"images are made for {' and '.join(_LOADERS)}, and this is {platform.machine()}")
    yield f"usr{loader}", Path(loader).resolve()
    brought = {path.name for path in bundle.rglob("*") if ".so" in path.name} | {Path(loader).name}
    folder = f"usr/lib/{sysconfig.get_config_var('MULTIARCH')}"
    # The executable itself looks in the system alone: it is what tells the others where to look.
    brought -= (first := _needed([bundle / "gitopsd"])) - {Path(loader).name}
    unread = (first | _needed(path for path in bundle.rglob("*") if _is_program(path))) - brought
    while unread:
        brought |= unread
        paths = {name: Path("/", folder, name) for name in sorted(unread)}
        for name, path in paths.items():
            if not path.is_file():
                raise SetupError(f"{path} is missing, which {bundle} needs: images are made on Debian")
            yield f"{folder}/{name}", path.resolve()
        unread = _needed(paths.values()) - brought


def _is_program(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _needed(paths: Iterable[Path]) -> set[str]:
    done = subprocess.run(["objdump", "-p", *paths], check=True, capture_output=True)
    return {name.decode() for name in _NEEDED.findall(done.stdout)}


def _certificates() -> str:
    files = sorted(_MOZILLA.glob("*.crt"))
    if not files:
        raise SetupError("there are no certificates in the image without the package ca-certificates; install it")
    return "".join(f"{file.read_text(encoding='ascii').strip()}\n" for file in files)


def _package(library: Path) -> str:
    """The package that a library is from, by one of its two paths in a Debian whose /lib is in /usr."""
    other = str(library).removeprefix("/usr")
    done = subprocess.run(["dpkg", "-S", library, other], check=False, capture_output=True, text=True)
    if not done.stdout:
        raise SetupError(f"{library} is of no package: images are made on Debian")
    return done.stdout.partition(":")[0]


def _notices(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What scanners read to know which packages are in an image without dpkg, and the packages' licences."""
    for name in packages:
        told = subprocess.run(["dpkg-query", "-s", name], check=True, capture_output=True, text=True)
        yield f"var/lib/dpkg/status.d/{name}", told.stdout
        licence = Path("/usr/share/doc", name, "copyright")
        if licence.is_file():
            yield licence.as_posix().lstrip("/"), licence.read_text(encoding="utf-8")
