"""Many applications side by side: nobody's trouble is another's, nothing is done twice, and the end is orderly."""

import math
from collections.abc import Mapping
from dataclasses import replace

import anyio
import pytest

from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.customization import HealthTimeout
from gitopsd.core.errors import SourceError
from gitopsd.core.events import AppRemoved
from gitopsd.core.health.status import Health, HealthStatus, progressing
from gitopsd.core.health.timing import Timing
from gitopsd.core.ids import AppName, GroupKind
from gitopsd.core.ignore import KindPattern
from gitopsd.core.operation import Phase
from gitopsd.testing.builders import a_config_map, a_definition, a_deployment, an_app, an_instance
from gitopsd.testing.virtual_time import turns
from tests.control.world import GivenWorld, config_map_key, deployment_key


def repo_of(name: str) -> str:
    return f"https://git.example.org/{name}.git"


async def test_one_that_fails_and_one_that_hangs_delay_none_of_a_hundred(world: GivenWorld) -> None:
    names = [f"app-{number}" for number in range(100)]
    for name in (*names, "failing", "hanging", "stuck"):
        world.git(a_config_map(name), app=name, repo=repo_of(name))
    world.renderer.fail("failing")
    world.renderer.gate.hold("hanging")
    world.sources.gate.hold(repo_of("stuck"))
    specs = [an_app(name, repo=repo_of(name)) for name in (*names, "failing", "hanging", "stuck")]
    async with world.running(*specs):
        assert {world.status(name).sync for name in names} == {SyncCode.SYNCED}
        assert "app/deployment.yaml:3" in world.condition(ConditionType.COMPARISON_ERROR, "failing")
        assert world.status("hanging").sync is SyncCode.UNKNOWN
        world.renderer.gate.release("hanging")
        world.renderer.heal("failing")
        world.sources.gate.release(repo_of("stuck"))
        await world.settle(60)
        assert {status.sync for status in world.statuses().values()} == {SyncCode.SYNCED}


async def test_a_cluster_that_hangs_delays_no_application_of_another(world: GivenWorld) -> None:
    names = [f"app-{number}" for number in range(50)]
    for name in (*names, "elsewhere"):
        world.git(a_config_map(name), app=name, repo=repo_of(name))
    world.cluster.gate.hold("observe")
    specs = [an_app(name, repo=repo_of(name)) for name in names]
    async with world.running(*specs, an_app("elsewhere", repo=repo_of("elsewhere"), cluster="other")):
        assert world.status("elsewhere").sync is SyncCode.SYNCED
        assert world.writes() == []


@pytest.mark.parametrize("bug", [ValueError("odd"), RecursionError(), KeyError("metadata"), AssertionError()])
async def test_Z2_a_bug_met_by_one_application_hurts_no_other(world: GivenWorld, bug: Exception) -> None:
    for name in ("cursed", "fine"):
        world.git(a_config_map(name), app=name, repo=repo_of(name))
    world.renderer.fail("cursed", bug)
    async with world.running(an_app("cursed", repo=repo_of("cursed")), an_app("fine", repo=repo_of("fine"))):
        assert world.status("fine").sync is SyncCode.SYNCED
        assert type(bug).__name__ in world.condition(ConditionType.UNKNOWN_ERROR, "cursed")
        assert ("cursed", bug) in world.bugs
        world.renderer.heal("cursed")
        await world.clock.advance(60)
        assert world.status("cursed").sync is SyncCode.SYNCED


async def test_an_interval_that_is_set_while_we_run_has_commits_noticed(world: GivenWorld) -> None:
    interval = world.settings.interval
    world.settings = replace(world.settings, interval=math.inf)
    world.git(a_config_map())
    async with world.running(an_app()):
        world.supervisor.tune(replace(world.settings, interval=interval))
        commit = world.git(a_config_map(data={"a": "2"}))
        await world.settle(2 * interval)
        assert world.status().revisions == (commit,)


async def test_Z2_a_bug_in_the_look_up_of_one_repository_hurts_no_other(world: GivenWorld) -> None:
    for name in ("cursed", "fine"):
        world.git(a_config_map(name), app=name, repo=repo_of(name))
    world.sources.fail(repo_of("cursed"), RuntimeError("odd"))
    async with world.running(an_app("cursed", repo=repo_of("cursed")), an_app("fine", repo=repo_of("fine"))):
        assert world.status("fine").sync is SyncCode.SYNCED
        assert "internal error" in world.condition(ConditionType.COMPARISON_ERROR, "cursed")
        assert world.bugs[0][0] == "cursed"
        world.sources.heal(repo_of("cursed"))
        await world.clock.advance(60)
        assert world.status("cursed").sync is SyncCode.SYNCED


async def test_a_manifest_that_cannot_be_applied_leaves_an_application_unknown(world: GivenWorld) -> None:
    world.git(a_config_map(), a_config_map(""))
    async with world.running(an_app(prune=True)):
        assert "has no metadata.name" in world.condition(ConditionType.COMPARISON_ERROR)
        assert world.status().sync is SyncCode.UNKNOWN
        world.git(a_config_map())
        world.supervisor.refresh(AppName("guestbook"))
        await world.settle(1)
        assert world.status().sync is SyncCode.SYNCED


async def test_a_failing_render_is_tried_again_with_a_back_off(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.renderer.fail("guestbook")
    async with world.running(an_app(), settle=False):
        await world.clock.advance(0.5)
        renders = [len(world.renderer.calls)]
        for seconds in (1, 2, 4, 8, 16, 32, 60, 60):
            await world.clock.advance(seconds)
            renders.append(len(world.renderer.calls))
        assert renders == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_nothing_is_done_twice_while_nothing_changes(world: GivenWorld) -> None:
    world.git(a_config_map(), a_deployment())
    async with world.running(an_app(self_heal=True)):
        world.cluster.writes.clear()
        renders, passes = len(world.renderer.calls), world.passes()
        await world.clock.advance(3600)
        assert (len(world.renderer.calls), world.passes(), world.cluster.writes) == (renders, passes, [])
        assert len(world.sources.looked_up) == 1 + 3600 // 180


async def test_nothing_wakes_while_idle(world: GivenWorld) -> None:
    names = [f"app-{number}" for number in range(50)]
    for name in names:
        world.git(a_deployment(name), app=name)
    async with world.running(*(an_app(name) for name in names)):
        await world.settle()
        before = turns()
        await world.clock.advance(100)
        assert turns() - before <= 4


async def test_a_refresh_looks_up_and_renders_only_what_moved(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        passes = world.passes()
        world.supervisor.refresh(AppName("guestbook"))
        await world.settle()
        assert len(world.sources.looked_up) == 2
        assert world.passes() == passes + 1
        assert len(world.renderer.calls) == 1


async def test_a_hard_refresh_renders_without_the_cache_even_if_it_fails_first(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        world.renderer.fail("guestbook")
        world.supervisor.refresh(AppName("guestbook"), hard=True)
        await world.settle(0.5)
        assert not world.renderer.calls[-1].use_cache
        assert world.status().sync is SyncCode.UNKNOWN
        await world.settle(5)
        assert world.status().sync is SyncCode.UNKNOWN
        world.renderer.heal("guestbook")
        await world.settle(60)
        assert world.status().sync is SyncCode.SYNCED


async def test_a_refresh_of_an_unknown_application_is_a_key_error(world: GivenWorld) -> None:
    async with world.running():
        with pytest.raises(KeyError):
            world.supervisor.refresh(AppName("nobody"))


async def test_a_storm_of_live_changes_costs_a_few_looks(world: GivenWorld) -> None:
    world.git(a_deployment())
    async with world.running(an_app()):
        passes = world.passes()
        for number in range(1000):
            world.cluster.set_status(deployment_key(), {"observedGeneration": 1, "readyReplicas": number % 2})
            await world.clock.advance(0.001)
        assert 5 <= world.passes() - passes <= 25
        world.cluster.settle(deployment_key())
        await world.settle()
        assert world.status().health.status is HealthStatus.HEALTHY


async def test_a_change_after_a_quiet_time_is_looked_at_at_once(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(self_heal=True)):
        world.cluster.remove(config_map_key())
        await world.clock.advance(0.001)
        assert world.cluster.has(config_map_key())


async def restarted(world: GivenWorld) -> Mapping[AppName, AppStatus]:
    """Sync once, and give what a store would remember."""
    async with world.running(an_app(prune=True, self_heal=True)):
        assert world.status().sync is SyncCode.SYNCED
        return world.statuses()


async def test_a_restart_with_nothing_changed_writes_nothing_and_asks_for_no_dry_run(world: GivenWorld) -> None:
    world.git(a_config_map(), a_deployment(ports=[{"containerPort": 80}], env={"A": "1"}))
    remembered = await restarted(world)
    world.cluster.writes.clear()
    world.cluster.predicted.clear()
    async with world.running(an_app(prune=True, self_heal=True), remembered=remembered):
        assert world.status().sync is SyncCode.SYNCED
        assert world.cluster.writes == []
        assert world.cluster.predicted == []


async def test_what_left_git_during_a_restart_is_pruned_even_if_its_kind_left_too(world: GivenWorld) -> None:
    world.git(a_config_map(), a_deployment())
    remembered = await restarted(world)
    world.git(a_deployment())
    async with world.running(an_app(prune=True, self_heal=True), remembered=remembered):
        assert world.cluster.keys("ConfigMap") == []


async def test_a_restart_remembers_that_self_heal_is_off(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        remembered = world.statuses()
    world.cluster.remove(config_map_key())
    async with world.running(an_app(), remembered=remembered):
        assert world.status().sync is SyncCode.OUT_OF_SYNC
        assert not world.cluster.has(config_map_key())


async def test_an_operation_that_a_restart_interrupted_is_begun_anew(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0), a_deployment("second", wave=1))
    async with world.running(an_app()):
        remembered = world.statuses()
        operation = remembered[AppName("guestbook")].operation
        assert operation is not None
        assert operation.phase is Phase.RUNNING
    world.cluster.settle(deployment_key("first"))
    async with world.running(an_app(), remembered=remembered):
        assert world.writes() == ["apply first", "apply second"]
        world.cluster.settle(deployment_key("second"))
        await world.settle()
        assert world.status().sync is SyncCode.SYNCED
        assert all(status.operation is None or status.operation.phase.done for status in world.statuses().values())


async def test_the_end_in_the_middle_of_a_sync_finishes_the_step_in_hand(world: GivenWorld) -> None:
    world.git(a_config_map(), a_deployment())
    world.cluster.gate.hold(config_map_key())
    async with anyio.create_task_group() as tasks, world.running(an_app()):
        tasks.start_soon(release_later, world)
        before = world.clock.monotonic()
    assert world.clock.monotonic() - before == pytest.approx(3, abs=0.1)
    assert world.writes() == ["apply settings"]


async def release_later(world: GivenWorld) -> None:
    await world.clock.advance(3)
    world.cluster.gate.release(config_map_key())


async def test_the_end_waits_for_a_step_that_hangs_only_so_long(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.cluster.gate.hold("apply")
    async with world.running(an_app()):
        before = world.clock.monotonic()
    assert world.clock.monotonic() - before == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("place", ["render", "observe", "target", "look-up"])
async def test_the_end_waits_for_nobody_who_only_reads(world: GivenWorld, place: str) -> None:
    world.git(a_config_map())
    world.renderer.gate.hold("guestbook" if place == "render" else "nobody")
    world.sources.gate.hold(repo_of("app") if place == "look-up" else "nowhere")
    world.cluster.gate.hold(place)
    async with world.running(an_app(repo="https://git.example.org/team/app.git")):
        before = world.clock.monotonic()
    assert world.clock.monotonic() - before < 0.1


async def test_an_application_that_comes_later_is_reconciled(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running():
        await world.configure(an_app())
        assert world.status().sync is SyncCode.SYNCED


async def test_an_application_that_goes_leaves_its_objects_and_its_watches(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(prune=True, self_heal=True)):
        passes = world.passes()
        await world.configure()
        assert world.supervisor.applications() == {}
        assert AppRemoved(AppName("guestbook")) in world.events
        assert world.cluster.forgotten == [("guestbook", frozenset({GroupKind("", "ConfigMap")}))]
        world.cluster.remove(config_map_key())
        await world.settle(600)
        assert world.passes() == passes
        assert len(world.sources.looked_up) == 1


async def test_an_application_that_goes_in_the_middle_of_its_pass_is_heard_of_no_more(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.renderer.gate.hold("guestbook")
    async with world.running(an_app()):
        world.supervisor.configure([])
        world.renderer.gate.release("guestbook")
        await world.settle()
        assert isinstance(world.events[-1], AppRemoved)
        assert world.writes() == []


async def test_an_application_that_goes_and_comes_back_at_once_is_reconciled(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.renderer.gate.hold("guestbook")
    async with world.running(an_app()):
        world.supervisor.configure([])
        world.supervisor.configure([an_app()])
        world.renderer.gate.release("guestbook")
        await world.settle()
        assert world.status().sync is SyncCode.SYNCED


async def test_a_spec_that_changes_in_the_middle_of_a_render_is_rendered_anew(world: GivenWorld) -> None:
    commit = world.git(a_config_map("old"))
    world.renderer.gate.hold("guestbook")
    async with world.running(an_app(path="old")):
        world.renderer.give("guestbook", [a_config_map("new")], commit=commit)
        await world.configure(an_app(path="new"))
        world.renderer.gate.release("guestbook")
        await world.settle()
        assert world.writes() == ["apply new"]
        assert len(world.renderer.calls) == 2


async def test_what_moves_in_the_middle_of_a_render_that_was_given_it_is_rendered_anew(world: GivenWorld) -> None:
    base = "https://git.example.org/base.git"
    world.sources.repository(base).commit({"one.yaml": "old"})
    world.renderer.places["guestbook"] = frozenset({(base, "HEAD", "")})
    commit = world.git(a_config_map("old"))
    async with world.running(an_app()):
        world.renderer.gate.hold("guestbook")
        world.supervisor.refresh(AppName("guestbook"), hard=True)
        await world.settle()
        renders = len(world.renderer.calls)
        world.sources.repository(base).commit({"one.yaml": "new"})
        world.supervisor.refresh(AppName("guestbook"))
        await world.settle()
        world.renderer.give("guestbook", [a_config_map("new")], commit=commit)
        world.renderer.gate.release("guestbook")
        await world.settle()
        assert len(world.renderer.calls) == renders + 1
        assert world.writes() == ["apply old", "apply new"]


async def test_a_reload_that_changes_nothing_disturbs_nobody(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        events = len(world.events)
        await world.configure(an_app())
        assert len(world.events) == events


async def test_a_changed_policy_takes_effect_without_a_look_up(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(automated=False)):
        await world.configure(an_app())
        assert world.writes() == ["apply settings"]
        assert len(world.sources.looked_up) == 1


async def test_an_application_that_moves_to_another_cluster_is_synced_there_and_forgotten_here(
    world: GivenWorld,
) -> None:
    world.git(a_config_map())
    async with world.running(an_app(prune=True)):
        await world.configure(an_app(prune=True, cluster="other"))
        assert world.writes(world.other_cluster) == ["apply settings"]
        assert world.status().sync is SyncCode.SYNCED
        assert [app for app, _ in world.cluster.forgotten] == ["guestbook"]
        assert world.cluster.has(config_map_key())
        passes = world.passes()
        world.cluster.remove(config_map_key())
        await world.settle()
        assert world.passes() == passes


async def test_an_unknown_cluster_is_an_invalid_spec(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(cluster="nowhere")):
        assert "use one of local, other" in world.condition(ConditionType.INVALID_SPEC_ERROR)


async def test_a_field_that_is_not_supported_blocks_the_sync(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(unsupported=("ignoreDifferences",))):
        assert "ignoreDifferences" in world.condition(ConditionType.INVALID_SPEC_ERROR)
        assert world.writes() == []


async def test_skip_reconcile_leaves_everything_as_it_is(world: GivenWorld) -> None:
    world.git(a_config_map())
    skipped = an_app(annotations={"argocd.argoproj.io/skip-reconcile": "true"})
    async with world.running(skipped):
        assert world.writes() == []
        assert world.renderer.calls == []
        await world.configure(an_app())
        assert world.writes() == ["apply settings"]


async def test_an_undefined_project_lets_nothing_be_written(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(project="secret-lab")):
        assert "project 'secret-lab' is not defined" in world.condition(ConditionType.SYNC_ERROR)
        assert world.writes() == []


async def test_a_repository_that_stops_answering_keeps_the_last_commit_beside_a_warning(world: GivenWorld) -> None:
    commit = world.git(a_config_map())
    async with world.running(an_app(self_heal=True)):
        world.sources.fail(an_app().sources[0].repo_url)
        await world.clock.advance(181)
        assert world.status().revisions == (commit,)
        assert world.status().sync is SyncCode.SYNCED
        assert "the last known commit is kept" in world.condition(ConditionType.SOURCE_WARNING)
        world.cluster.remove(config_map_key())
        await world.settle()
        assert world.cluster.has(config_map_key())
        world.sources.heal(an_app().sources[0].repo_url)
        await world.clock.advance(60)
        assert world.status().conditions == ()


async def test_a_branch_that_is_gone_is_an_error_and_prunes_nothing(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(prune=True, allow_empty=True)):
        del world.sources.repository(an_app().sources[0].repo_url).refs["refs/heads/main"]
        await world.clock.advance(181)
        assert "main is not a branch" in world.condition(ConditionType.COMPARISON_ERROR)
        assert world.cluster.has(config_map_key())
        await world.push(a_config_map(data={"colour": "blue"}))
        assert world.status().sync is SyncCode.SYNCED


async def test_a_cluster_that_is_down_at_the_start_is_synced_as_soon_as_it_is_up(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.cluster.go_down()
    async with world.running(an_app()):
        await world.settle(600)
        assert "connection refused" in world.condition(ConditionType.COMPARISON_ERROR)
        world.cluster.come_up()
        await world.settle(0.1)
        assert world.status().sync is SyncCode.SYNCED


async def test_a_cluster_that_goes_down_and_comes_back(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(self_heal=True)):
        world.cluster.go_down()
        await world.settle(300)
        assert world.status().sync is SyncCode.UNKNOWN
        world.cluster.remove(config_map_key())
        world.cluster.come_up()
        await world.settle()
        assert world.status().sync is SyncCode.SYNCED
        assert world.cluster.has(config_map_key())


async def test_a_source_error_names_what_to_do(world: GivenWorld) -> None:
    world.sources.fail(
        an_app().sources[0].repo_url,
        SourceError("authentication failed", where="git.example.org/team/app.git", hint="correct the password"),
    )
    async with world.running(an_app()):
        assert world.condition(ConditionType.COMPARISON_ERROR).endswith("Try: correct the password")


async def test_two_applications_side_by_side_share_one_look_up(world: GivenWorld) -> None:
    world.git(a_config_map("one"), app="one")
    world.renderer.give("two", [a_config_map("two")])
    async with world.running(an_app("one"), an_app("two")):
        assert {status.sync for status in world.statuses().values()} == {SyncCode.SYNCED}
        assert len(world.sources.looked_up) == 1


async def test_a_new_custom_object_is_progressing_until_its_controller_had_a_moment(world: GivenWorld) -> None:
    world.git(a_definition(), an_instance())
    world.settings = replace(world.settings, timing=Timing(grace_seconds=5))
    async with world.running(an_app()):
        assert world.status().health.status is HealthStatus.PROGRESSING
        await world.settle(10)
        assert world.status().health.status is HealthStatus.HEALTHY


async def test_what_is_progressing_for_too_long_becomes_degraded_by_itself(world: GivenWorld) -> None:
    world.judge.given[GroupKind("", "ConfigMap")] = progressing("not yet")
    world.git(a_config_map())
    limit = HealthTimeout(KindPattern("", "*"), 60)
    world.settings = replace(world.settings, timing=Timing(timeouts=(limit,)))
    async with world.running(an_app()):
        assert world.status().health.status is HealthStatus.PROGRESSING
        await world.settle(61)
        assert world.status().health.status is HealthStatus.DEGRADED
        assert world.status().resources[0].health == Health(
            HealthStatus.DEGRADED, "Progressing for more than 60 s: not yet"
        )


async def test_an_object_that_did_not_change_is_not_judged_again(world: GivenWorld) -> None:
    world.git(a_config_map("one"), a_config_map("two"))
    async with world.running(an_app()):
        asked = world.judge.asked
        world.supervisor.refresh(AppName("guestbook"))
        await world.settle()
        assert world.judge.asked == asked


async def test_an_application_that_cannot_be_used_says_why_and_nothing_else(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(unsupported=("project 'web' is not defined (known: default)",))):
        assert world.condition(ConditionType.INVALID_SPEC_ERROR) == (
            "gitopsd.yaml:7:5: it is left as it is: project 'web' is not defined (known: default). "
            "Try: correct the application, or the project if one is named"
        )
