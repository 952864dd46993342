"""Plans that split an id's traffic, and why something in the history happened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Make the table of plans and the column of reasons."""
    op.create_table(
        "traffic",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("began_at", sa.Double, nullable=False),
    )
    op.add_column("changes", sa.Column("reason", sa.Text))
