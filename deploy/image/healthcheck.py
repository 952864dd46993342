"""The image's health check: 0 where /readyz says 200, without curl and without site-packages."""

import http.client
import os
import sys

PORT = int(os.environ.get("LENS_PORT") or os.environ.get("PORT") or 3000)

try:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=7)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    said = answer.read(500).decode(errors="replace").strip()
except OSError as error:
    sys.exit(f"no answer on port {PORT}: {error}")
sys.stdout.write(said + "\n")
sys.exit(answer.status != 200)
