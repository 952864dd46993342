"""A start that cannot succeed ends with one line that says why."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from bentoml._internal.context import server_context
from pydantic import ValidationError

from serving.errors import CannotStart
from serving.registry.room_to_start import make_room
from serving.security.api_keys import KeyRing
from serving.settings import Settings, load_settings, secret

_KERAS = {".h5", ".keras", ".hdf5"}


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
    except (CannotStart, ValueError, OSError) as error:
        sys.exit(f"Lens cannot start. {error}")
    return settings


def check_seed(model: Path | None, labels: Path | None) -> None:
    """Refuse settings that cannot work, before any process is started.

    Raises:
        CannotStart: naming the setting and the remedy.
    """
    if model is None:
        return
    if model.suffix.lower() in _KERAS:
        raise CannotStart(
            f"MODEL_PATH is a Keras file ({model.name}). Convert it first: "
            f"python -m model_store_scripts.convert_model {model.name}"
        )
    for setting, path in (("MODEL_PATH", model), ("LABELS_PATH", labels)):
        if path is not None and not path.is_file():
            raise CannotStart(f"{setting} is {str(path)!r}, which is no file.")


def end_server(reason: str) -> None:
    """Say why, and end the framework's parent process: it would start this worker again and again."""
    sys.stderr.write(f"Lens cannot start. {reason}\n")
    if server_context.worker_index is not None:
        os.kill(os.getppid(), signal.SIGTERM)


def _check_grpc(port: int) -> None:
    if port and find_spec("grpc") is None:
        raise ValueError("LENS_GRPC_PORT is set, and grpcio is not installed: pip install -r requirements-grpc.txt")
