"""Aliases, and their place in the history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

NAME = sa.String(63)


def upgrade() -> None:
    """Make the table of aliases and the column that names them in the history."""
    op.create_table(
        "aliases",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("alias", NAME, primary_key=True),
        sa.Column("version", NAME, nullable=False),
        sa.ForeignKeyConstraint(["id", "version"], ["versions.id", "versions.version"]),
    )
    op.add_column("changes", sa.Column("alias", NAME))
