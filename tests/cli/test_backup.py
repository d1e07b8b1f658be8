"""`gitopsd admin backup`, `restore` and `migrate`."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import StoreError
from gitopsd.store.archive import verified
from gitopsd.store.revisions import HEAD
from gitopsd.testing.backups import FakeBackups
from tests.cli.conftest import GITOPSD, Cli, Served
from tests.store.statefiles import rows, write
from tests.store.test_restore import MADE, back_up, fill

CONFIG = """
clusters: [{name: here, kubeconfig: kubeconfig}]
state: {dir: daemon}
"""


@pytest.fixture
def resting(tmp_path: Path) -> Path:
    """Return the configuration of a daemon that ran, and does not; its state is in `daemon`."""
    anyio.run(fill, tmp_path / "daemon")
    (tmp_path / "kubeconfig").write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "current-context": "x",
            }
        )
    )
    config = tmp_path / "gitopsd.yaml"
    config.write_text(CONFIG)
    return config


def backups(served: Served) -> FakeBackups:
    assert served.daemon.backups is not None
    return served.daemon.backups


def real(tmp_path: Path, *, with_key: bool = False) -> bytes:
    """A backup of a state folder somewhere."""
    anyio.run(fill, tmp_path / "somewhere")
    back_up(tmp_path / "somewhere", tmp_path / "real", with_key=with_key)
    return (tmp_path / "real").read_bytes()


def test_the_running_daemon_gives_a_private_file_that_is_whole(cli: Cli, served: Served, tmp_path: Path) -> None:
    content = real(tmp_path)
    backups(served).pieces = tuple(content[start : start + 1000] for start in range(0, len(content), 1000))
    file = tmp_path / "state.tar.gz"
    ran = cli("admin", "backup", str(file), "--socket", str(served.socket))
    assert (ran.code, ran.err) == (0, "")
    mark = verified(file).key
    assert f"of 2026-03-02 08:30:05 UTC, without its key ({mark})" in ran.out
    assert file.read_bytes() == content
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob("*.part")) == list(tmp_path.glob(".*.part")) == []


def test_a_backup_with_the_key_is_warned_of(cli: Cli, served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path, with_key=True),)
    ran = cli("admin", "backup", "b", "--with-key", "-o", "json", "--socket", str(served.socket))
    assert ran.code == 0
    assert "holds the key" in ran.err
    assert json.loads(ran.out)["withKey"] is True
    assert backups(served).asked == [True]


def test_a_file_that_is_there_is_only_replaced_if_that_is_said(cli: Cli, served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path),)
    (tmp_path / "b").write_text("precious")
    ran = cli("admin", "backup", "b", "--socket", str(served.socket))
    assert ran.code == 2
    assert "--force" in ran.err
    assert (tmp_path / "b").read_text() == "precious"
    assert cli("admin", "backup", "b", "--force", "--socket", str(served.socket)).code == 0
    assert verified(tmp_path / "b").created == MADE


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_backup_that_breaks_off_leaves_nothing(cli: Cli, served: Served, tmp_path: Path, kept: float) -> None:
    content = real(tmp_path)
    backups(served).pieces = (content[: int(len(content) * kept)],)
    (tmp_path / "b").write_text("the last one")
    ran = cli("admin", "backup", "b", "--force", "--socket", str(served.socket))
    assert ran.code == 1
    assert "the backup broke off" in ran.err
    assert (tmp_path / "b").read_text() == "the last one"
    assert list(tmp_path.glob("*.part")) == list(tmp_path.glob(".*.part")) == []


def test_the_daemons_own_trouble_is_told(cli: Cli, served: Served) -> None:
    backups(served).error = StoreError("the backup cannot be made", why="no room", hint="make room there")
    ran = cli("admin", "backup", "b", "--socket", str(served.socket))
    assert (ran.code, ran.err) == (1, "Error: the backup cannot be made: no room\n  Try: make room there\n")


@pytest.mark.parametrize("place", ["nowhere/b", "/dev/full"])
def test_a_place_that_takes_no_file_is_named(cli: Cli, served: Served, tmp_path: Path, place: str) -> None:
    backups(served).pieces = (real(tmp_path),)
    ran = cli("admin", "backup", place, "--socket", str(served.socket))
    assert ran.code == 2
    assert place in ran.err


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_is_no_file_is_never_replaced(cli: Cli, served: Served, tmp_path: Path, force: list[str]) -> None:
    backups(served).pieces = (real(tmp_path),)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "dangling", "folder"):
        before = os.lstat(tmp_path / name)
        ran = cli("admin", "backup", name, *force, "--socket", str(served.socket))
        assert ran.code == 2
        assert "admin backup - > FILE" in ran.err
        assert "--force" not in ran.err
        assert os.lstat(tmp_path / name) == before
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_a_file_beside_it_is_left_alone(cli: Cli, served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path),)
    (tmp_path / "b.part").write_text("another one's")
    assert cli("admin", "backup", "b", "--socket", str(served.socket)).code == 0
    assert (tmp_path / "b.part").read_text() == "another one's"


def test_two_backups_to_one_name_at_once_do_not_meet(served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path),)
    command = [GITOPSD, "admin", "backup", "b", "--socket", str(served.socket)]
    running = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) for _ in range(4)]
    codes = sorted(process.wait(60) for process in running)
    for process in running:
        process.communicate()
    assert codes == [0, 2, 2, 2]
    assert verified(tmp_path / "b").created == MADE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_backup_that_finds_no_room_in_standard_output_says_so(served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path),)
    command = [GITOPSD, "admin", "backup", "-", "--socket", str(served.socket)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: the output cannot be written: No space left on device\n")
    assert b"Exception" not in done.stderr


def test_a_backup_goes_to_standard_output(served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path),)
    command = [GITOPSD, "admin", "backup", "-", "--socket", str(served.socket)]
    done = subprocess.run(command, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == backups(served).pieces[0]
    backups(served).pieces = (backups(served).pieces[0][:-1],)
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == 1
    assert b"broke off" in done.stderr


def test_a_daemon_that_does_not_run_is_backed_up_by_its_configuration(cli: Cli, resting: Path, tmp_path: Path) -> None:
    ran = cli("admin", "backup", "b", "--config", str(resting))
    assert ran.code == 0, ran.err
    made = verified(tmp_path / "b")
    assert (made.revision, made.with_key) == (HEAD, False)
    assert len(made.configuration) > 16


def test_without_a_daemon_and_a_configuration_nothing_is_backed_up(cli: Cli) -> None:
    ran = cli("admin", "backup", "b")
    assert ran.code == 1
    assert "no daemon found" in ran.err


def test_a_restore_tells_what_was_brought_back(cli: Cli, resting: Path, tmp_path: Path) -> None:
    cli("admin", "backup", "b", "--config", str(resting))
    ran = cli("admin", "restore", "b", "--state-dir", "new", "--key-file", str(tmp_path / "daemon/state.key"))
    assert (ran.code, ran.err) == (0, "")
    told = ran.out.splitlines()
    assert told[0].startswith(f"restored into {tmp_path}/new: state of gitopsd ")
    assert told[1:] == [
        "syncs that were under way then, not gone on with: guestbook",
        "deletions that wait for `gitopsd app confirm-deletion NAME`: other",
        "pinned again, as they were then (until `gitopsd app unpin NAME`): guestbook",
        "resting until the applications that brought them are synced: child",
    ]


def test_a_restore_into_the_configurations_own_folder_sets_aside_what_is_there(
    cli: Cli, resting: Path, tmp_path: Path
) -> None:
    cli("admin", "backup", "b", "--with-key", "--config", str(resting))
    ran = cli("admin", "restore", "b", "--config", str(resting))
    assert ran.code == 1
    assert "the state folder is not empty" in ran.err
    ran = cli("admin", "restore", "b", "--config", str(resting), "--force", "-o", "json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["randomValuesKept"] is True
    assert (Path(told["setAside"]) / "state.db").exists()
    assert (tmp_path / "daemon" / "state.db").exists()


def test_a_key_that_the_configuration_names_is_used_and_stays_where_it_is(
    cli: Cli, resting: Path, tmp_path: Path
) -> None:
    cli("admin", "backup", "b", "--config", str(resting))
    (tmp_path / "daemon/state.key").rename(tmp_path / "elsewhere.key")
    resting.write_text(CONFIG.replace("dir: daemon", "dir: new, keyFile: elsewhere.key"))
    ran = cli("admin", "restore", "b", "--config", str(resting))
    assert (ran.code, ran.err) == (0, "")
    assert not (tmp_path / "new/state.key").exists()
    assert (tmp_path / "new/random.key").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name the state folder"),
        (["--state-dir", "new", "--config", "gitopsd.yaml"], "name the state folder"),
        (["--state-dir", "new", "--key-file", "k", "--without-key"], "there is a key or there is none"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused(cli: Cli, tmp_path: Path, arguments: list[str], told: str) -> None:
    ran = cli("admin", "restore", "b", *arguments)
    assert ran.code == 2
    assert told in ran.err
    assert not (tmp_path / "new").exists()


def test_what_is_not_there_is_named_with_what_to_do(cli: Cli, resting: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "b").touch()
    for arguments, told in (
        (["restore", "nowhere", "--state-dir", "new"], "nowhere: the backup cannot be read: No such file or directory"),
        (["restore", "folder", "--state-dir", "new"], "folder: the backup cannot be read: Is a directory"),
        (["restore", "b", "--state-dir", "new", "--key-file", "nokey"], "nokey: the key cannot be read: No such file"),
        (["migrate", "--state-dir", "new"], "new: there is no such folder"),
        (["migrate", "--state-dir", "b"], "b: there is no such folder"),
        (["backup", "new/b", "--config", str(resting)], "new/b: the backup cannot be written: No such file"),
    ):
        ran = cli("admin", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert told in ran.err
        assert "Try: " in ran.err
        assert not (tmp_path / "new").exists()


def test_of_a_configuration_whose_daemon_never_ran_no_backup_is_made_and_no_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text("server: {listen: '127.0.0.1:0'}", encoding="utf-8")
    ran = cli("admin", "backup", "b", "--config", "gitopsd.yaml")
    assert ran.code == 1
    assert "there is no state here" in ran.err
    assert not (tmp_path / "state").exists()


def test_migrate_shows_brings_back_and_forward(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir(mode=0o700)
    assert cli("admin", "migrate", "--state-dir", "fresh").out.startswith("no state yet; this gitopsd works with")
    file = write(tmp_path / "state", "0002")
    ran = cli("admin", "migrate", "--state-dir", "state")
    assert ran.out == f"revision 0002; this gitopsd works with {HEAD} and brings it there when it starts\n"
    ran = cli("admin", "migrate", "--state-dir", "state", "--to", HEAD, "-o", "json")
    assert json.loads(ran.out) == {"stored": HEAD, "head": HEAD, "copy": f"{file}.before-{HEAD}"}
    ran = cli("admin", "migrate", "--state-dir", "state", "--to", "0002")
    assert ran.out.splitlines()[1] == f"as it was before: {file}.before-0002"
    assert rows(file, "SELECT version FROM schema_version") == [(2,)]


def test_migrate_loses_nothing_unless_that_is_said(cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path / "state", "0002")
    ran = cli("admin", "migrate", "--state-dir", "state", "--to", "0001")
    assert ran.code == 2
    assert "has no place for operations under way, history, pins" in ran.err
    assert rows(file, "SELECT version FROM schema_version") == [(2,)]
    assert cli("admin", "migrate", "--state-dir", "state", "--to", "0001", "--force").code == 0
    assert rows(file, "SELECT version FROM schema_version") == [(1,)]


def _no_link(_old: Path, _new: str) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")  # vfat's answer, and that of some network shares


def test_a_backup_goes_where_files_cannot_have_two_names(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups(served).pieces = (real(tmp_path),)
    monkeypatch.setattr(os, "link", _no_link)
    told = ["admin", "backup", "kept", "--socket", str(served.socket)]
    assert cli(*told).code == 0
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "kept").read_bytes()
    assert cli(*told).code != 0
    assert (tmp_path / "kept").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".gitopsd")] == []


def test_a_backup_that_cannot_get_its_name_leaves_no_empty_file(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_part: Path, _file: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    backups(served).pieces = (real(tmp_path),)
    monkeypatch.setattr(os, "link", _no_link)
    monkeypatch.setattr(Path, "replace", broken)
    ran = cli("admin", "backup", "kept", "--socket", str(served.socket))
    assert ran.code == 2
    assert "kept: the backup cannot be written: Input/output error" in ran.err
    assert not (tmp_path / "kept").exists()
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".gitopsd")] == []


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_came_while_the_backup_was_made_is_named_as_what_it_is(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    link = os.link

    def late(old: Path, new: str) -> None:
        (tmp_path / "b").write_text("precious")
        (link if links else _no_link)(old, new)

    backups(served).pieces = (real(tmp_path),)
    monkeypatch.setattr(os, "link", late)
    ran = cli("admin", "backup", "b", "--socket", str(served.socket))
    assert ran.code == 2
    assert "b: there is a file of that name" in ran.err
    assert "--force" in ran.err
    assert (tmp_path / "b").read_text() == "precious"


@pytest.mark.parametrize("revision", ["0099", "0000", "head", "-1", "0002; DROP"])
def test_a_revision_that_is_none_is_refused(cli: Cli, tmp_path: Path, revision: str) -> None:
    write(tmp_path / "state", "0002")
    ran = cli("admin", "migrate", "--state-dir", "state", "--to", revision)
    assert ran.code == 1
    assert "there is no revision" in ran.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have the folder of another user")
def test_what_root_restores_belongs_to_the_owner_of_the_folder(cli: Cli, resting: Path, tmp_path: Path) -> None:
    cli("admin", "backup", "b", "--with-key", "--config", str(resting))
    target = tmp_path / "theirs"
    target.mkdir(mode=0o700)
    os.chown(target, 4711, 4712)
    ran = cli("admin", "restore", "b", "--state-dir", str(target))
    assert (ran.code, ran.err) == (0, "")
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in target.iterdir()}
    assert owners == {(4711, 4712)}


def test_a_backup_is_made_without_loading_alembic(served: Served, tmp_path: Path) -> None:
    backups(served).pieces = (real(tmp_path),)
    script = (
        "import sys; from gitopsd.cli import main; code = main(sys.argv[1:]); "
        "print([name for name in sys.modules if name.startswith(('alembic', 'sqlalchemy'))]); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "admin", "backup", "b", "--socket", str(served.socket)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("damaged", [False, True])
def test_a_restore_reads_standard_input(tmp_path: Path, damaged: bool, environ: dict[str, str]) -> None:
    content = real(tmp_path, with_key=True)
    done = subprocess.run(
        [GITOPSD, "admin", "restore", "-", "--state-dir", "new"],
        input=content[:-2000] if damaged else content,
        cwd=tmp_path,
        env=environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    if damaged:
        assert done.returncode == 1
        assert done.stderr.startswith(b"Error: standard input: this is no whole backup of gitopsd")
    else:
        assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "new" / "state.db").exists() != damaged
    assert list(tmp_path.glob("gitopsd-restore-*")) == []
