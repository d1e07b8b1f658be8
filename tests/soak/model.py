"""What the applications of a soak want: a small model, from which the files of their repositories are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from tests.crash.scenario import job
from tests.e2e.manifests import config_map, deployment, secret

Kind = Literal["configmaps", "secrets", "deployments"]
_KINDS: Final[tuple[Kind, ...]] = ("configmaps", "configmaps", "configmaps", "secrets", "deployments")
_FEWEST: Final = 3
_MOST: Final = 8


@dataclass(slots=True)
class Thing:
    """One object: `value` is its content, a Deployment's replicas."""

    kind: Kind
    name: str
    value: int
    wave: int = 0

    @property
    def path(self) -> str:
        """`kind/name` as in URLs."""
        return f"{self.kind}/{self.name}"

    def manifest(self) -> str:
        """As it is in git."""
        if self.kind == "configmaps":
            return config_map(self.name, str(self.value), wave=str(self.wave))
        if self.kind == "secrets":
            return secret(self.name, str(self.value))
        return deployment(self.name, replicas=1 + self.value % 2, wave=str(self.wave))


@dataclass(slots=True)
class App:
    """One application: its objects, and whether it has a hook of its own, which may fail."""

    name: str
    namespace: str
    repo: int
    things: dict[str, Thing] = field(default_factory=dict)
    hook: Literal["", "run", "crash"] = ""
    made: int = 0

    def files(self) -> Mapping[str, str]:
        """All its files, by path."""
        files = {f"{self.name}/{thing.name}.yaml": thing.manifest() for thing in self.things.values()}
        if self.hook:
            marks = {"argocd.argoproj.io/hook": "PreSync"}
            files[f"{self.name}/hook.yaml"] = job(f"{self.name}-hook", marks, behaviour=self.hook)
        return files

    def add(self, random: Random) -> None:
        """One object more."""
        self.made += 1
        thing = Thing(random.choice(_KINDS), f"{self.name}-{self.made}", random.randrange(1000), random.randrange(3))
        self.things[thing.name] = thing

    def change(self, random: Random) -> str:
        """Change something; what it was."""
        ways = ["value", "value", "value", "wave", "hook"]
        ways += ["add"] if len(self.things) < _MOST else []
        ways += ["remove", "rename"] if len(self.things) > _FEWEST else []
        way, thing = random.choice(ways), random.choice(list(self.things.values()))
        if way == "value":
            thing.value = random.randrange(1000)
        elif way == "wave":
            thing.wave = random.randrange(3)
        elif way == "hook":
            self.hook = random.choice(("", "run", "run", "crash"))
        if way in ("remove", "rename"):
            del self.things[thing.name]
        if way in ("add", "rename"):
            self.add(random)
        return way


def applications(count: int, repos: int, namespaces: int, random: Random) -> Iterator[App]:
    """So many, dealt out to repositories and namespaces."""
    for number in range(count):
        app = App(f"a{number:02d}", f"ns{number % namespaces}", number % repos)
        for _ in range(random.randrange(_FEWEST, _MOST)):
            app.add(random)
        yield app
