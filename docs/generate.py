"""Writes docs/reference.md from the code it describes (settings, routes, error codes, metrics), and .env.example.

``make docs`` runs it; a test fails where the file on disk is not what it would write.
"""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import AliasChoices  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402

from serving.api.routes import Route  # noqa: E402
from serving.api.table import Handlers, route_table  # noqa: E402
from serving.errors import STATUS  # noqa: E402
from serving.observability.metrics import Metrics  # noqa: E402
from serving.settings import Settings  # noqa: E402

HEAD = """# Reference

Written by `make docs` from the code; a test compares.

"""


def reference() -> str:
    """The whole page."""
    return HEAD + "\n".join([_settings(), _routes(), _errors(), _metrics()])


def _settings() -> str:
    rows = [_setting_row(name) for name in Settings.model_fields]
    note = "`LENS_*` beats the older name, both beat the same in a `.env` file.\n"
    return "## Settings\n\n" + note + _table(("Variable", "Default", "What it is"), rows)


def _setting_row(name: str) -> tuple[str, str, str]:
    field = Settings.model_fields[name]
    names: Any = field.validation_alias or field.alias
    choices = list(names.choices) if isinstance(names, AliasChoices) else [names]
    default = field.default
    if default is PydanticUndefined:
        shown = "CPU cores"
    elif default in (None, ()):
        shown = ""
    elif isinstance(default, tuple):
        shown = ", ".join(default)
    else:
        shown = str(default)
    return ", ".join(f"`{choice}`" for choice in choices), shown, field.description or ""


ENV_HEAD = """# Every setting with its default, written by `make docs`; a test compares.
# Copy it to .env and take the # off what you change: `make serve` and compose.yaml both read that file.

# --- compose.yaml's own
# LENS_IMAGE=lens:latest
# Where the port is open; behind a proxy on this machine leave it so.
# LENS_PUBLISH=127.0.0.1:3000
# LENS_CPUS=2
# LENS_MEMORY=2g
# PROMETHEUS_PUBLISH=127.0.0.1:9090
# GRAFANA_PUBLISH=127.0.0.1:3001
# GRAFANA_PASSWORD=admin
# With `--profile postgres`: the password here, and in LENS_DATABASE_URL=postgresql://lens:lens@postgres/lens.
# POSTGRES_PASSWORD=lens

# --- Lens; in a container LENS_HOME is /data, LENS_HOST 0.0.0.0 and the port 3000, whatever is said here
"""


def env_example() -> str:
    """The file .env.example."""
    return ENV_HEAD + "\n".join(_env_lines(name) for name in Settings.model_fields)


def _env_lines(name: str) -> str:
    names, default, text = _setting_row(name)
    value = "" if default == "CPU cores" else default
    return f"# {text}\n# {names.split(',')[0].strip('`')}={value}\n"


def _routes() -> str:
    rows = [(f"`{route.method} {route.path}`", route.scope, route.summary) for route in routes()]
    note = (
        "`public` needs no key; `predict` needs one only with `LENS_REQUIRE_KEY=1`; "
        "`manage` needs one from anywhere but loopback.\n"
    )
    return "## Routes\n\n" + note + _table(("Route", "Scope", "What it does"), rows)


def routes() -> tuple[Route, ...]:
    """The table that a server answers from, without a server."""
    nobody: Any = _Anything()
    return route_table(Handlers(*[nobody] * len(fields(Handlers))), "0").routes


class _Anything:
    """Stands in for handlers that are never called."""

    def __getattr__(self, name: str) -> Any:
        return None

    def __getitem__(self, name: str) -> Any:
        return None


def _errors() -> str:
    rows = [(f"`{code}`", str(status), "") for code, status in STATUS.items()]
    text = 'Every failure is `{"detail": ..., "code": "...", "request_id": "..."}`.\n'
    return "## Error codes\n\n" + text + _table(("Code", "Status"), [row[:2] for row in rows])


def _metrics() -> str:
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    rows = []
    for family in Metrics().families():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append((f"`{name}`", family.type, family.documentation))
    return "## Metrics\n\n" + _table(("Metric", "Type", "What it counts"), rows)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "reference.md").write_text(reference(), encoding="utf-8")
    (ROOT / ".env.example").write_text(env_example(), encoding="utf-8")
