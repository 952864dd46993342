#!/usr/bin/env bash
# Writes deploy/image/requirements.txt, and requirements-gpu.txt: what the files .in beside them need, all of it pinned,
# for Python 3.11 to 3.13.
#   scripts/lock.sh [UV]
set -euo pipefail
UV=$(realpath "$(command -v "${1:-uv}")")
cd "$(dirname "$0")/../deploy/image"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# lock NAME WORDS [OPTION...]: NAME.txt out of NAME.in
lock() {
    {
        echo "# Written by \`make lock\` from $1.in; a test compares.$2"
        "$UV" pip compile --universal --python-version 3.11 --no-header --no-annotate --quiet "$1.in" "${@:3}"
    } >"$work/$1.txt"
    cp "$work/$1.txt" "$1.txt"
}

lock requirements "  It stands alone: BentoML renames it in the Bento."
lock requirements-gpu "" --constraint requirements.txt
