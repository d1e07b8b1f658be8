"""What goes into the frozen program: which modules of which distributions, told from pyproject.toml and our imports."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.golang import ROOT

# Our packages as the wheel has them: name → folder.
PACKAGES: Final[Mapping[str, Path]] = {
    "gitopsd": ROOT / "gitopsd",
    **{
        name: ROOT / "plugins" / name
        for name in ("gitopsd_command", "gitopsd_helm", "gitopsd_kustomize", "gitopsd_plain")
    },
}
# Parts of our packages that stay out: what tests are written with, and programs that are put in by themselves.
LEFT_OUT: Final = ("gitopsd/testing", "gitopsd/bin")
# With the extra that an installation would have to choose: a program in one file cannot get it later.
EXTRAS: Final = ("tracing",)
# Modules of the standard library that no daemon needs, or whose licence is not for a program under Apache-2.0
# (readline and gdbm are under the GPL); `nis` brings Kerberos with it.
NO_STDLIB: Final = (
    *("__main__", "_gdbm", "_tkinter", "antigravity", "curses", "_curses", "_curses_panel", "dbm.gnu", "ensurepip"),
    *("idlelib", "lib2to3", "nis", "pydoc_data", "readline", "rlcompleter", "test", "this", "tkinter", "turtle"),
    *("turtledemo", "venv"),
)
# Of these distributions only what our own code reaches: the rest is large and nobody's.
ONLY_REACHED: Final = frozenset(
    {"cffi", "kubernetes_asyncio", "pycparser", "pygments", "setuptools", "six", "yarl", "googleapis_common_protos"}
)
NO_MODULES: Final = re.compile(
    r"(^|\.)(tests?|testing|_testing|conftest|__main__|mypy|hypothesis_plugin|_trio|testclient)(\.|$)|^pydantic\.v1\."
)
# The models of every kind of the Kubernetes API: 48 MB, of which gitopsd/kube/library.py imports nothing.
NO_KUBERNETES: Final = ("kubernetes_asyncio.client.api", "kubernetes_asyncio.client.models")
# gitopsd/kube/library.py loads these by name, below stand-ins of their packages.
BY_NAME: Final = (
    "kubernetes_asyncio.client.configuration",
    "kubernetes_asyncio.config.incluster_config",
    "kubernetes_asyncio.config.kube_config",
)
# PyInstaller's, which would run at every start, also of each process that fetches: 30 ms for what nobody here needs.
NO_HOOKS: Final = ("pyi_rth_inspect", "pyi_rth_multiprocessing", "pyi_rth_setuptools")


@dataclass(frozen=True, slots=True)
class Contents:
    """What packaging/binary/gitopsd.spec is told; the names are described there."""

    hidden: Sequence[str]
    excluded: Sequence[str]
    metadata: Sequence[str]
    data: Sequence[str]
    no_hooks: Sequence[str]

    def as_json(self) -> dict[str, object]:
        """The value for json.dumps."""
        return asdict(self)


def contents() -> Contents:
    """Look at pyproject.toml, our code and the environment that this Python runs in."""
    shipped = shipped_distributions()
    names = {canonicalize_name(one.name) for one in shipped}
    roots = {root: set(map(canonicalize_name, owners)) for root, owners in packages_distributions().items()}
    taken = sorted(root for root, owners in roots.items() if owners & names)
    foreign = sorted(root for root, owners in roots.items() if not owners & names and root not in PACKAGES)
    hidden = {*_standard_library(), *external_imports(), *BY_NAME}
    for root in taken:
        if root not in ONLY_REACHED and not roots[root] & {canonicalize_name(one) for one in ONLY_REACHED}:
            hidden.update(_modules(root))
    return Contents(
        hidden=sorted(hidden),
        excluded=sorted({*PACKAGES, *foreign, *NO_STDLIB, *NO_KUBERNETES}),
        metadata=sorted(one.name for one in shipped),
        data=[root for root in ("alembic", "certifi", "pyinstrument", "tzdata") if root in taken],
        no_hooks=NO_HOOKS,
    )


def shipped_distributions(extras: Iterable[str] = EXTRAS) -> Sequence[Distribution]:
    """The installed distributions that gitopsd needs with these extras, with theirs, by name."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    found: dict[str, Distribution] = {}
    waiting = [Requirement(line) for line in wanted]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found:
            continue
        try:
            found[name] = distribution(one.name)
        except PackageNotFoundError:
            raise LookupError(f"{one.name} is not installed; run `make setup`") from None
        for line in found[name].requires or ():
            required = Requirement(line)
            if _wanted(required, one.extras):
                waiting.append(required)
    return [found[name] for name in sorted(found)]


def _wanted(required: Requirement, extras: Iterable[str]) -> bool:
    if required.marker is None:
        return True
    return any(required.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def external_imports() -> Sequence[str]:
    """Every module outside of gitopsd that our code imports anywhere, by its full name, sorted."""
    found: set[str] = set()
    for _, path in own_modules():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return sorted(name for name in found if name.partition(".")[0] not in {*PACKAGES, "__future__"} and _exists(name))


def own_modules() -> Iterator[tuple[str, Path]]:
    """Each Python file of ours that is shipped, sorted: ("gitopsd/core/ids.py", its path)."""
    for relative, path in own_files():
        if path.suffix == ".py":
            yield relative, path


def own_files() -> Iterator[tuple[str, Path]]:
    """Each file of our packages that is shipped, sorted by its path below the folder that is imported from."""
    for name, folder in sorted(PACKAGES.items()):
        for path in sorted(folder.rglob("*")):
            relative = f"{name}/{path.relative_to(folder).as_posix()}"
            if path.is_file() and "__pycache__" not in path.parts and not relative.startswith(LEFT_OUT):
                yield relative, path


def _exists(name: str) -> bool:
    """Whether it is a module; `from module import name` may name a function as well. Parents may be imported for it."""
    if name.partition(".")[0] == "kubernetes_asyncio":
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _standard_library() -> Iterator[str]:
    """Every module of the standard library but `NO_STDLIB`: a plugin may need what nothing in here imports."""
    home = Path(sysconfig.get_path("stdlib"))
    for root in sys.stdlib_module_names:
        if root not in NO_STDLIB:
            yield root
            if (home / root).is_dir():
                yield from _below(home / root, root)


def _modules(root: str) -> Iterator[str]:
    """A package's modules, without importing it."""
    found = importlib.machinery.PathFinder.find_spec(root)
    if found is None:
        return
    yield root
    for folder in found.submodule_search_locations or ():
        yield from _below(Path(folder), root)


def _below(folder: Path, package: str) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        name, _, rest = path.name.partition(".")
        full = f"{package}.{name}"
        if not name.isidentifier() or NO_MODULES.search(full) or full in NO_STDLIB:
            continue
        if path.is_dir():
            if any(path.glob("*.py")) or any(path.glob("*.so")):
                yield full
                yield from _below(path, full)
        elif name != "__init__" and (rest == "py" or rest.endswith("so")):
            yield full
