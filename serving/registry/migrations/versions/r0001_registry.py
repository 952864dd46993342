"""Versions, what is live, its history, and the seeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

NAME = sa.String(63)
DIGEST = sa.String(64)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables, and the one row of state."""
    _versions()
    _routing()
    op.create_table(
        "seeds",
        sa.Column("sha256", DIGEST, primary_key=True),
        sa.Column("id", NAME, nullable=False),
        sa.Column("version", NAME, nullable=False),
    )


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("version", NAME, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "numbers",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )


def _routing() -> None:
    op.create_table(
        "live",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("version", NAME, nullable=False),
        sa.ForeignKeyConstraint(["id", "version"], ["versions.id", "versions.version"]),
    )
    state = op.create_table(
        "state",
        sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("default_id", NAME),
    )
    op.bulk_insert(state, [{"one": 1, "generation": 0, "default_id": None}])
    op.create_table(
        "changes",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("version", NAME),
        sa.Column("previous_id", NAME),
        sa.Column("previous_version", NAME),
    )
