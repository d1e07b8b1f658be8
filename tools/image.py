"""`make image`: the container image, built without a container engine and without any base image.

`.build/image/root.tar` is its root (tools/image_root.py), `dist/image/` the image as an OCI layout, and
`dist/gitopsd-image.tar` the same as one file. Two builds of one commit on one Debian are the same byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from gitopsd import __version__
from tools import binary, gobuild
from tools.epoch import epoch
from tools.golang import ROOT, SetupError
from tools.image_root import write_root

FOLDER: Final = ROOT / ".build" / "image"
ROOT_TAR: Final = FOLDER / "root.tar"
LAYOUT: Final = ROOT / "dist" / "image"
ARCHIVE: Final = ROOT / "dist" / "gitopsd-image.tar"
CONTAINERFILE: Final = ROOT / "deploy" / "container" / "Containerfile"
_STAMP: Final = FOLDER / "fingerprint"
# Any image from anywhere: what is built here is our own.
_POLICY: Final = '{"default": [{"type": "insecureAcceptAnything"}]}'


class Sizes(NamedTuple):
    """Bytes of the image: as a registry stores it, and unpacked."""

    compressed: int
    unpacked: int


def main(arguments: Sequence[str]) -> int:
    """Make the image; `--root` asks for the tar of its root alone. Returns the exit code."""
    try:
        if code := gobuild.main(("engine", "sops")):
            return code
        if "--root" in arguments:
            print(root().relative_to(ROOT))
            return 0
        layout = image()
    except (SetupError, LookupError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    told = sizes()
    print(f"{layout.relative_to(ROOT)}: {told.compressed / 1e6:.0f} MB, unpacked {told.unpacked / 1e6:.0f} MB")
    return 0


def missing() -> str:
    """What keeps an image from being built here, in words; "" if nothing does."""
    if shutil.which("buildah") is None:
        return "buildah is missing; install your system's package of that name"
    return ""


def root() -> Path:
    """Make `ROOT_TAR` from the frozen program. Raises SetupError or LookupError."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    bundle = binary.bundle()
    fresh = ROOT_TAR.with_suffix(".part")
    write_root(bundle, fresh, epoch())
    fresh.replace(ROOT_TAR)
    return ROOT_TAR


def image() -> Path:
    """Make `LAYOUT` and `ARCHIVE`, unless they are there already for this root. Raises SetupError or LookupError."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with gobuild.alone(FOLDER):
        wanted = _fingerprint(root())
        if LAYOUT.exists() and ARCHIVE.exists() and _STAMP.exists() and _STAMP.read_text(encoding="ascii") == wanted:
            return LAYOUT
        if why := missing():
            raise SetupError(why)
        _STAMP.unlink(missing_ok=True)
        build_image(ROOT_TAR, LAYOUT)
        _pack(LAYOUT, ARCHIVE)
        _STAMP.write_text(wanted, encoding="ascii")
    return LAYOUT


def build_image(root_tar: Path, layout: Path) -> None:
    """Build the Containerfile with `root_tar` into an OCI layout, tagged with our version. Raises SetupError."""
    time = epoch()
    tag = f"gitopsd:{__version__}"
    with tempfile.TemporaryDirectory(prefix="image-", dir=FOLDER) as work:
        place = Path(work)
        (place / "context").mkdir()
        (place / "context" / "root.tar").hardlink_to(root_tar)
        policy = place / "policy.json"
        policy.write_text(_POLICY, encoding="ascii")
        store = ["--storage-driver", "vfs", "--root", f"{place}/store", "--runroot", f"{place}/run"]
        signatures = ["--signature-policy", str(policy)]
        _buildah(
            *(*store, "build-using-dockerfile", *signatures, "--isolation", "chroot", "--timestamp", str(time)),
            *("--build-arg", f"VERSION={__version__}", "--build-arg", f"REVISION={revision()}"),
            *("--file", str(CONTAINERFILE), "--tag", tag, f"{place}/context"),
        )
        fresh = place / "layout"
        _buildah(*store, "push", *signatures, tag, f"oci:{fresh}:{__version__}")
        shutil.rmtree(layout, ignore_errors=True)
        layout.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh, layout)


def revision() -> str:
    """The commit that the image is built from; "" outside of a repository."""
    return _git("rev-parse", "HEAD")


def sizes() -> Sizes:
    """How large `LAYOUT` is, and what is unpacked from it."""
    with tarfile.open(ROOT_TAR) as tar:
        unpacked = sum(entry.size for entry in tar)
    return Sizes(sum(path.stat().st_size for path in LAYOUT.rglob("*") if path.is_file()), unpacked)


def _fingerprint(root_tar: Path) -> str:
    digest = hashlib.sha256(f"{__version__} {revision()}".encode())
    for path in (root_tar, CONTAINERFILE, Path(__file__)):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _pack(layout: Path, archive: Path) -> None:
    """The layout as an OCI archive, in one order and with one time."""
    fresh = archive.with_suffix(".part")
    with tarfile.open(fresh, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(layout.rglob("*")):
            told = tar.gettarinfo(path, path.relative_to(layout).as_posix())
            told.uid = told.gid = 0
            told.uname = told.gname = ""
            told.mtime = epoch()
            told.mode = 0o755 if path.is_dir() else 0o644
            if path.is_dir():
                tar.addfile(told)
            else:
                with path.open("rb") as file:
                    tar.addfile(told, file)
    fresh.replace(archive)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def _buildah(*arguments: str) -> None:
    done = subprocess.run(
        ["buildah", *arguments],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"buildah ended with exit code {done.returncode}:\n{done.stdout[-2000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
