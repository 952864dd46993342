#!/usr/bin/env bash
# Looks for known vulnerabilities in what the image installs: `make audit`.
#
#   scripts/audit.sh PIP_AUDIT [OPTION...]
#
# Ends with 0 where none is known, with 1 where one is, and with 69 where nobody could be asked about every package.
set -euo pipefail
cd "$(dirname "$0")/.."

said=$(mktemp)
trap 'rm -f "$said"' EXIT
if "$1" --strict --disable-pip --no-deps --requirement deploy/image/requirements.txt "${@:2}" >"$said" 2>&1; then
    tail -1 "$said"
    exit 0
fi
if grep -q '^Found [0-9]* known vulnerabilit' "$said"; then
    grep -v '^WARNING:' "$said"
    exit 1
fi
cat >&2 <<NOBODY
No verdict: the vulnerability service could not be asked about every package, so nothing is known about them.
What pip-audit said last: $(tail -1 "$said")
It asks PyPI itself, not the package index of this machine; AUDIT="--vulnerability-service osv" asks another.
NOBODY
exit 69
