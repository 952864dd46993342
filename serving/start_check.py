"""A start that cannot succeed ends with one line that says why."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec

from bentoml._internal.context import server_context
from pydantic import ValidationError

from serving.registry.database import DatabaseError
from serving.registry.room_to_start import make_room
from serving.security.api_keys import KeyRing
from serving.seeding import SeedError, check_seed
from serving.settings import Settings, load_settings, secret


def checked_settings() -> Settings:
    """The settings, or the end of the process with a message that says which one is wrong and why."""
    try:
        settings = load_settings()
        check_seed(settings.model_path, settings.labels_path)
        KeyRing.from_text(secret(settings.api_keys), settings.api_keys_file)
        _check_grpc(settings.grpc_port)
        make_room(settings.home)
    except ValidationError as error:
        problems = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        sys.exit(f"Lens cannot start. {problems}")
    except (SeedError, DatabaseError, ValueError, OSError) as error:
        sys.exit(f"Lens cannot start. {error}")
    return settings


def end_server(reason: str) -> None:
    """Say why, and end the framework's parent process: it would start this worker again and again."""
    sys.stderr.write(f"Lens cannot start. {reason}\n")
    if server_context.worker_index is not None:
        os.kill(os.getppid(), signal.SIGTERM)


def _check_grpc(port: int) -> None:
    if port and find_spec("grpc") is None:
        raise ValueError("LENS_GRPC_PORT is set, and grpcio is not installed: pip install -r requirements-grpc.txt")
