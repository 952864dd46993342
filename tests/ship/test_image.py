"""The image: small, hardened, quick to be ready, and back after whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scripts.examples import write_examples
from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture
from tests.server import free_port
from tests.ship.docker import HARDENED, Container, docker, inspect, lens_container, wait_until
from tests.ship.documented import documented, replaced
from tests.ship.figures import note

pytestmark = pytest.mark.timeout(900)

KEY = {"Authorization": "Bearer ship-key"}
MOST_OVER_BASE = 350_000_000


@pytest.fixture(scope="module")
def lens(image: str) -> Iterator[Container]:
    """A hardened container with two workers, that all tests share that leave it as it was."""
    volume = docker("volume", "create")
    options = (*HARDENED, "--memory", "2g", "--env", "LENS_API_KEYS=ship-key", "--env", "LENS_WORKERS=2")
    with lens_container(image, volume, *options) as container:
        ready = container.wait_until_ready()
        note("first start to ready", f"{ready:.1f} s, {container.cpu_seconds():.1f} s of CPU time", asked="5 s")
        yield container
    docker("volume", "rm", volume, check=False)


def cat(root: Path) -> dict[str, tuple[str, bytes]]:
    return {"file": ("cat.png", (root / "docs/pictures/chelsea.png").read_bytes())}


def test_it_is_at_most_350_megabytes_over_its_base(image: str, base: str) -> None:
    size, under = inspect(image)["Size"], inspect(base)["Size"]
    note("image over its base", f"{(size - under) / 1e6:.0f} MB of {size / 1e6:.0f} MB", asked="350 MB")
    assert size - under <= MOST_OVER_BASE


def test_it_has_no_compiler_no_trainer_and_no_private_file(lens: Container) -> None:
    assert lens.run("sh", "-c", "command -v gcc cc make git uv || true") == ""
    found = lens.run("python", "-c", "import importlib.util as u; print(*filter(u.find_spec, ['sklearn', 'scipy']))")
    assert found == ""
    assert lens.run("sh", "-c", "find /opt/lens -name '.env*' -o -name 'test_*' -o -name '*.ipynb'") == ""


def test_its_labels_say_what_it_is(image: str, root: Path) -> None:
    labels = {name.rpartition(".")[2]: value for name, value in inspect(image)["Config"]["Labels"].items()}
    version = next(line for line in (root / "pyproject.toml").read_text().splitlines() if line.startswith("version"))
    assert labels["version"] == version.split('"')[1]
    assert (labels["source"], labels["revision"]) == ("https://example.org/lens", "0123abc")
    assert labels["licenses"] == "Apache-2.0"


def test_nobody_of_rank_runs_it_and_only_the_volume_can_be_written(lens: Container) -> None:
    assert lens.run("id", "-u") == "10001"
    written = lens.run(
        "sh", "-c", "touch /data/here; for f in / /tmp /opt/lens /app; do touch $f/x 2>&1; done; ls /data/here"
    )
    assert written.count("Read-only file system") == 4
    assert written.endswith("/data/here")


def test_it_predicts_and_manages_only_with_a_key(lens: Container, root: Path) -> None:
    answer = requests.post(f"{lens.url}/predict", files=cat(root), timeout=30).json()
    asked = {"id": "cifar10", "version": "v1"}
    closed = requests.post(f"{lens.url}/models/activate", json=asked, timeout=30)
    opened = requests.post(f"{lens.url}/models/activate", json=asked, headers=KEY, timeout=30)
    assert answer["predicted_label"] == "cat"
    assert (closed.status_code, closed.json()["code"]) == (401, "unauthorized")
    assert opened.status_code == 200
    assert opened.json()["live_on"] == "2/2"


def test_its_own_health_check_says_healthy(lens: Container) -> None:
    wait_until(lambda: lens.health() == "healthy", 60, "healthy")
    note("memory, two workers", docker("stats", "--no-stream", "--format", "{{.MemUsage}}", lens.name))


def test_a_killed_worker_is_back_and_nothing_fails_15_seconds_later(lens: Container, root: Path) -> None:
    before = set(lens.workers())
    assert len(before) == 2
    os.kill(min(before), signal.SIGKILL)
    seconds = wait_until(lambda: len(set(lens.workers()) - before) == 1, 15, "a worker in its place")
    ready = wait_until(lambda: lens.logged().count('"msg":"ready"') >= 3, 30, "the new worker is ready")
    note("a killed worker's place is taken after", f"{seconds:.1f} s, and answers after {seconds + ready:.1f} s")
    with ThreadPoolExecutor(8) as callers:
        statuses = list(
            callers.map(
                lambda _: requests.post(f"{lens.url}/predict", files=cat(root), timeout=30).status_code, range(64)
            )
        )
    assert set(statuses) == {200}


def test_docker_stop_lets_the_work_in_flight_end_and_exits_0(image: str, volume: str, root: Path) -> None:
    with lens_container(image, volume, *HARDENED) as container:
        container.wait_until_ready()
        statuses: list[int | str] = []
        stopped = threading.Event()

        def call() -> None:
            while not stopped.is_set():
                try:
                    statuses.append(requests.post(f"{container.url}/predict", files=cat(root), timeout=30).status_code)
                except requests.RequestException as error:
                    # Refused is honest once the port is closed; a connection that breaks off is a lost request.
                    statuses.append("refused" if "refused" in str(error) else type(error).__name__)
                    stopped.wait(0.05)

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        wait_until(lambda: statuses.count(200) >= 20, 60, "20 answers")
        code, seconds = container.stop()
        stopped.set()
        for caller in callers:
            caller.join()
    note("docker stop under load", f"exit {code} after {seconds:.1f} s", asked="exit 0 within 20 s")
    assert code == 0
    assert seconds < 16
    assert set(statuses) <= {200, 503, "refused", "ConnectionError"}


def test_what_was_uploaded_survives_another_container_on_the_same_volume(image: str, volume: str) -> None:
    with lens_container(image, volume, *HARDENED, "--env", "LENS_API_KEYS=ship-key") as first:
        first.wait_until_ready()
        files = {
            "model": ("colors.onnx", mean_color_classifier()),
            "labels": ("labels.json", b'["red", "green", "blue"]'),
        }
        fields = {"preprocessing": "zero-one"}
        sent = requests.post(f"{first.url}/upload", files=files, data=fields, headers=KEY, timeout=60)
        assert sent.status_code == 201, sent.text
        docker("kill", first.name)
    with lens_container(image, volume, *HARDENED) as second:
        ready = second.wait_until_ready()
        note("start on a used volume to ready", f"{ready:.1f} s, {second.cpu_seconds():.1f} s of CPU time", asked="5 s")
        answer = requests.post(f"{second.url}/predict", files={"file": ("a.png", picture(RED))}, timeout=30).json()
        left = second.run("sh", "-c", "ls -d /data/scratch/*/ | wc -l")
    assert (answer["model_id"], answer["predicted_label"]) == ("colors", "red")
    assert left == "1", "the scratch folder of the killed container is still there"


def test_the_server_that_dies_is_started_again_by_the_restart_policy(image: str, volume: str) -> None:
    with lens_container(image, volume, *HARDENED, "--restart", "unless-stopped") as container:
        container.wait_until_ready()
        os.kill(int(container.state()["Pid"]), signal.SIGKILL)
        wait_until(lambda: inspect(container.name)["RestartCount"] == 1, 30, "restarted")
        note("a killed container is ready again after", f"{container.wait_until_ready():.1f} s")


def test_it_counts_the_cores_of_its_quota_not_the_machines(image: str, volume: str) -> None:
    with lens_container(image, volume, *HARDENED, "--cpus", "0.9") as container:
        container.wait_until_ready()
        assert len(container.workers()) == 1


def test_a_volume_of_somebody_else_ends_the_start_with_the_reason(image: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with lens_container(image, str(tmp_path)) as container:
        wait_until(lambda: not container.state()["Running"], 20, "ended")
        assert container.state()["ExitCode"] == 1
        assert "Lens cannot start. The user 10001 may not write to /data." in container.logged()


def test_the_gpu_variant_without_a_gpu_says_so_and_serves_on_the_cpu(image: str, volume: str) -> None:
    # The entry point with the mark of RUNTIME=gpu; the libraries of that variant are gigabytes.
    with lens_container(image, volume, *HARDENED, "--env", "LENS_RUNTIME=gpu") as container:
        container.wait_until_ready()
        assert "this container has no NVIDIA GPU" in container.logged()


def test_the_documented_commands_start_one_that_answers(image: str, volume: str, root: Path) -> None:
    name, port = f"lens-{volume}", str(free_port())
    changes = {
        "make image\n": "",
        "--name lens ": f"--name {name} ",
        "--volume lens:": f"--volume {volume}:",
        "127.0.0.1:3000": f"127.0.0.1:{port}",
        "lens:latest": image,
    }
    commands = replaced(documented(root, "The image")[0], changes)
    try:
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=root, capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        docker("rm", "--force", name, check=False)
    assert done.returncode == 0, done.stderr
    assert '"predicted_label":"cat"' in done.stdout


def test_commands_run_in_the_container_beside_the_server(lens: Container) -> None:
    assert "cifar10" in lens.run("model-store", "list_models")


def test_the_examples_of_a_release_are_answers_of_the_image(lens: Container, tmp_path: Path) -> None:
    written = write_examples(lens.url, tmp_path / "examples")
    answers = {path.stem: json.loads(path.read_text()) for path in written}
    assert answers["predict-file"]["answer"]["predicted_label"] == "cat"
    assert {answer["status"] for answer in answers.values()} == {200}
