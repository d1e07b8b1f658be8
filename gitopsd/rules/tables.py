"""Health tables as they stand in YAML, one file for each API group (docs/health.md has the language)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import yaml

from gitopsd.core.errors import ConfigError
from gitopsd.core.health.place import Place, parse_place
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.health.table import Case, ConditionTest, Either, Every, FieldTest, Items, Not, Operand, Table, Test
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonValue

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_BYTES: Final = 4 << 20
_DEFAULT: Final = Table((), Case(Every(()), HealthStatus.PROGRESSING))
_FIELD_KEYS: Final = frozenset({"field", "default", "exists", "is", "isNot", "equals", "atLeast", "below"})
_CONDITION_KEYS: Final = frozenset({"condition", "status", "reason", "at"})


@dataclass(frozen=True, slots=True)
class GroupTables:
    """One file: the tables of a group, and of each kind the kinds that its controller makes below it."""

    group: str
    tables: Mapping[str, Table]
    children: Mapping[str, tuple[GroupKind, ...]]


@dataclass(frozen=True, slots=True)
class Bookcase:
    """Tables of several files; of two for one kind the first counts. Groups may be globs (`*.example.org`)."""

    files: tuple[GroupTables, ...] = ()

    def table(self, group: str, kind: str) -> Table | None:
        """The table for a kind, or for every kind (`*`) of its group; None where there is none."""
        for file in self.files:
            if fnmatchcase(group, file.group) and (found := file.tables.get(kind) or file.tables.get("*")):
                return found
        return None


def read_table_files(paths: Iterable[str]) -> Bookcase:
    """The tables in files, and in folders of them (`*.yaml` without `*.cases.yaml`), in order. Blocks.

    Raises `ConfigError` that names the file.
    """
    return Bookcase(tuple(_read_file(file) for path in paths for file in _files(Path(path))))


def read_tables(text: str, name: str) -> GroupTables:
    """The tables in the file `name`. Raises `ConfigError` that says where in it something is wrong."""
    try:
        whole = _loaded(text)
    except yaml.YAMLError as error:
        raise ConfigError("the health table is no YAML", where=name, why=str(error).replace("\n", " ")) from error
    reading = _Reading(name)
    top = reading.mapping(whole, "", {"group", "documentation", "kinds"})
    group = reading.text(top.get("group", ""), "group")
    tables: dict[str, Table] = {}
    children: dict[str, tuple[GroupKind, ...]] = {}
    for kind, entry in reading.mapping(top.get("kinds"), "kinds").items():
        at = f"kinds.{kind}"
        one = reading.mapping(
            entry, at, {"observed", "waiting", "rules", "otherwise", "children", "like", "documentation"}
        )
        if "children" in one:
            children[kind] = tuple(
                _group_kind(reading.text(each, f"{at}.children"), group)
                for each in reading.items(one["children"], f"{at}.children")
            )
        if "like" in one:
            model = reading.text(one["like"], f"{at}.like")
            if model not in tables:
                raise reading.wrong(f"{at}.like", f"{model!r} is no kind that stands above")
            tables[kind] = tables[model]
        elif "rules" in one:
            tables[kind] = reading.table(one, at)
    return GroupTables(group, tables, children)


class _Reading:
    def __init__(self, name: str) -> None:
        self._name = name

    def wrong(self, at: str, why: str) -> ConfigError:
        return ConfigError(
            "the health table cannot be used",
            where=f"{self._name}: {at}" if at else self._name,
            why=why,
            hint="docs/health.md shows how tables are written",
        )

    def table(self, entry: Mapping[str, JsonValue], at: str) -> Table:
        cases = tuple(
            self._case(item, f"{at}.rules[{number}]")
            for number, item in enumerate(self.items(entry["rules"], f"{at}.rules"))
        )
        observed = entry.get("observed", "status.observedGeneration")
        waiting = entry.get("waiting", _DEFAULT.waiting)
        otherwise = entry.get("otherwise")
        return Table(
            cases,
            _DEFAULT.otherwise if otherwise is None else self._case(otherwise, f"{at}.otherwise", tested=False),
            observed=None if observed is False or observed is None else self._place(observed, f"{at}.observed"),
            waiting=None if waiting is False or waiting is None else self.text(waiting, f"{at}.waiting"),
        )

    def _case(self, entry: JsonValue, at: str, *, tested: bool = True) -> Case:
        known = {"when", "health", "message"} if tested else {"health", "message"}
        found = self.mapping(entry, at, known)
        try:
            status = HealthStatus(self.text(found.get("health"), f"{at}.health"))
        except ValueError:
            raise self.wrong(f"{at}.health", f"expected one of {', '.join(HealthStatus)}") from None
        test = self.test(found.get("when"), f"{at}.when") if tested else Every(())
        return Case(test, status, self.text(found.get("message", ""), f"{at}.message"))

    def test(self, entry: JsonValue, at: str) -> Test:
        """All keys of `entry` together."""
        found = self.mapping(entry, at)
        if not found:
            raise self.wrong(at, "expected a test, like {condition: Ready, status: 'True'}")
        tests: list[Test] = []
        left = dict(found)
        if "condition" in left:
            tests.append(self._condition({key: left.pop(key) for key in _CONDITION_KEYS if key in left}, at))
        if "field" in left:
            tests.append(self._field({key: left.pop(key) for key in _FIELD_KEYS if key in left}, at))
        for key, item in left.items():
            tests.append(self._combined(key, item, f"{at}.{key}"))
        return tests[0] if len(tests) == 1 else Every(tuple(tests))

    def _combined(self, key: str, item: JsonValue, at: str) -> Test:
        match key:
            case "all":
                return Every(self._tests(item, at))
            case "any":
                return Either(self._tests(item, at))
            case "not":
                return Not(self.test(item, at))
            case "some" | "every":
                inner = self.mapping(item, at, {"in", "where"})
                test = self.test(inner.get("where"), f"{at}.where")
                return Items(self._place(inner.get("in"), f"{at}.in"), test, every=key == "every")
            case _:
                raise self.wrong(at, "expected condition, field, all, any, not, some or every")

    def _tests(self, item: JsonValue, at: str) -> tuple[Test, ...]:
        return tuple(self.test(each, f"{at}[{number}]") for number, each in enumerate(self.items(item, at)))

    def _condition(self, found: Mapping[str, JsonValue], at: str) -> Test:
        statuses = self._texts(found.get("status", []), f"{at}.status")
        if not set(statuses) <= {"True", "False", "Unknown"}:
            raise self.wrong(f"{at}.status", "expected 'True', 'False' or 'Unknown', in quotes")
        return ConditionTest(
            self.text(found["condition"], f"{at}.condition"),
            statuses,
            self._texts(found.get("reason", []), f"{at}.reason"),
            self._place(found.get("at", "status.conditions"), f"{at}.at"),
        )

    def _field(self, found: Mapping[str, JsonValue], at: str) -> Test:
        if len(found.keys() - {"field", "default"}) == 0:
            raise self.wrong(at, "expected exists, is, isNot, equals, atLeast or below beside field")
        exists = found.get("exists")
        if exists is not None and not isinstance(exists, bool):
            raise self.wrong(f"{at}.exists", "expected true or false")
        return FieldTest(
            self._place(found["field"], f"{at}.field"),
            default=found.get("default"),
            exists=exists,
            among=_several(found["is"]) if "is" in found else None,
            not_among=_several(found["isNot"]) if "isNot" in found else None,
            equals=self._operand(found["equals"], f"{at}.equals") if "equals" in found else None,
            at_least=self._operand(found["atLeast"], f"{at}.atLeast") if "atLeast" in found else None,
            below=self._operand(found["below"], f"{at}.below") if "below" in found else None,
        )

    def _operand(self, item: JsonValue, at: str) -> Operand:
        if not isinstance(item, Mapping):
            return Operand(item)
        found = self.mapping(item, at, {"field", "default"})
        return Operand(place=self._place(found.get("field"), f"{at}.field"), default=found.get("default"))

    def _place(self, item: JsonValue, at: str) -> Place:
        try:
            return parse_place(self.text(item, at))
        except ValueError as error:
            raise self.wrong(at, str(error)) from None

    def _texts(self, item: JsonValue, at: str) -> tuple[str, ...]:
        return tuple(self.text(each, at) for each in _several(item))

    def text(self, item: JsonValue, at: str) -> str:
        if not isinstance(item, str):
            raise self.wrong(at, "expected text")
        return item

    def items(self, item: JsonValue, at: str) -> Sequence[JsonValue]:
        if not isinstance(item, list) or not item:
            raise self.wrong(at, "expected a list")
        return item

    def mapping(self, item: JsonValue, at: str, known: Iterable[str] = ()) -> Mapping[str, JsonValue]:
        if not isinstance(item, Mapping) or not all(isinstance(key, str) for key in item):
            raise self.wrong(at, "expected a mapping")
        allowed = set(known)
        unknown = sorted(item.keys() - allowed) if allowed else []
        if unknown:
            raise self.wrong(at, f"{unknown[0]!r} is not known here, only {', '.join(sorted(allowed))}")
        return item


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.glob("*.yaml") if not file.name.endswith(".cases.yaml"))


def _read_file(file: Path) -> GroupTables:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise ConfigError(f"the health table is larger than {_MOST_BYTES} bytes", where=str(file))
        return read_tables(raw.decode(), str(file))
    except OSError as error:
        raise ConfigError(
            "the health table cannot be read", where=str(file), why=error.strerror or "", hint="correct healthTables"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the health table is no UTF-8 text", where=str(file)) from error


def _loaded(text: str) -> JsonValue:
    """The one document of `text`; libyaml where PyYAML has it, which is ten times as fast."""
    loader = _LOADER(text)
    try:
        document: JsonValue = loader.get_single_data()
    finally:
        loader.dispose()
    return document


def _several(item: JsonValue) -> tuple[JsonValue, ...]:
    return tuple(item) if isinstance(item, list) else (item,)


def _group_kind(text: str, own: str) -> GroupKind:
    """`Order` is of the file's own group, `batch/Job` and `/Pod` of another one."""
    group, slash, kind = text.rpartition("/")
    return GroupKind(group if slash else own, kind)
