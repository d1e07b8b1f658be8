"""The one door to alembic. It takes a quarter of a second to load, so this is imported only where there is something to
migrate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from gitopsd.store.revisions import revision

FOLDER: Final = Path(__file__).with_name("migrations")


def migrate(connection: Connection, before: int, after: int) -> None:
    """Bring a file of version `before` to version `after`, forward or back, in the transaction of `connection`.

    `schema_version` says afterwards what it is, and it alone: alembic's own table is there in between only, so that the
    two can never differ, whichever program of whatever version wrote last.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.stamp(config, revision(before))
    if after > before:
        command.upgrade(config, revision(after))
    else:
        command.downgrade(config, revision(after))
    connection.execute(text("DROP TABLE alembic_version"))
    connection.execute(text("UPDATE schema_version SET version = :version"), {"version": after})
