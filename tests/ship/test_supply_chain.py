"""`make sbom` and `make audit`: every pinned package is in the one, and the other fails where one is vulnerable."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_lock import pins
from tests.server import free_port

pytestmark = pytest.mark.timeout(300)


@contextmanager
def vulnerabilities(known: dict[str, str]) -> Iterator[tuple[str, set[str]]]:
    """A service that answers as osv.dev does, on loopback: its address, and the packages that it was asked about.

    ``known`` has the id of a vulnerability by the package that has it.
    """
    asked: set[str] = set()

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            asked.add(name)
            said = json.dumps({"vulns": [vulnerability(known[name], name)]} if name in known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_args: object) -> None:
            """The test looks at ``asked``."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_address[1]}/v1/query", asked
        service.shutdown()


def vulnerability(known_as: str, package: str) -> dict[str, Any]:
    return {
        "id": known_as,
        "summary": "made up",
        "published": "2026-01-01T00:00:00Z",
        "affected": [
            {
                "package": {"name": package, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}],
            }
        ],
    }


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("known", "passes"), [({}, True), ({"pillow": "PYSEC-0000-1"}, False)], ids=["clean", "known"])
def test_the_audit_asks_about_every_package_and_fails_where_one_is_vulnerable(
    root: Path, tmp_path: Path, known: dict[str, str], passes: bool
) -> None:
    with vulnerabilities(known) as (service, asked):
        options = f"AUDIT=--vulnerability-service osv --osv-url {service} --cache-dir {tmp_path}"
        done = make(root, "audit", options)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == passes, said
    assert all(known_as in said for known_as in known.values())
    installed = [line for line in (root / "deploy/image/requirements.txt").read_text().splitlines() if "==" in line]
    everywhere = {line.partition("==")[0].partition("[")[0] for line in installed if ";" not in line}
    assert asked >= everywhere


def test_an_audit_that_can_ask_nobody_says_so_and_does_not_pass(root: Path, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1/query"
    done = make(root, "audit", f"AUDIT=--vulnerability-service osv --osv-url {nobody} --cache-dir {tmp_path}")
    assert done.returncode != 0
    assert "No verdict: the vulnerability service could not be asked" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_bill_of_materials_has_every_pinned_package(root: Path) -> None:
    made = make(root, "sbom")
    assert made.returncode == 0, made.stdout + made.stderr
    bill = json.loads((root / "dist" / "lens.cdx.json").read_text())
    listed = {each["name"].lower().replace("_", "-"): f"=={each['version']}" for each in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert listed == pins(root / "deploy/image/requirements.txt")
