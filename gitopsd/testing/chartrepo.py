"""A Helm repository on loopback: its index and charts, made in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from gitopsd.testing.fileserver import WebAnswer, WebSeen, WebServer, tagged

_TEMPLATE = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  version: {{ .Chart.Version }}\n"
)


def chart_files(name: str, version: str, files: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """The files of a chart: Chart.yaml, and a template with one ConfigMap unless `files` says otherwise."""
    own: Mapping[str, str] = {"templates/configmap.yaml": _TEMPLATE} if files is None else files
    return {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", **own}


def chart_archive(name: str, version: str, files: Mapping[str, str] | None = None) -> bytes:
    """The chart as `helm package` would pack it."""
    return archive({f"{name}/{path}": text.encode() for path, text in chart_files(name, version, files).items()})


def archive(files: Mapping[str, bytes], entries: Iterable[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """A gzipped tar archive of files, and of `entries` as odd as they are; the same for the same input."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as out:
        for path, content in files.items():
            plain = tarfile.TarInfo(path)
            plain.size = len(content)
            out.addfile(plain, io.BytesIO(content))
        for entry, content in entries:
            if entry.isreg():
                entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


class ChartRepository(WebServer):
    """Serves `index.yaml` and archives below `/charts`."""

    def __init__(self, certificate: Path | None = None, *, client_ca: str = "", host: str = "127.0.0.1") -> None:
        super().__init__(certificate, client_ca=client_ca, host=host)
        self.entries: dict[str, list[dict[str, object]]] = {}
        self.archives: dict[str, bytes] = {}
        self.index_text: bytes | None = None

    @property
    def url(self) -> str:
        """The repository's URL."""
        return f"{self.base()}/charts"

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        digest: str | None = None,
        url: str = "",
    ) -> str:
        """Publish a version, instead of one with the same number, and give its archive's digest (hex).

        `digest` is what the index says, "" for nothing; `url` is where it says that the archive is.
        """
        packed = chart_archive(name, version, files) if content is None else content
        real = hashlib.sha256(packed).hexdigest()
        path = f"{name}-{version}.tgz"
        self.archives[path] = packed
        entry: dict[str, object] = {"apiVersion": "v2", "name": name, "version": version, "urls": [url or path]}
        if digest != "":
            entry["digest"] = digest or real
        listed = [each for each in self.entries.get(name, []) if each["version"] != version]
        self.entries[name] = [entry, *listed]
        return real

    def remove(self, name: str, version: str) -> None:
        """Take a version out of the index, and its archive away."""
        self.entries[name] = [each for each in self.entries[name] if each["version"] != version]
        self.archives.pop(f"{name}-{version}.tgz", None)

    def index(self) -> bytes:
        """The text of index.yaml."""
        if self.index_text is not None:
            return self.index_text
        return yaml.safe_dump({"apiVersion": "v1", "entries": self.entries}).encode()

    def asked(self, part: str) -> int:
        """How many requests had `part` in their path."""
        return sum(part in request.path for request in self.seen)

    def respond(self, request: WebSeen) -> WebAnswer:
        """The index or an archive."""
        name = request.path.removeprefix("/charts/")
        if name == "index.yaml":
            return tagged(self.index(), request)
        packed = self.archives.get(name)
        return WebAnswer(404) if packed is None else WebAnswer(200, packed, {"Content-Type": "application/gzip"})
