"""Values that stand elsewhere: `${NAME}` in the environment, `{file: PATH}` on disk, systemd's `{credential: NAME}`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gitopsd.config.files import Files

MAX_SECRET_BYTES = 64 * 1024

_REFERENCE = re.compile(r"\$(?:(\$)|\{([^}]*)(\})?)")
_CREDENTIAL = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_AS_THE_UNIT = "outside of the service run the command as the unit does, by systemd-run (docs/systemd.md)"


class BadReferenceError(ValueError):
    """A reference leads nowhere. Its text never holds a value, only names and paths."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True, slots=True)
class References:
    """Follows references of one configuration file; `folder` is what its relative paths start from."""

    environ: Mapping[str, str]
    folder: str
    files: Files

    def expand(self, text: str) -> str:
        """`text` with each `${NAME}` replaced by that environment variable and each `$$` by `$`. Raises
        `BadReferenceError`."""
        return _REFERENCE.sub(self._replacement, text)

    def path(self, text: str) -> str:
        """As `plain_path`, with variables expanded before."""
        return self.plain_path(self.expand(text))

    def plain_path(self, text: str) -> str:
        """The absolute path that `text` means: `~/` is the home folder, others are relative to the file's folder."""
        if not text or not text.isprintable():
            raise BadReferenceError("expected a path")
        expanded = text
        if text == "~" or text.startswith("~/"):
            home = self.environ.get("HOME")
            if not home:
                raise BadReferenceError(
                    "the environment variable HOME is not set, so ~ means nothing", "an absolute path"
                )
            expanded = home + text[1:]
        return os.path.abspath(os.path.join(self.folder, expanded))

    def value(self, reference: str, *, secret: bool = False) -> str:
        """What the file holds, without its last newline; `secret` is noted of it. Raises `BadReferenceError`."""
        path = self.path(reference)
        if secret:
            self.files.hold_secret(path)
        try:
            data = self.files.read(path, MAX_SECRET_BYTES)
        except OSError as error:
            raise BadReferenceError(f"{path} cannot be read: {error.strerror or 'too large'}") from None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise BadReferenceError(f"{path} is not UTF-8 text") from None
        return text.removesuffix("\n").removesuffix("\r")

    def credential(self, name: str) -> str:
        """What the credential that systemd passed under this name holds. Raises `BadReferenceError`.

        https://systemd.io/CREDENTIALS/: one file for each in the folder $CREDENTIALS_DIRECTORY.
        """
        if not _CREDENTIAL.fullmatch(name) or name in {".", ".."}:
            raise BadReferenceError("expected the name of a systemd credential: letters, digits, dots, - and _")
        folder = self.environ.get(_CREDENTIALS, "")
        if not os.path.isabs(folder):
            raise BadReferenceError(
                f"there is no credential {name}: systemd passed none",
                f"{_AS_THE_UNIT}; the unit needs LoadCredential={name}:PATH, or the folder with it",
            )
        return self.value(os.path.join(folder, name).replace("$", "$$"))

    def _replacement(self, match: re.Match[str]) -> str:
        escaped, name, end = match.groups()
        if escaped:
            return "$"
        if not end or not _NAME.fullmatch(name):
            raise BadReferenceError(
                "${ starts the name of an environment variable", "${NAME}, or $${ for the text itself"
            )
        if name not in self.environ:
            hint = _AS_THE_UNIT if name == _CREDENTIALS else f"set {name}, or $${{ for the text itself"
            raise BadReferenceError(f"the environment variable {name} is not set", hint)
        return self.environ[name]
