#!/usr/bin/env bash
# Fetches the libraries of the web page from their npm packages into serving/web/vendor, with their licences.
# Only for whoever moves them to newer versions: the files are in the repository, and a test holds them against SHA256SUMS.
set -euo pipefail

PREACT=11.2.0
HTM=3.1.1
UPLOT=1.6.32
INTER=5.3.0

target=$(cd "$(dirname "$0")/../serving/web" && pwd)/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# package NAME VERSION: its content, unpacked in $work/NAME
package() {
    mkdir -p "$work/$1"
    (cd "$work" && npm pack --silent "$1@$2" >/dev/null && tar xzf ./*.tgz -C "$work/$1" --strip-components 1 && rm ./*.tgz)
}

# module FILE: without the line that names a source map, which is not brought along
module() { sed '/^\/\/# sourceMappingURL=/d' "$1"; }

package preact "$PREACT"
package htm "$HTM"
package uplot "$UPLOT"
package @fontsource-variable/inter "$INTER"

rm -rf "$target"
mkdir -p "$target/licenses"
module "$work/preact/dist/preact.mjs" >"$target/preact-$PREACT.js"
# Browsers find a module by its address, not by a package's name.
module "$work/preact/hooks/dist/hooks.mjs" | sed "s|from\"preact\"|from\"./preact-$PREACT.js\"|" >"$target/preact-hooks-$PREACT.js"
module "$work/htm/dist/htm.module.js" >"$target/htm-$HTM.js"
# Only the script form is published small; this one line makes a module of it.
{ cat "$work/uplot/dist/uPlot.iife.min.js"; echo; echo "export default uPlot;"; } >"$target/uplot-$UPLOT.js"
cp "$work/uplot/dist/uPlot.min.css" "$target/uplot-$UPLOT.css"
cp "$work/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2" "$target/inter-$INTER.woff2"
for name in preact htm uplot; do cp "$work/$name/LICENSE" "$target/licenses/$name.txt"; done
cp "$work/@fontsource-variable/inter/LICENSE" "$target/licenses/inter.txt"

cat >"$target/README.md" <<TABLE
# Libraries of the web page

Written by \`scripts/vendor-web.sh\`; not edited by hand.

| File | Package | Version | Licence | Changed |
| --- | --- | --- | --- | --- |
| \`preact-$PREACT.js\` | preact | $PREACT | MIT | the comment that names a source map is gone |
| \`preact-hooks-$PREACT.js\` | preact | $PREACT | MIT | the same, and \`"preact"\` is a relative address |
| \`htm-$HTM.js\` | htm | $HTM | Apache-2.0 | no |
| \`uplot-$UPLOT.js\` | uplot | $UPLOT | MIT | a last line exports it |
| \`uplot-$UPLOT.css\` | uplot | $UPLOT | MIT | no |
| \`inter-$INTER.woff2\` | @fontsource-variable/inter | $INTER | OFL-1.1 | no |

Their licences are in \`licenses/\`, their digests in \`SHA256SUMS\`.  The version is part of the name, so browsers may keep them for good.
TABLE
(cd "$target" && sha256sum ./*.js ./*.css ./*.woff2 >SHA256SUMS)
