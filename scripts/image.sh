#!/usr/bin/env bash
# Builds the image: the Bento, BentoML's image of it, and ours out of that (deploy/image/Dockerfile).
#
#   scripts/image.sh [TAG]                       TAG is lens:<version of pyproject.toml> and lens:latest where not given
#   ENGINE=docker|podman|buildah                 who builds; docker
#   RUNTIME=cpu|gpu                              gpu brings ONNX Runtime with CUDA and its libraries
#   BENTOML=.venv/bin/bentoml                    whose BentoML packs
#   REVISION=<commit> SOURCE=<address>           what the labels say; the checkout's commit, and nothing
set -euo pipefail
cd "$(dirname "$0")/.."

ENGINE=${ENGINE:-docker}
RUNTIME=${RUNTIME:-cpu}
BENTOML=${BENTOML:-$PWD/.venv/bin/bentoml}
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
suffix=$([ "$RUNTIME" = cpu ] || echo "-$RUNTIME")
tags=("${1:-lens:$VERSION$suffix}")
[ "$#" -gt 0 ] || tags+=("lens:latest$suffix")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BENTOML_HOME=$work/bentoml LENS_HOME=$work/lens BENTOML_DO_NOT_TRACK=True BUILDAH_FORMAT=docker
mkdir -p "$BENTOML_HOME"

echo "== packing the Bento"
"$BENTOML" build --version "$VERSION" --output tag >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

echo "== BentoML's image of it, with $ENGINE"
plain=""
[ "$ENGINE" != docker ] || plain="--opt progress=plain"
# shellcheck disable=SC2086 # two words or none
"$BENTOML" containerize "lens:$VERSION" --backend "$ENGINE" $plain -t "lens-bento:$VERSION" >"$work/image.log" 2>&1 ||
    { tail -40 "$work/image.log"; exit 1; }

echo "== ${tags[*]}, RUNTIME=$RUNTIME"
names=()
for tag in "${tags[@]}"; do names+=(-t "$tag"); done
"$ENGINE" build "${names[@]}" \
    --build-arg BENTO="lens-bento:$VERSION" --build-arg RUNTIME="$RUNTIME" --build-arg VERSION="$VERSION" \
    --build-arg REVISION="$REVISION" --build-arg SOURCE="${SOURCE:-unknown}" deploy/image >"$work/ours.log" 2>&1 ||
    { tail -40 "$work/ours.log"; exit 1; }
# BentoML's own has served; what is in both is kept by ours.
"$ENGINE" rmi "lens-bento:$VERSION" >/dev/null 2>&1 || true
[ "$ENGINE" = buildah ] || "$ENGINE" image inspect --format '{{.Size}}' "${tags[0]}" |
    awk '{printf "== %.0f MB\n", $1 / 1000000}'
