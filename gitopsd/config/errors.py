"""All that is wrong with a configuration, said at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gitopsd.core.errors import ConfigError, GitopsdError
from gitopsd.core.ids import Position

# A file that is wrong everywhere tells nothing more in its thousandth message.
MOST_ERRORS = 200


class ConfigErrors(GitopsdError):  # noqa: N818  # the plural of ConfigError
    """One or more `ConfigError`s, in the order of their places; each has `where` as file:line:column."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        count = len(self.errors)
        super().__init__(
            "the configuration cannot be used" if count == 1 else f"the configuration has {count} errors",
            why="\n".join(str(error) for error in self.errors),
            hint="correct the file, then run `gitopsd config check`",
        )

    def __str__(self) -> str:
        """The errors, one to a line."""
        return "\n".join(str(error) for error in self.errors)


class Problems:
    """Collects errors and warnings with their places, so that one run shows all: the file `first` first."""

    def __init__(self, first: str = "") -> None:
        self._first = first
        self._errors: list[tuple[Position, ConfigError]] = []
        self._warnings: list[str] = []

    def add(self, position: Position, what: str, *, why: str = "", hint: str = "") -> None:
        """Note an error; `what` names the key or the file, never a value that could be a secret."""
        self._errors.append((position, ConfigError(what, where=str(position), why=why, hint=hint)))

    def extend(self, errors: Iterable[ConfigError], position: Position) -> None:
        """Note errors that have their place already; `position` sorts them among the others."""
        self._errors.extend((position, error) for error in errors)

    def warn(self, position: Position, sentence: str) -> None:
        """Note something that works and should be looked at."""
        self._warnings.append(f"{position}: {sentence}")

    def __len__(self) -> int:
        return len(self._errors)

    @property
    def errors(self) -> tuple[ConfigError, ...]:
        """All that was noted, files in the order of their reading."""
        return tuple(self._ordered())

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings, as `file:line:column: sentence`, each once."""
        return tuple(dict.fromkeys(self._warnings))

    def raise_if_any(self) -> None:
        """Raise `ConfigErrors` with all that was noted."""
        if self._errors:
            raise ConfigErrors(self.errors)

    def _ordered(self) -> Iterator[ConfigError]:
        files = {position.file: index for index, (position, _) in reversed(list(enumerate(self._errors)))}
        files[self._first] = -1
        ordered = sorted(self._errors, key=lambda item: (files[item[0].file], item[0].line, item[0].column))
        yield from (error for _, error in ordered[:MOST_ERRORS])
        if len(ordered) > MOST_ERRORS:
            yield ConfigError(f"{len(ordered) - MOST_ERRORS} more errors are not shown")
