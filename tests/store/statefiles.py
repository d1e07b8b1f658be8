"""State files as earlier versions wrote them, kept as SQL."""

import sqlite3
from pathlib import Path

FILES = Path(__file__).parent / "files"
KEY = b"a key of state files for tests.."


def write(folder: Path, name: str) -> Path:
    """Make the state folder of the version that `name` is of ("0001", "0002-first", "0002"); the state file."""
    folder.mkdir(mode=0o700)
    file = folder / "state.db"
    execute(file, (FILES / f"state-{name}.sql").read_text(encoding="utf-8"))
    file.chmod(0o600)
    if name != "0001":
        (folder / "state.key").write_bytes(KEY)
        (folder / "state.key").chmod(0o600)
    return file


def execute(file: Path, script: str) -> None:
    """Run SQL on a database."""
    connection = sqlite3.connect(file)
    connection.executescript(script)
    connection.close()


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    """What a query on a database answers."""
    connection = sqlite3.connect(file)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def content(file: Path) -> dict[str, set[tuple[object, ...]]]:
    """Every row of every table but the version's."""
    tables = [str(name) for (name,) in rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: set(rows(file, f"SELECT * FROM {name}")) for name in tables if name != "schema_version"}  # noqa: S608  # the file's own tables
