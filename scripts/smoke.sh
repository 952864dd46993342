#!/usr/bin/env bash
# Load for some seconds on a Lens of its own, on a port of its own: fails where one request fails.
#   scripts/smoke.sh [SECONDS] [USERS]
set -euo pipefail
cd "$(dirname "$0")/.."

PORT=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
LENS_HOME=$(mktemp -d)
export PORT LENS_HOME BENTOML_HOME=$LENS_HOME/bentoml BENTOML_DO_NOT_TRACK=True
mkdir -p "$BENTOML_HOME"
.venv/bin/bentoml serve service:Lens >"$LENS_HOME/log" 2>&1 &
server=$!
end() {
    kill "$server" 2>/dev/null || true
    wait "$server" || true
    rm -rf "$LENS_HOME"
}
trap end EXIT

for _ in $(seq 240); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:$PORT/readyz" && break
    kill -0 "$server" || { cat "$LENS_HOME/log"; exit 1; }
    sleep 0.25
done
make --no-print-directory load URL="http://127.0.0.1:$PORT" USERS="${2:-8}" SECONDS="${1:-10}"
