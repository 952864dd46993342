"""``python -m model_store_scripts``: all commands as subcommands."""

from __future__ import annotations

from model_store_scripts.application import PACKAGE, application

if __name__ == "__main__":
    application()(prog_name=f"python -m {PACKAGE}")
