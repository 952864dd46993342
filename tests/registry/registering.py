"""What the registry's tests share: small versions to register, a runner that only remembers, and child processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from preprocessing.spec import ModelSpec, TensorInfo
from runners.errors import LoadFailed
from serving.registry.activation import Activation
from serving.registry.follower import Follower
from serving.registry.records import ModelKey, ModelVersion
from serving.registry.registry import Registry

BROKEN = b"this one cannot be loaded"
SPEC = ModelSpec(
    inputs=(TensorInfo(name="input", dtype=1, shape=("N", 4)),),
    outputs=(TensorInfo(name="scores", dtype=1, shape=("N", 2)),),
    labels=("cat", "dog"),
)

# A server that has imported everything once; its forks start in milliseconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.registry.registering"])


def register(registry: Registry, content: bytes = b"model", *, id: str = "iris", version: str | None = None) -> ModelKey:
    """Register ``content`` as a model file and return its key."""
    source = registry.home / f"upload-{threading.get_ident()}-{hashlib.sha256(content).hexdigest()[:12]}.onnx"
    source.write_bytes(content)
    try:
        return register_from(registry, source, id=id, version=version)
    finally:
        source.unlink()


def register_from(registry: Registry, source: Path, *, id: str = "iris", version: str | None = None) -> ModelKey:
    """Register the file ``source`` and return its key."""
    return registry.register(source, id=id, version=version, name=id, spec=SPEC, actor="tester", source="test").key


@contextmanager
def opened(home: Path, url: str | None = None) -> Iterator[Registry]:
    """The registry in ``home``, closed at the end."""
    registry = Registry.open(home, url)
    try:
        yield registry
    finally:
        registry.close()


class FakeRunner:
    """Remembers what is loaded, with the content of the file; refuses files that say they are broken."""

    def __init__(self) -> None:
        self.loaded: dict[str, bytes] = {}
        self.loads: list[str] = []
        self.may_load = threading.Event()
        self.may_load.set()
        self.loading = threading.Event()

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        self.loading.set()
        assert self.may_load.wait(20), "the test never let the load go on"
        self.loads.append(key)
        content = path.read_bytes()
        if content == BROKEN:
            raise LoadFailed("the warm-up failed")
        self.loaded[key] = content

    def unload(self, key: str) -> None:
        del self.loaded[key]


class Worker:
    """A worker process as the test sees it: calls go through a pipe and come back as values or errors."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self._pipe, theirs = processes.Pipe()
        self.process: BaseProcess = processes.Process(target=_serve, args=(home, url, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, command: str, *arguments: Any) -> None:
        """Send a command without waiting for its answer."""
        self._pipe.send((command, arguments))

    def answer(self) -> Any:
        """The answer to the command that was sent last."""
        assert self._pipe.poll(30), "the worker does not answer"
        kind, value = self._pipe.recv()
        if kind == "error":
            raise value
        return value

    def call(self, command: str, *arguments: Any) -> Any:
        """Send a command and wait for its answer."""
        self.ask(command, *arguments)
        return self.answer()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self._pipe.close()


def _serve(home: Path, url: str | None, pipe: Connection) -> None:
    registry = Registry.open(home, url)
    runner = FakeRunner()
    follower = Follower(registry, runner, max_extra=2)
    activation = Activation(registry, timeout=5)
    commands: dict[str, Callable[..., Any]] = {
        "start": follower.start,
        "hold loads": runner.may_load.clear,
        "loading": lambda: runner.loading.wait(10),
        "loaded": lambda: dict(runner.loaded),
        "live": lambda: _live_and_warm(registry, runner),
        "register": lambda *arguments: register(registry, *arguments),
        "register from": lambda source: register_from(registry, source),
        "activate": lambda key, seconds=5.0: _activate(registry, key, seconds),
        "delete": lambda key: activation._delete(key),
    }
    while True:
        try:
            command, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(("value", commands[command](*arguments)))
        except Exception as error:
            pipe.send(("error", AssertionError(f"{type(error).__name__}: {error}")))


def _activate(registry: Registry, key: ModelKey, seconds: float) -> Any:
    return Activation(registry, timeout=seconds).activate_blocking(key, default=True, actor="tester")


def _live_and_warm(registry: Registry, runner: FakeRunner) -> tuple[ModelKey, bool]:
    """What the next request of this worker would run on, and whether it is loaded at this very moment."""
    key = registry.resolve(None)
    return key, str(key) in runner.loaded


def register_many(home: Path, count: int, results: Any) -> None:
    """Register ``count`` versions and send each as it is acknowledged."""
    with opened(home) as registry:
        for number in range(count):
            content = f"{multiprocessing.current_process().pid}-{number}".encode() * 50_000
            key = register(registry, content)
            results.send((key, hashlib.sha256(content).hexdigest()))
    results.close()


def die_at_event(number: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run ``work``, and be killed without warning at its ``number``-th touch of the file system."""
    import os
    import signal

    watched = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "sqlite3.connect", "fcntl.flock"}
    left = number

    def hook(event: str, _arguments: Any) -> None:
        nonlocal left
        if event in watched:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    work(*arguments)


def assert_whole(registry: Registry, acknowledged: dict[ModelKey, str]) -> None:
    """Every version hashes right, nothing acknowledged is gone, and the store holds nothing else."""
    report = registry.sweep()
    listed: dict[ModelKey, ModelVersion] = {version.key: version for version in registry.versions()}
    assert report.damaged == {}
    assert {key: listed[key].sha256 for key in acknowledged if key in listed} == acknowledged
    for version in listed.values():
        assert hashlib.sha256(version.model_path.read_bytes()).hexdigest() == version.sha256
    store = registry.home / "bentoml" / "models"
    assert {ModelKey(folder.parent.name, folder.name) for folder in store.glob("*/*/")} == set(listed)
    assert [path for path in (registry.home / "staging").iterdir() if not path.name.startswith(".")] == []
