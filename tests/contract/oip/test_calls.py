"""Every way to call that Triton's clients have: at once, as a stream, on many connections, and as the page tells it."""

from __future__ import annotations

import asyncio
import queue
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import tritonclient.grpc.aio
import tritonclient.http.aio

from tests.contract.oip.triton import PICTURES, over_grpc
from tests.server import LensServer


def test_the_asynchronous_clients_work_too(tensors: LensServer, grpc_port: int) -> None:
    async def ask(module: ModuleType, port: int) -> set[bytes]:
        async with module.InferenceServerClient(f"127.0.0.1:{port}") as client:
            tensor = module.InferInput("image", list(PICTURES.shape), "FP32")
            tensor.set_data_from_numpy(PICTURES)
            answers = await asyncio.gather(*(client.infer("pictures", [tensor]) for _ in range(20)))
            return {answer.as_numpy("logits").tobytes() for answer in answers}

    http = asyncio.run(ask(tritonclient.http.aio, tensors.port))
    assert http == asyncio.run(ask(tritonclient.grpc.aio, grpc_port))
    assert len(http) == 1


def test_a_stream_answers_in_order_and_outlives_a_failure(tensors: LensServer, grpc_port: int) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    triton = over_grpc(grpc_port)
    triton.client.start_stream(lambda result, error: answers.put((result, error)))
    for number, model in enumerate(("pictures", "nobody", "pictures")):
        triton.client.async_stream_infer(model, triton.inputs({"image": PICTURES}), request_id=str(number))
    told = [answers.get(timeout=20) for _ in range(3)]
    triton.client.stop_stream()
    triton.client.close()
    assert [None if result is None else result.get_response().id for result, _ in told] == ["0", None, "2"]
    assert "no model 'nobody'" in told[1][1].message()


def test_grpc_connections_spread_over_both_workers(tensors: LensServer, grpc_port: int) -> None:
    clients = [over_grpc(grpc_port) for _ in range(40)]
    assert all(each.client.is_server_live() for each in clients)
    family = psutil.Process(tensors.process.pid).children(recursive=True)
    held = Counter(
        child.pid
        for child in family
        for connection in child.net_connections()
        if connection.laddr.port == grpc_port and connection.status == psutil.CONN_ESTABLISHED
    )
    for each in clients:
        each.client.close()
    assert len(held) == 2, held


def test_the_programs_on_the_page_run_as_they_stand(root: Path, tensors: LensServer, grpc_port: int) -> None:
    page = (root / "docs" / "open-inference-protocol.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    printed = []
    for program in programs:
        here = program.replace("127.0.0.1:3000", f"127.0.0.1:{tensors.port}").replace(":8001", f":{grpc_port}")
        ran = subprocess.run([sys.executable, "-c", here], cwd=root, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        printed.append(ran.stdout)
    assert ":3:cat" in printed[0].split()[0], printed[0]
    assert 'name: "cifar10"' in printed[1]
