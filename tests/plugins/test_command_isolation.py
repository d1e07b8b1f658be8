"""What commands can reach: their private copy, and nothing of the daemon's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
import structlog

from gitopsd.core.errors import RenderError
from gitopsd.plugin import Secret, masked
from gitopsd_command.keeper.landlock import version
from gitopsd_command.keeper.processes import descendants
from tests.plugins.commands import config_map, keeper_among, plugin, shell, until, workshop

CANARY = "canary-4f1d9c"
needs_landlock = pytest.mark.skipif(version() == 0, reason="this kernel has no Landlock")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run commands as another user")


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the daemon's environment."""
    monkeypatch.setenv("GITOPSD_CANARY", CANARY)


def tree(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything below a folder: inode, mode, links, content."""
    found: dict[str, tuple[int, int, int, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (seen.st_ino, seen.st_mode, seen.st_nlink, content)
    return found


async def test_S9_commands_see_nothing_of_the_daemons_environment(tmp_path: Path, canary: None) -> None:
    here = workshop(tmp_path, plugin("env | grep -v ^ARGOCD >&2; exit 1"))
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert "PATH=" in caught.value.why
    assert CANARY not in caught.value.why


async def test_S9_the_keeper_has_no_secret_in_its_arguments_and_environment(tmp_path: Path, canary: None) -> None:
    here = workshop(tmp_path, plugin("touch $HOME/started; sleep 600", environment=(("TOKEN", Secret(CANARY)),)))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(here.render)
        await until(lambda: bool(list(here.copies.glob("*/home/started"))))
        keeper = anyio.Path(f"/proc/{keeper_among(descendants(os.getpid()))}")
        shown = await (keeper / "environ").read_bytes() + await (keeper / "cmdline").read_bytes()
        tasks.cancel_scope.cancel()
    assert b"gitopsd_command" in shown
    assert CANARY.encode() not in shown


@needs_landlock
async def test_a_command_cannot_look_into_the_daemon(tmp_path: Path) -> None:
    pid = os.getpid()
    here = workshop(tmp_path, plugin(f"cat /proc/{pid}/environ; cat /proc/{pid}/mem; exit 1"))
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert caught.value.why.count("Permission denied") == 2


@pytest.mark.skipif(version() < 6, reason="this kernel's Landlock does not know signals")
async def test_a_command_cannot_signal_the_daemon(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin(f"kill -0 {os.getpid()}; exit 1"))
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert "not permitted" in caught.value.why


async def test_a_command_may_do_anything_to_its_copy_and_the_snapshot_stays(tmp_path: Path) -> None:
    script = (
        "echo more >> input.txt && rm ../other/gone.txt && mkdir -p new/deep && ln -s / new/out "
        f"&& chmod 0 ../other new && echo '{config_map('done')}'"
    )
    here = workshop(tmp_path, plugin(script), files={"other/gone.txt": "x"})
    (here.root / "app" / "input.txt").chmod(0o444)
    os.link(here.root / "app" / "input.txt", tmp_path / "of-another-snapshot")
    before = tree(here.root)
    assert await here.names() == ["done"]
    assert tree(here.root) == before
    assert here.left_over() == []


async def test_files_of_the_copy_are_nobody_elses(tmp_path: Path) -> None:
    script = "{ stat -c '%h %a' input.txt; stat -c %a .. ../..; touch a; stat -c %a a; } >&2; exit 1"
    with pytest.raises(RenderError) as caught:
        await workshop(tmp_path, plugin(script)).render()
    assert caught.value.why.split(" | ") == ["1 600", "700", "700", "600"]


@needs_landlock
async def test_a_command_can_write_to_its_copy_home_and_temporary_folder_only(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    script = (
        f"touch a $HOME/a $TMPDIR/a && mv a $HOME/b && echo x > /dev/null; touch {outside}/a; "
        f"echo x >> {tmp_path}/repository/app/input.txt; exit 1"
    )
    here = workshop(tmp_path, plugin(script))
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert caught.value.why.count("ermission denied") == 2
    assert list(outside.iterdir()) == []
    assert (here.root / "app" / "input.txt").read_text() == "input\n"


async def test_a_folder_that_is_declared_writable_is(tmp_path: Path) -> None:
    outside = tmp_path / "cache"
    outside.mkdir()
    tool = plugin(f"touch {outside}/kept && echo '{config_map('a')}'", writable=(str(outside),))
    assert await workshop(tmp_path, tool).names() == ["a"]
    assert [each.name for each in outside.iterdir()] == ["kept"]


async def test_commands_have_no_privileges_and_gain_none(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin("grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs)' /proc/self/status >&2; exit 1"))
    with pytest.raises(RenderError) as caught:
        await here.render()
    told = dict(each.split(": ") for each in caught.value.why.split(" | "))
    assert told["NoNewPrivs"] == "1"
    assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == 0


async def test_commands_have_no_open_file_but_their_three(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin("ls /proc/self/fd >&2; exit 1"))
    with pytest.raises(RenderError) as caught:
        await here.render()
    # The fourth is the listing itself.
    assert caught.value.why == "0 | 1 | 2 | 3"


@needs_root
async def test_commands_run_as_the_declared_user(tmp_path: Path) -> None:
    script = "id -un >&2; id -Gn >&2; stat -c %U input.txt . >&2; touch own; exit 1"
    here = workshop(tmp_path, plugin(script, user="nobody"))
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert caught.value.why.split(" | ") == ["nobody", "nogroup", "nobody", "nobody"]


async def test_a_user_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin("true", user="no-such-user"))
    with pytest.raises(RenderError, match="there is no user 'no-such-user'"):
        await here.render()
    assert here.left_over() == []


@pytest.mark.parametrize(
    "target", ["/etc/hostname", "../../outside.txt", "a/../../../outside.txt", "loop/../../outside.txt"]
)
async def test_P1_a_link_that_leaves_the_repository_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.txt").write_text("outside")
    files = {"app/link": f"→{target}", "app/a/x": "", "app/loop": "→."}
    here = workshop(tmp_path, plugin(f"cat link; echo '{config_map('a')}'"), files=files)
    with pytest.raises(RenderError, match="'app/link' leaves the repository"):
        await here.render()
    assert here.left_over() == []


async def test_P1_a_pipe_in_the_folder_is_refused_and_hangs_nothing(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin("true"))
    os.mkfifo(here.root / "app" / "pipe")
    with pytest.raises(RenderError, match="'pipe' is neither a file nor a folder nor a link"):
        await here.render()


async def test_S8_errors_show_no_secret_that_a_command_prints(tmp_path: Path) -> None:
    script = (
        "echo fetching https://user:hunter2@git.example.org/a.git?token=abc >&2; "
        "echo vault said $VAULT_TOKEN >&2; echo 'password: swordfish, try again' >&2; exit 4"
    )
    here = workshop(tmp_path, plugin(script, environment=(("VAULT_TOKEN", Secret("s.9eV2kP")),)))
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert caught.value.what == "generate of plugin tool failed with exit code 4"
    assert caught.value.why == ("fetching https://git.example.org/a.git | vault said … | password: …, try again")


@pytest.fixture
def every_level() -> Iterator[None]:
    """Log debug messages too, whatever daemons of other tests set up in this process."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("every_level")
async def test_S8_the_log_shows_what_a_command_said_without_secrets(tmp_path: Path) -> None:
    script = f"echo using $TOKEN >&2; echo '{config_map('a')}'"
    here = workshop(tmp_path, plugin(script, environment=(("TOKEN", Secret("s.9eV2kP")),)))
    with structlog.testing.capture_logs() as logs:
        assert await here.names() == ["a"]
    assert [each["stderr"] for each in logs if each["event"] == "said"] == ["using …"]


def test_S8_private_keys_and_headers_are_masked() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----"
    assert masked(f"got {key} here") == "got … here"
    assert masked("Authorization: Bearer abc.def\nnext") == "Authorization: Bearer …\nnext"
    assert masked("api-key=xyz api_key: 'xyz'") == "api-key=… api_key: …"
    assert masked("bell \a and escape \x1b[31m") == "bell   and escape  [31m"
    assert masked("the cat sat", ["cat", "", "sat!"]) == "the cat sat"


async def test_E11_an_application_cannot_name_a_program(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin("true", init=shell("true")))
    for key in ("generate", "init", "command", "args"):
        with pytest.raises(RenderError, match=f"source.plugin.{key} is not an option"):
            await here.render({"name": "tool", key: {"command": ["touch", str(tmp_path / "made")]}})
    assert not (tmp_path / "made").exists()
