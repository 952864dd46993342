#!/usr/bin/env bash
# Runs a command that needs a Docker engine: with the one that answers, else with one of its own that ends with it.
#
#   scripts/with-engine.sh make image
#
# An engine of its own needs root and dockerd (Debian: apt-get install docker.io).  Its images stay in ENGINE_DIR for
# the next time; what it did to the machine's network is taken back.
set -euo pipefail

ENGINE_DIR=${ENGINE_DIR:-/var/tmp/lens-engine}

if docker info >/dev/null 2>&1; then
    exec "$@"
fi
if [ "$(id -u)" -ne 0 ] || ! command -v dockerd >/dev/null; then
    echo "no Docker engine answers here, and starting one takes root and dockerd" >&2
    exit 69
fi

mkdir -p "$ENGINE_DIR"
exec 8>"$ENGINE_DIR/lock"
flock 8
# Those of Docker, and of podman where the command builds with that too.
bridges() { ip -o link show type bridge | awk -F': ' '{print $2}' | grep -E '^(docker0|br-[0-9a-f]{12}|cni-podman[0-9]+)$' | sort; }
before=$(bridges || true)
forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
rules=$(iptables-save 2>/dev/null || true)
export DOCKER_HOST=unix://$ENGINE_DIR/docker.sock
dockerd --data-root "$ENGINE_DIR/root" --exec-root "$ENGINE_DIR/exec" --pidfile "$ENGINE_DIR/pid" \
    --host "$DOCKER_HOST" >"$ENGINE_DIR/log" 2>&1 8>&- &
engine=$!

# A table that had no rules is not among those that were saved, and has none again.
take_back_rules() {
    for table in filter nat raw mangle; do
        if ! grep -q "^\*$table" <<<"$rules"; then
            iptables -t "$table" -F
            iptables -t "$table" -X
        fi
    done
    grep -q '^\*filter' <<<"$rules" || iptables -P FORWARD ACCEPT
    iptables-restore <<<"$rules"
}

end() {
    status=$?
    set +e
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker network prune --force >/dev/null
    kill "$engine"
    wait "$engine"
    take_back_rules
    for bridge in $(comm -13 <(echo "$before") <(bridges)); do
        ip link delete "$bridge"
    done
    echo "$forwarding" >/proc/sys/net/ipv4/ip_forward
    exit "$status"
}
trap end EXIT

# The client that came with this engine: a newer one may want a builder that is not there.
PATH=$(dirname "$(command -v dockerd)"):/usr/bin:$PATH
for _ in $(seq 120); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || { tail -5 "$ENGINE_DIR/log" >&2; exit 69; }
    sleep 0.25
done
export DOCKER_BUILDKIT=1
"$@" 8>&-
