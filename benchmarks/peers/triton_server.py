"""Triton's own front end with its Python backend: a model repository is written, then the server takes this process.

The server, the backend and its stub come with PyTriton; each instance is a process with a session of its own.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytriton

from benchmarks.peers import options

SERVER = Path(pytriton.__file__).parent / "tritonserver"
CONFIG = """
name: "classifier"
backend: "python"
max_batch_size: {batch}
input [ {{ name: "image" data_type: TYPE_STRING dims: [ 1 ] }} ]
output [ {{ name: "answer" data_type: TYPE_STRING dims: [ 1 ] }} ]
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
dynamic_batching {{ max_queue_delay_microseconds: 0 }}
"""


def write_repository(folder: Path) -> None:
    """The one model of the repository in ``folder``."""
    model = folder / "classifier"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(CONFIG.format(batch=options.batch(), instances=options.workers()))
    shutil.copy(Path(__file__).with_name("triton_model.py"), model / "1" / "model.py")


def write_backends(folder: Path) -> None:
    """The Python backend in ``folder``, with the stub that fits this Python, which the server looks for beside it."""
    shutil.copytree(SERVER / "backends", folder)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(SERVER / "python_backend_stubs" / version / "triton_python_backend_stub", folder / "python")


def environment() -> dict[str, str]:
    """Where the stub finds this interpreter's library, and by the first ``python3`` on the path its packages."""
    libraries = [sysconfig.get_config_var("LIBDIR"), str(SERVER.parents[1] / "nvidia_pytriton.libs")]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "PATH": path}


if __name__ == "__main__":
    repository, backends = options.state() / "repository", options.state() / "backends"
    write_repository(repository)
    write_backends(backends)
    command = [
        str(SERVER / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        "--http-address=127.0.0.1",
        f"--http-port={options.port()}",
        "--allow-grpc=false",
        "--allow-metrics=false",
    ]
    os.execve(command[0], command, environment())
