"""The rows of traffic plans: one for each id whose requests are split."""

from __future__ import annotations

import orjson
from sqlalchemy import Connection, delete, insert

from serving.registry.schema import traffic
from serving.traffic.body import parse_plan, plan_body
from serving.traffic.running import Running


def write_plan(connection: Connection, running: Running) -> None:
    """Let ``running`` be the plan of its id."""
    drop_plan(connection, running.plan.id)
    text = orjson.dumps(plan_body(running.plan)).decode()
    connection.execute(insert(traffic).values(id=running.plan.id, plan=text, began_at=running.began_at))


def drop_plan(connection: Connection, model_id: str) -> None:
    """Leave the id without a plan."""
    connection.execute(delete(traffic).where(traffic.c.id == model_id))


def read_plan(text: str, began_at: float) -> Running:
    """The plan of a row."""
    return Running(parse_plan(orjson.loads(text)), began_at)
