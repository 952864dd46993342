#!/usr/bin/env bash
# Writes deploy/image/requirements.txt: what requirements.in beside it needs, all of it pinned, for Python 3.11 to 3.13.
#   scripts/lock.sh [UV]
set -euo pipefail
cd "$(dirname "$0")/../deploy/image"

lock=$(mktemp)
trap 'rm -f "$lock"' EXIT
{
    echo "# Written by \`make lock\` from requirements.in; a test compares.  It stands alone: BentoML renames it in the Bento."
    "${1:-uv}" pip compile --universal --python-version 3.11 --no-header --no-annotate --quiet requirements.in
} >"$lock"
cp "$lock" requirements.txt
