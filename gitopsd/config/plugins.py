"""`plugins`: programs that render sources, declared in place or in files of Argo CD's `ConfigManagementPlugin`."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import ConfigErrors, Problems
from gitopsd.config.includes import MAX_FILES, matches
from gitopsd.config.models.plugins import CommandPlugin as Model
from gitopsd.config.models.plugins import PluginCommand, PluginDiscover, PluginManifest, PluginWork
from gitopsd.config.models.strict import known_keys
from gitopsd.config.references import BadReferenceError, References
from gitopsd.config.validation import shown_path, validate
from gitopsd.config.yamlfile import MAX_BYTES, parse
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import sequence
from gitopsd.core.secret import Secret
from gitopsd.plugin.command import CommandPlugin, Discover, ParameterAnnouncement

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# `plugin` stands for discovery; the others are renderers of gitopsd.
_TAKEN: Final = frozenset({"plugin", "helm", "kustomize", "directory"})
_LONGEST_TIMEOUT: Final = 3600.0
# What the engine's protocol can carry.
_MOST_OUTPUT: Final = 45 << 20
_LEAST_MEMORY: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a plugin is written."""

    document: Document
    path: KeyPath
    name: KeyPath


@dataclass(slots=True)
class PluginReader:
    """Reads the main file's `plugins`; what is wrong is noted in `problems`. `globs` are the patterns to watch."""

    document: Document
    references: References
    problems: Problems
    globs: list[str] = field(default_factory=list)
    _first: dict[str, Position] = field(default_factory=dict)

    def plugins(self) -> tuple[CommandPlugin, ...]:
        """All of them in their order."""
        return tuple(self._all())

    def _all(self) -> Iterator[CommandPlugin]:
        for index, item in enumerate(sequence(self.document.value, "plugins")):
            path: KeyPath = ("plugins", index)
            model = validate(Model, item, self.document, path, self.problems, references=self.references)
            if model is None:
                continue
            errors_before = len(self.problems)
            self._check_limits(model, path)
            if len(self.problems) > errors_before:
                continue
            if model.file:
                yield from self._of_files(model, path)
            else:
                place = _Place(self.document, path, (*path, "name"))
                yield from self._plugin(model.name, model, model, place)

    def _of_files(self, model: Model, path: KeyPath) -> Iterator[CommandPlugin]:
        for key in (*known_keys(PluginWork), "name"):
            if key in _keys(self.document, path):
                self._refuse(self.document, (*path, key), "stands beside file", "the file says it", key=True)
                return
        for file in self._files(model.file, (*path, "file")):
            for document in self._documents(file, (*path, "file")):
                if document.value is None:
                    continue
                manifest = validate(PluginManifest, document.value, document, (), self.problems)
                if manifest is not None:
                    place = _Place(document, ("spec",), ("metadata", "name"))
                    yield from self._plugin(manifest.metadata.name, manifest.spec, model, place)

    def _files(self, pattern: str, path: KeyPath) -> Sequence[str]:
        try:
            absolute = self.references.plain_path(pattern)
        except BadReferenceError as problem:
            self._refuse(self.document, path, "cannot be used", problem.why)
            return ()
        if not glob.has_magic(pattern):
            return (absolute,)
        absolute = os.path.abspath(os.path.join(glob.escape(self.references.folder), pattern))
        self.globs.append(absolute)
        found = matches(absolute)[:MAX_FILES]
        if not found:
            self.problems.warn(self.document.position(path), f"{shown_path(path)}: {pattern} matches no file")
        return found

    def _documents(self, file: str, path: KeyPath) -> Sequence[Document]:
        try:
            return parse(self.references.files.read(file, MAX_BYTES), file)
        except OSError as error:
            self._refuse(self.document, path, f"names {file}, which cannot be read", error.strerror or "too large")
        except ConfigErrors as errors:
            self.problems.extend(errors.errors, Position(file))
        return ()

    def _plugin(self, name: str, work: PluginWork, settings: Model, place: _Place) -> Iterator[CommandPlugin]:
        generate = _argv(work.generate)
        plugin = CommandPlugin(
            name=name,
            version=work.version,
            init=_argv(work.init),
            generate=generate,
            discover=_discover(work.discover),
            announcements=tuple(_announcements(work)),
            dynamic=_argv(work.parameters.dynamic if work.parameters else None),
            preserve_file_mode=work.preserve_file_mode,
            environment=self._environment(settings),
            timeout_seconds=settings.timeout,
            memory_limit=settings.memory_limit,
            output_limit=settings.output_limit,
            user=settings.user,
            writable=tuple(settings.write_paths),
        )
        if work.provide_git_creds:
            where = place.document.position((*place.path, "provideGitCreds"))
            self.problems.warn(where, "provideGitCreds has no effect: commands get no credentials of repositories")
        if self._is_named(plugin, place) and self._runs(generate, place):
            yield plugin

    def _is_named(self, plugin: CommandPlugin, place: _Place) -> bool:
        if not _NAME.fullmatch(plugin.full_name) or plugin.full_name in _TAKEN or plugin.name in _TAKEN:
            taken = ", ".join(sorted(_TAKEN))
            why = f"expected letters, digits, - . and _, and none of the names that gitopsd has itself: {taken}"
            self._refuse(place.document, place.name, "cannot be used", why)
            return False
        here = place.document.position(place.name)
        if plugin.full_name in self._first:
            why = f"it stands at {self._first[plugin.full_name]}"
            self._refuse(place.document, place.name, f"another plugin is called {plugin.full_name}", why)
            return False
        self._first[plugin.full_name] = here
        return True

    def _runs(self, generate: tuple[str, ...], place: _Place) -> bool:
        if generate:
            return True
        where = (*place.path, "generate", "command")
        self._refuse(place.document, where, "is missing", "expected the program that prints the manifests")
        return False

    def _environment(self, settings: Model) -> tuple[tuple[str, Secret], ...]:
        found: list[tuple[str, Secret]] = []
        for each in settings.env:
            if each.value is not None:
                found.append((each.name, each.value))
            elif each.name in self.references.environ:
                found.append((each.name, Secret(self.references.environ[each.name])))
        return tuple(found)

    def _check_limits(self, model: Model, path: KeyPath) -> None:
        for index, each in enumerate(model.env):
            if not _VARIABLE.fullmatch(each.name) or each.name in {"HOME", "TMPDIR"}:
                why = "expected the name of a variable; HOME and TMPDIR are the private copy's"
                self._refuse(self.document, (*path, "env", index, "name"), "cannot be used", why)
        if not 0 < model.timeout <= _LONGEST_TIMEOUT:
            self._refuse(self.document, (*path, "timeout"), "cannot be used", "expected more than 0 and up to 1h")
        if not 0 < model.output_limit <= _MOST_OUTPUT:
            self._refuse(self.document, (*path, "outputLimit"), "cannot be used", "expected up to 45Mi")
        if model.memory_limit < _LEAST_MEMORY:
            self._refuse(self.document, (*path, "memoryLimit"), "cannot be used", "expected 16Mi at least")

    def _refuse(self, document: Document, path: KeyPath, what: str, why: str, *, key: bool = False) -> None:
        self.problems.add(document.position(path, key=key), f"{shown_path(path)}: {what}", why=why)


def _keys(document: Document, path: KeyPath) -> frozenset[str]:
    """The keys that the entry at `path` has."""
    entry = sequence(document.value, "plugins")[int(path[1])]
    return frozenset(entry) if isinstance(entry, dict) else frozenset()


def _argv(command: PluginCommand | None) -> tuple[str, ...]:
    return (*command.command, *command.args) if command and command.command else ()


def _discover(model: PluginDiscover | None) -> Discover:
    if model is None:
        return Discover()
    find = model.find
    if find is None:
        return Discover(model.file_name)
    return Discover(model.file_name, find.glob, (*find.command, *find.args) if find.command else ())


def _announcements(work: PluginWork) -> Iterator[ParameterAnnouncement]:
    for each in work.parameters.static if work.parameters else ():
        yield ParameterAnnouncement(
            each.name,
            each.title,
            each.tooltip,
            each.required,
            each.item_type,
            each.collection_type,
            each.string,
            tuple(each.array),
            each.map,
        )
