"""An OCI registry on loopback, as far as pulling goes; what is pushed is put into its memory.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gitopsd.testing.chartrepo import archive, chart_archive
from gitopsd.testing.fileserver import WebAnswer, WebSeen, WebServer, basic

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
CHART: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_CHART_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_PATH: Final = re.compile(r"/v2/(?P<name>.+)/(?P<what>manifests|blobs|tags)/(?P<reference>[^/]+)")


def digest_of(content: bytes) -> str:
    """`sha256:…`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class RegistryFaults:
    """What a registry says that is not so. `realm` names the token server (its own by default), `without_digest` leaves
    the header with the digest out, `content_type` is said of every manifest, `blobs` replaces blobs by their digest,
    `endless_tags` gives every page of tags a next one, `redirect_blobs` sends for blobs to another server.
    """

    realm: str = ""
    without_digest: bool = False
    content_type: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    endless_tags: bool = False
    redirect_blobs: str = ""


class Registry(WebServer):
    """Serves manifests, blobs and tags. With `faults.password` behind tokens, or behind that itself (`plain_auth`)."""

    def __init__(self, certificate: Path | None = None, *, host: str = "127.0.0.1", page: int = 1000) -> None:
        super().__init__(certificate, host=host)
        self.lies = RegistryFaults()
        self.plain_auth = False
        self.tokens_given = 0
        self._page = page
        self._tags: dict[str, dict[str, str]] = {}
        self._contents: dict[str, bytes] = {}

    def url(self, name: str) -> str:
        """The repository's URL."""
        return f"oci://{self.base().split('://')[1]}/{name}"

    def push_chart(self, repository: str, version: str, files: Mapping[str, str] | None = None) -> str:
        """Publish a chart as `helm push` does, `repository` ends with the chart's name; its manifest's digest."""
        packed = chart_archive(repository.rpartition("/")[2], version, files)
        return self.push(repository, version.replace("+", "_"), [(CHART, packed)], config=_CHART_CONFIG)

    def push_files(self, repository: str, tag: str, files: Mapping[str, str]) -> str:
        """Publish an artifact with one layer; its manifest's digest."""
        return self.push(repository, tag, [(LAYER, archive({path: text.encode() for path, text in files.items()}))])

    def push(
        self, repository: str, tag: str, layers: list[tuple[str, bytes]], *, config: str = _CONFIG, **more: object
    ) -> str:
        """Publish an artifact with layers of (media type, content); `more` are further fields of the manifest."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._described(config, b"{}"),
            "layers": [self._described(kind, content) for kind, content in layers],
            **more,
        }
        return self.push_manifest(repository, tag, json.dumps(manifest).encode())

    def push_manifest(self, repository: str, tag: str, text: bytes) -> str:
        """Publish a manifest as it is; its digest."""
        digest = digest_of(text)
        self._contents[digest] = text
        self._tags.setdefault(repository, {})[tag] = digest
        return digest

    def untag(self, repository: str, tag: str) -> None:
        """Take a tag away, and its manifest."""
        self._contents.pop(self._tags[repository].pop(tag), None)

    def contents(self) -> Mapping[str, bytes]:
        """All manifests and blobs by their digests, for another server to have them."""
        return dict(self._contents)

    def challenge(self) -> str:
        """Basic, or a token for pulling."""
        if self.plain_auth:
            return 'Basic realm="registry"'
        realm = self.lies.realm or f"{self.base()}/token"
        return f'Bearer realm="{realm}",service="registry",scope="repository:any:pull"'

    def admits(self, request: WebSeen) -> bool:
        """Tokens are made from the password, so that a changed password takes them back."""
        if not self.faults.password or request.path == "/token":
            return True
        if self.plain_auth:
            return request.authorization == basic(self.faults.username, self.faults.password)
        return request.authorization == f"Bearer {self._token()}"

    def respond(self, request: WebSeen) -> WebAnswer:
        """Tokens, tags, manifests and blobs."""
        if request.path == "/token":
            return self._give_token(request)
        found = _PATH.fullmatch(request.path)
        if found is None:
            return WebAnswer(404)
        if found["what"] == "tags":
            return self._list(found["name"], request)
        if found["what"] == "manifests":
            return self._manifest(found["name"], found["reference"])
        if self.lies.redirect_blobs:
            return WebAnswer(307, b"", {"Location": f"{self.lies.redirect_blobs}/{found['reference']}"})
        content = self.lies.blobs.get(found["reference"], self._contents.get(found["reference"]))
        return WebAnswer(404) if content is None else WebAnswer(200, content)

    def _manifest(self, name: str, reference: str) -> WebAnswer:
        digest = self._tags.get(name, {}).get(reference, reference)
        text = self._contents.get(digest)
        if name not in self._tags or text is None:
            return WebAnswer(404)
        headers = {"Content-Type": self.lies.content_type or MANIFEST}
        if not self.lies.without_digest:
            headers["Docker-Content-Digest"] = digest
        return WebAnswer(200, self.lies.blobs.get(digest, text), headers)

    def _list(self, name: str, request: WebSeen) -> WebAnswer:
        tags = sorted(self._tags.get(name, {}))
        rest = [tag for tag in tags if tag > request.query.get("last", "")]
        page = rest[: self._page]
        headers = {"Content-Type": "application/json"}
        if self.lies.endless_tags:
            headers["Link"] = f'</v2/{name}/tags/list?n=1>; rel="next"'
        elif len(rest) > len(page):
            headers["Link"] = f'</v2/{name}/tags/list?last={page[-1]}&n={self._page}>; rel="next"'
        return WebAnswer(200, json.dumps({"name": name, "tags": page}).encode(), headers)

    def _give_token(self, request: WebSeen) -> WebAnswer:
        if self.faults.password and request.authorization != basic(self.faults.username, self.faults.password):
            return WebAnswer(401, b"no")
        self.tokens_given += 1
        return WebAnswer(200, json.dumps({"token": self._token()}).encode(), {"Content-Type": "application/json"})

    def _token(self) -> str:
        return digest_of(f"{self.faults.username}:{self.faults.password}".encode())[-20:]

    def _described(self, kind: str, content: bytes) -> dict[str, object]:
        self._contents[digest_of(content)] = content
        return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}
