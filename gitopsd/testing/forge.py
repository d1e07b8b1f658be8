"""A forge on the loopback that hands out installation tokens of a GitHub App, as GitHub's API does.

https://docs.github.com/en/rest/apps/apps
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gitopsd.core.jsonvalue import JsonValue, integer, text

BASE_PATH: Final = "/api/v3"
_FOUND: Final = re.compile(re.escape(BASE_PATH) + r"/repos/([^/]+)/([^/]+)/installation")
_TOKENS: Final = re.compile(re.escape(BASE_PATH) + r"/app/installations/(\d+)/access_tokens")
_LONGEST_CLAIM_SECONDS: Final = 600


@dataclass
class Forge:
    """One app `app_id`, installed for some owners (`installations`: owner → id).

    `lifetime` (s) is how long tokens say that they live, `good` are those that `accepts` takes, `asked` the requests
    (`METHOD path`) that came; `status` is answered instead of doing what was asked. The fields may be changed.
    """

    app_id: str = "4711"
    installations: Mapping[str, int] = field(default_factory=lambda: {"team": 42})
    lifetime: float = 3600.0
    status: int = 0
    good: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    made: int = 0

    def __enter__(self) -> Self:
        self._key = rsa.generate_private_key(65537, 2048)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"forge": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def base_url(self) -> str:
        """The API's URL, as of an enterprise server."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{BASE_PATH}"

    @property
    def private_key(self) -> str:
        """The app's key, as GitHub hands it out."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()

    def accepts(self, authorization: str) -> bool:
        """Whether a git server lets this Authorization header in."""
        pairs = {base64.b64encode(f"x-access-token:{token}".encode()).decode() for token in self.good}
        return authorization.removeprefix("Basic ") in pairs

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, JsonValue]:
        """Status and body for a request."""
        self.asked.append(f"{method} {path}")
        if self.status:
            return self.status, {"message": "the forge is in a bad mood"}
        if not self._is_app(authorization.removeprefix("Bearer ")):
            return 401, {"message": "A JSON web token could not be decoded"}
        if method == "GET" and (wanted := _FOUND.fullmatch(path)):
            known = self.installations.get(wanted[1])
            return (200, {"id": known}) if known else (404, {"message": "Not Found"})
        if method == "POST" and (wanted := _TOKENS.fullmatch(path)):
            return self._token() if int(wanted[1]) in self.installations.values() else (404, {"message": "Not Found"})
        return 404, {"message": "Not Found"}

    def _token(self) -> tuple[int, JsonValue]:
        self.made += 1
        token = f"ghs_token-number-{self.made}"
        self.good.add(token)
        until = datetime.fromtimestamp(time.time() + self.lifetime, tz=UTC)
        return 201, {"token": token, "expires_at": until.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _is_app(self, claim: str) -> bool:
        try:
            head, body, signature = claim.split(".")
            self._key.public_key().verify(
                _decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            said: JsonValue = json.loads(_decoded(body))
        except (ValueError, InvalidSignature):
            return False
        begins, ends, now = integer(said, "iat"), integer(said, "exp"), time.time()
        timely = begins <= now < ends and ends - now <= _LONGEST_CLAIM_SECONDS
        return timely and text(said, "iss") == self.app_id


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    forge: Forge

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Print nothing."""

    def _answer(self) -> None:
        status, said = self.forge.answer(self.command, self.path, self.headers.get("Authorization", ""))
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
