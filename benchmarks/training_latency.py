"""What predictions feel of a retraining: p99 with a job that runs all the while, beside p99 without.

    python -m benchmarks.training_latency [--rate 20] [--seconds 30] [--rounds 3] [--threads N]
        [--model FILE --labels FILE]

It starts a server of its own, offers one JPEG at a steady rate (open loop, Poisson arrivals), in turn without and with
a job, and prints a table.  The goal is a ratio of at most 1.5 on two cores.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
from PIL import Image

from benchmarks.open_loop import Outcome, offer
from benchmarks.pictures import jpeg
from benchmarks.retraining_server import job_of, served, submitted
from benchmarks.workload import Work, multipart

CLASSES = ("circle", "square", "stripes")
_ANSWER_SECONDS = 900
_JOBS = 6
"""More than can be done while one measurement lasts."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print; the exit status says whether the goal was reached."""
    options = _options(argv)
    work = multipart("640x480 JPEG", [jpeg()])
    settings = {"LENS_RETRAIN_THREADS": str(options.threads)} if options.threads else {}
    with tempfile.TemporaryDirectory() as home, served(Path(home), settings) as url:
        if options.model:
            _upload(url, options.model, options.labels)
        pictures = _drawings(options.pictures)
        offer(url, work, options.rate, 5)
        rounds = [_round(url, work, options, pictures, number) for number in range(options.rounds)]
    return _tell(rounds)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of one measurement without and one with a job")
    parser.add_argument("--pictures", type=int, default=2000, help="that one job learns from")
    parser.add_argument("--threads", type=int, help="that one job may use; else as many as Lens gives it")
    parser.add_argument("--model", type=Path, help="an ONNX file to serve and learn from; else the embedded one")
    parser.add_argument("--labels", type=Path, help="its labels")
    return parser.parse_args(argv)


def _upload(url: str, model: Path, labels: Path | None) -> None:
    files = {"model": (model.name, model.read_bytes())}
    if labels:
        files["labels"] = (labels.name, labels.read_bytes())
    answer = requests.post(f"{url}/upload", files=files, timeout=120)
    if answer.status_code != 201:
        raise SystemExit(f"the model was refused: {answer.text}")


def _round(
    url: str, work: Work, options: argparse.Namespace, pictures: Sequence[bytes], number: int
) -> tuple[Outcome, Outcome]:
    quiet = offer(url, work, options.rate, options.seconds)
    # Made before: to pack them takes the interpreter from the load, which would call the server slow for it.
    archives = [_lessons(pictures, number * _JOBS + place) for place in range(_JOBS)]
    with training(url, archives):
        busy = offer(url, work, options.rate, options.seconds)
    return quiet, busy


@contextmanager
def training(url: str, archives: Sequence[bytes]) -> Iterator[None]:
    """Jobs on ``archives``, one after the other, for as long as the block lasts."""
    over, begun, lasted = threading.Event(), threading.Event(), threading.Event()

    def teach() -> None:
        for content in archives:
            job = submitted(url, content, gate="none", trust_labels=True)
            begun.set()
            if not _followed(url, job, over):
                lasted.set()
                return

    teacher = threading.Thread(target=teach)
    teacher.start()
    begun.wait(120)
    try:
        yield
    finally:
        over.set()
        teacher.join()
    if not lasted.is_set():
        raise SystemExit("a job failed, or all were over before the measurement: give them more pictures")


def _followed(url: str, job: str, over: threading.Event) -> bool:
    """Wait for the job's end, and cancel it where the measurement is over before; whether to go on."""
    end = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < end:
        told = job_of(url, job)
        if told["ended_at"] is not None:
            if told["state"] != "succeeded":
                raise SystemExit(f"the job did not succeed: {told['error']}")
            return not over.is_set()
        if over.wait(0.5):
            requests.post(f"{url}/jobs/cancel", json={"id": job}, timeout=30)
            return False
    return False


def _drawings(count: int) -> list[bytes]:
    dice = random.Random(1)
    return [_drawing(CLASSES[number % len(CLASSES)], dice) for number in range(count)]


def _lessons(pictures: Sequence[bytes], seed: int) -> bytes:
    """A ZIP file of class folders; a few bytes behind each picture's end make its features unknown to the cache."""
    out, mark = io.BytesIO(), seed.to_bytes(8, "little")
    with zipfile.ZipFile(out, "w") as archive:
        for number, picture in enumerate(pictures):
            archive.writestr(f"{CLASSES[number % len(CLASSES)]}/{number:05d}.jpg", picture + mark)
    return out.getvalue()


def _drawing(label: str, dice: random.Random) -> bytes:
    """A made-up JPEG, soft patches of random colors; which ones are wide, which high, tells the class."""
    small = Image.frombytes("RGB", (8, 8), dice.randbytes(192))
    shape = {"circle": (4, 1), "square": (2, 2), "stripes": (8, 1)}[label]
    image = small.resize((shape[0] * 4, shape[1] * 16)).resize((256, 192), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _tell(rounds: Sequence[tuple[Outcome, Outcome]]) -> int:
    print("| round | p50 quiet | p50 training | p99 quiet | p99 training | ratio of p99 | failed |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    ratios = []
    for number, (quiet, busy) in enumerate(rounds, 1):
        assert quiet.p99_ms and busy.p99_ms and quiet.p50_ms and busy.p50_ms
        ratios.append(busy.p99_ms / quiet.p99_ms)
        lost = quiet.failed + busy.failed + quiet.refused + busy.refused
        figures = f"{quiet.p50_ms:.1f} | {busy.p50_ms:.1f} | {quiet.p99_ms:.1f} | {busy.p99_ms:.1f}"
        print(f"| {number} | {figures} | {ratios[-1]:.2f} | {lost} |")
    middle = statistics.median(ratios)
    print(f"\nMedian ratio {middle:.2f}; the goal is at most 1.5. Milliseconds, from the scheduled time.")
    return 0 if middle <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
