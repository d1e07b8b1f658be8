"""One look-up for each repository, whoever uses it, and nobody's repository is another's trouble."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import pytest

from gitopsd.control.revisions import Resolution, Revisions
from gitopsd.core.app import AppSpec, Source
from gitopsd.core.errors import SourceError
from gitopsd.core.ids import AppName
from gitopsd.testing.builders import an_app
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.sources import FakeSources

ONE, TWO = "https://git.example.org/one.git", "https://git.example.org/two.git"


class Running:
    """Revisions under way over two repositories, and whom they woke."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sources = FakeSources()
        self.commits = {url: self.sources.repository(url).commit({"a": url}) for url in (ONE, TWO)}
        self.woken: list[str] = []
        self.bugs: list[str] = []
        self.working = anyio.Event()
        self.refused: dict[tuple[str, str], str] = {}
        self.revisions = Revisions(
            self.sources,
            self.clock,
            interval=100,
            jitter=0,
            changed=self.woken.append,
            passed=lambda _: self.working.wait(),
            on_bug=lambda app, _: self.bugs.append(app),
            refusal=lambda origin, project: self.refused.get((origin, project), ""),
        )

    async def work_ends(self) -> None:
        """What was woken so far is done."""
        self.working.set()
        await self.settle()

    async def use(self, spec: AppSpec, before: AppSpec | None = None) -> None:
        self.revisions.use(spec.name, spec, before)
        await self.settle()

    async def settle(self, seconds: float = 0.01) -> None:
        await self.clock.advance(seconds)

    def of(self, spec: AppSpec) -> tuple[Resolution, ...] | None:
        return self.revisions.of(spec)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.revisions.run)
        await running.settle()
        yield running
        tasks.cancel_scope.cancel()


def app(name: str, repo: str = ONE, revision: str = "main") -> AppSpec:
    return an_app(name, repo=repo, revision=revision)


async def test_users_of_one_repository_share_its_look_up(running: Running) -> None:
    for name in ("a", "b", "c"):
        running.revisions.use(AppName(name), app(name), None)
    assert running.of(app("a")) is None
    await running.settle()
    assert running.sources.looked_up == [ONE]
    assert sorted(running.woken) == ["a", "b", "c"]
    assert running.of(app("a")) == (Resolution(running.commits[ONE]),)


async def test_a_look_up_comes_once_in_an_interval_and_wakes_only_for_news(running: Running) -> None:
    await running.use(app("a"))
    running.woken.clear()
    await running.settle(1000)
    assert len(running.sources.looked_up) == 11
    assert running.woken == []
    commit = running.sources.repository(ONE).commit({"a": "new"})
    await running.settle(100)
    assert running.woken == ["a"]
    assert running.of(app("a")) == (Resolution(commit),)


async def test_only_the_users_of_the_branch_that_moved_are_woken(running: Running) -> None:
    running.sources.repository(ONE).commit({"a": "dev"}, branch="dev")
    await running.use(app("a"))
    await running.use(app("b", revision="dev"))
    assert running.sources.looked_up == [ONE]
    running.woken.clear()
    running.sources.repository(ONE).commit({"a": "newer"}, branch="dev")
    await running.settle(100)
    assert running.woken == ["b"]


async def test_the_jitter_is_added_to_the_interval(running: Running) -> None:
    running.clock.share = 0.5
    running.revisions.tune(100, 60)
    await running.use(app("a"))
    await running.settle(129)
    assert len(running.sources.looked_up) == 1
    await running.settle(2)
    assert len(running.sources.looked_up) == 2


async def test_an_interval_after_none_counts_from_its_setting(running: Running) -> None:
    running.revisions.tune(math.inf, 0)
    await running.use(app("a"))
    await running.settle(1000)
    assert len(running.sources.looked_up) == 1
    running.revisions.tune(60, 0)
    await running.settle(59)
    assert len(running.sources.looked_up) == 1, "all repositories at one moment are too many"
    await running.settle(2)
    assert len(running.sources.looked_up) == 2
    await running.settle(600)
    assert len(running.sources.looked_up) == 12


@pytest.mark.parametrize("interval", [60, 100, 500])
async def test_another_interval_puts_off_no_look_up_that_is_due_before(running: Running, interval: float) -> None:
    await running.use(app("a"))
    await running.settle(90)
    running.revisions.tune(interval, 0)
    await running.settle(11)
    assert len(running.sources.looked_up) == 2


async def test_no_look_up_is_due_any_more_once_there_is_no_interval(running: Running) -> None:
    await running.use(app("a"))
    running.revisions.tune(math.inf, 0)
    await running.settle(1000)
    assert len(running.sources.looked_up) == 1


async def test_a_repository_that_failed_is_tried_again_without_an_interval_too(running: Running) -> None:
    running.sources.fail(ONE)
    await running.use(app("a"))
    asked = len(running.sources.looked_up)
    running.revisions.tune(math.inf, 0)
    await running.settle(1000)
    assert len(running.sources.looked_up) > asked


async def test_a_refresh_looks_up_at_once_and_wakes_who_asked_alone(running: Running) -> None:
    await running.use(app("a"))
    await running.use(app("b"))
    running.woken.clear()
    running.revisions.refresh(AppName("b"), app("b"))
    await running.settle()
    assert len(running.sources.looked_up) == 2
    assert running.woken == ["b"]


async def test_a_refresh_that_comes_during_a_look_up_gets_one_of_its_own(running: Running) -> None:
    running.sources.gate.hold(ONE)
    await running.use(app("a"))
    running.revisions.refresh(AppName("a"), app("a"))
    running.sources.gate.release(ONE)
    await running.settle()
    assert len(running.sources.looked_up) == 2


async def test_a_repository_that_fails_keeps_its_commits_and_backs_off(running: Running) -> None:
    await running.use(app("a"))
    running.sources.fail(ONE)
    await running.settle(100)
    (resolution,) = running.of(app("a")) or ()
    assert resolution.commit == running.commits[ONE]
    assert "cannot be reached" in resolution.error
    before = len(running.sources.looked_up)
    await running.settle(7)
    assert len(running.sources.looked_up) - before == 3
    running.sources.heal(ONE)
    await running.settle(60)
    assert running.of(app("a")) == (Resolution(running.commits[ONE]),)


async def test_a_repository_that_never_answered_has_an_error_and_no_commit(running: Running) -> None:
    running.sources.fail(ONE, SourceError("authentication failed"))
    await running.use(app("a"))
    assert running.of(app("a")) == (Resolution("", "authentication failed"),)
    assert running.woken == ["a"]


async def test_a_revision_that_is_gone_keeps_nothing(running: Running) -> None:
    await running.use(app("a"))
    running.sources.repository(ONE).refs.clear()
    await running.settle(100)
    (resolution,) = running.of(app("a")) or ()
    assert resolution.commit == ""
    assert "main is not a branch" in resolution.error


async def test_a_repository_that_hangs_delays_its_own_users_alone(running: Running) -> None:
    running.sources.gate.hold(ONE)
    await running.use(app("a"))
    await running.use(app("b", TWO))
    await running.settle(500)
    assert running.of(app("a")) is None
    assert running.of(app("b", TWO)) == (Resolution(running.commits[TWO]),)
    assert running.sources.looked_up.count(TWO) == 6


async def test_users_come_and_go(running: Running) -> None:
    await running.use(app("a"))
    await running.use(app("b"))
    running.revisions.use(AppName("a"), None, app("a"))
    await running.settle(100)
    assert len(running.sources.looked_up) == 2
    running.revisions.use(AppName("b"), None, app("b"))
    await running.settle(1000)
    assert len(running.sources.looked_up) == 2
    assert running.revisions.commits() == {}
    await running.use(app("c"))
    assert len(running.sources.looked_up) == 3


async def test_an_application_that_moves_leaves_its_old_repository(running: Running) -> None:
    await running.use(app("a"))
    await running.use(app("a", TWO), app("a"))
    assert running.revisions.commits() == {TWO: frozenset({running.commits[TWO]})}
    assert running.of(app("a")) is None


async def test_a_change_of_something_else_keeps_what_is_known(running: Running) -> None:
    await running.use(app("a"))
    await running.use(an_app("a", repo=ONE, prune=True), app("a"))
    assert running.of(app("a")) == (Resolution(running.commits[ONE]),)
    assert running.sources.looked_up == [ONE]


async def test_a_bug_in_one_look_up_is_told_and_tried_again(running: Running) -> None:
    running.sources.fail(ONE, RuntimeError("odd"))
    await running.use(app("a"))
    assert running.bugs == ["a"]
    running.sources.heal(ONE)
    await running.settle(60)
    assert running.of(app("a")) == (Resolution(running.commits[ONE]),)


async def test_who_is_waited_for_has_a_head_start_over_the_others(running: Running) -> None:
    for name in ("a", "b", "c"):
        await running.use(app(name))
    running.woken.clear()
    running.sources.repository(ONE).commit({"a": "new"})
    running.revisions.refresh(AppName("b"), app("b"))
    await running.settle()
    assert running.woken == ["b"]
    await running.work_ends()
    assert sorted(running.woken) == ["a", "b", "c"]


async def test_who_a_commit_touched_has_a_head_start_over_the_others(running: Running) -> None:
    for name in ("a", "b", "c"):
        await running.use(an_app(name, repo=ONE, path=f"apps/{name}"))
    running.woken.clear()
    running.sources.repository(ONE).commit({"apps/b/new.yaml": "1"})
    await running.settle(100)
    assert running.woken == ["b"]
    await running.work_ends()
    assert sorted(running.woken) == ["a", "b", "c"]


async def test_whose_folders_cannot_be_told_from_the_commit_are_woken_together(running: Running) -> None:
    for name in ("a", "b"):
        await running.use(an_app(name, repo=ONE, path=f"apps/{name}"))
    running.woken.clear()
    running.sources.fail_changes(ONE)
    running.sources.repository(ONE).commit({"apps/b/new.yaml": "1"})
    await running.settle(100)
    assert sorted(running.woken) == ["a", "b"]


async def test_the_head_start_ends_even_if_the_work_hangs(running: Running) -> None:
    for name in ("a", "b"):
        await running.use(app(name))
    running.woken.clear()
    running.sources.repository(ONE).commit({"a": "new"})
    running.revisions.refresh(AppName("b"), app("b"))
    await running.settle(1)
    assert running.woken == ["b", "a"]


async def test_what_a_render_got_elsewhere_is_looked_up_and_its_move_concerns_the_application(running: Running) -> None:
    await running.use(app("a"))
    running.revisions.also(AppName("a"), frozenset({(TWO, "main", "")}))
    await running.settle()
    assert TWO in running.sources.looked_up
    running.woken.clear()
    running.sources.repository(TWO).commit({"a": "moved"})
    await running.settle(100)
    assert running.woken == ["a"]


async def test_what_is_got_elsewhere_no_more_is_looked_up_no_more(running: Running) -> None:
    await running.use(app("a"))
    running.revisions.also(AppName("a"), frozenset({(TWO, "main", ""), (ONE, "main", "")}))
    await running.settle()
    running.revisions.also(AppName("a"), frozenset())
    assert set(running.revisions.commits()) == {ONE}
    running.revisions.also(AppName("a"), frozenset({(TWO, "main", "")}))
    running.revisions.use(AppName("a"), None, app("a"))
    assert running.revisions.commits() == {}


async def test_a_refresh_looks_up_what_was_got_elsewhere_too(running: Running) -> None:
    await running.use(app("a"))
    running.revisions.also(AppName("a"), frozenset({(TWO, "main", "")}))
    await running.settle()
    running.sources.looked_up.clear()
    running.revisions.refresh(AppName("a"), app("a"))
    await running.settle()
    assert sorted(running.sources.looked_up) == sorted([ONE, TWO])


async def test_a_repository_of_another_project_is_refused_as_long_as_it_is_one(running: Running) -> None:
    await running.use(app("a"))
    running.refused[ONE, "default"] = "it is for project payments alone"
    assert running.of(app("a")) == (Resolution(error="it is for project payments alone"),)
    running.refused.clear()
    assert running.of(app("a")) == (Resolution(running.commits[ONE]),)


async def test_what_failed_is_looked_up_at_once_when_credentials_were_put_right(running: Running) -> None:
    running.sources.fail(ONE)
    await running.use(app("a"))
    await running.use(app("b", TWO))
    looked_up = len(running.sources.looked_up)
    running.sources.heal(ONE)
    running.revisions.retry()
    await running.settle()
    assert running.sources.looked_up[looked_up:] == [ONE]
    assert running.of(app("a")) == (Resolution(running.commits[ONE]),)


async def test_a_refresh_of_several_repositories_is_told_when_all_were_looked_up(running: Running) -> None:
    both = app("a")
    both = replace(both, sources=(*both.sources, Source(TWO, ".", "main")))
    await running.use(both)
    running.woken.clear()
    running.sources.gate.hold(TWO)
    running.revisions.refresh(both.name, both)
    await running.settle()
    assert running.woken == []
    running.sources.gate.release(TWO)
    await running.settle()
    assert running.woken == ["a"]


async def test_a_refresh_waits_for_no_repository_that_was_left_meanwhile(running: Running) -> None:
    one = app("a")
    both = replace(one, sources=(*one.sources, Source(TWO, ".", "main")))
    await running.use(both)
    running.woken.clear()
    running.sources.gate.hold(TWO)
    running.revisions.refresh(both.name, both)
    await running.settle()
    await running.use(one, both)
    assert running.woken == ["a"]
