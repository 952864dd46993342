"""What the registry's tests share: small versions to register, a runner that only remembers, and child processes."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import signal
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
from serving.errors import ServiceError
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


def register(
    registry: Registry, content: bytes = b"model", *, id: str = "iris", version: str | None = None
) -> ModelKey:
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
        self.refuses = False
        self.loading = threading.Event()
        self.may_load = threading.Event()
        self.may_load.set()
        self._changed = threading.Condition()

    def load(self, key: str, path: Path, spec: ModelSpec) -> None:
        self.loads.append(key)
        self.loading.set()
        assert self.may_load.wait(20), "the test never let the load go on"
        content = path.read_bytes()
        if self.refuses or content == BROKEN:
            raise LoadFailed("the warm-up failed")
        with self._changed:
            self.loaded[key] = content
            self._changed.notify_all()

    def hold(self) -> None:
        """Let the next load wait for ``may_load``, and ``loading`` be set when it begins."""
        self.loading.clear()
        self.may_load.clear()

    def unload(self, key: str) -> None:
        with self._changed:
            del self.loaded[key]
            self._changed.notify_all()

    def wait_for(self, *keys: ModelKey) -> None:
        """Return once exactly these are loaded."""
        names = {str(key) for key in keys}
        with self._changed:
            assert self._changed.wait_for(lambda: set(self.loaded) == names, 10), f"{set(self.loaded)} and not {names}"


class Worker:
    """A worker process as the test sees it: calls go through a pipe and come back as values or errors."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self._pipe, theirs = processes.Pipe()
        self.process: BaseProcess = processes.Process(target=_serve, args=(home, url, theirs), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process.pid is not None
        return self.process.pid

    def ask(self, command: str, *arguments: Any) -> None:
        """Send a command without waiting for its answer."""
        self._pipe.send((command, arguments))

    def answer(self) -> Any:
        """The answer to the command that was sent last."""
        assert self._pipe.poll(30), "the worker does not answer"
        kind, value = self._pipe.recv()
        if kind == "refused":
            raise ServiceError(*value)
        assert kind == "value", value
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
    follower = Follower(registry, runner, max_extra=2, linger=0.05)
    commands: dict[str, Callable[..., Any]] = {
        "start": follower.start,
        "hold loads": runner.hold,
        "allow loads": runner.may_load.set,
        "refuse loads": lambda: setattr(runner, "refuses", True),
        "is loading": lambda: runner.loading.wait(10),
        "loads": lambda: list(runner.loads),
        "has only": runner.wait_for,
        "live": lambda: _live_and_warm(registry, runner),
        "ensure": lambda key: asyncio.run(follower.ensure(registry.get(key))),
        "register": lambda *arguments: register(registry, *arguments),
        "register from": lambda source: register_from(registry, source),
        "activate": lambda key, seconds=10.0: _activate(registry, key, seconds),
        "delete": lambda key: asyncio.run(Activation(registry).delete(key, actor="tester")),
    }
    while True:
        try:
            command, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(("value", commands[command](*arguments)))
        except ServiceError as error:
            pipe.send(("refused", (error.code, str(error.detail))))
        except Exception as error:
            pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _activate(registry: Registry, key: ModelKey, seconds: float) -> Any:
    return Activation(registry, timeout=seconds).activate_blocking(key, default=True, actor="tester")


def _live_and_warm(registry: Registry, runner: FakeRunner) -> tuple[ModelKey, bool]:
    """What the next request of this worker would run on, and whether it is loaded at this very moment."""
    key = registry.resolve(None)
    return key, str(key) in runner.loaded


def register_many(home: Path, count: int, acknowledged: Connection) -> None:
    """Register ``count`` versions and send each, with its digest, once it is acknowledged."""
    with opened(home) as registry:
        for number in range(count):
            content = f"{os.getpid()}-{number}".encode() * 50_000
            acknowledged.send((register(registry, content), hashlib.sha256(content).hexdigest()))


def die_at_touch(number: int, home: Path, work: Callable[[Registry], object]) -> None:
    """Do ``work``, and be killed without warning at its ``number``-th touch of the file system."""
    touches = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "fcntl.flock"}
    left = number

    def hook(event: str, _arguments: Any) -> None:
        nonlocal left
        if event in touches:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    with opened(home) as registry:
        sys.addaudithook(hook)
        work(registry)
        os._exit(0)  # the hook cannot be taken off again


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
    assert [path for path in (registry.home / "staging").iterdir() if path.suffix != ".new"] == []
