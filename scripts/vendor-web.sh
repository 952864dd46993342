#!/usr/bin/env bash
# Fetches the libraries of the web page from their npm packages into serving/web/vendor, with their licences.
# Only for whoever moves them to newer versions: the files are in the repository, and a test holds them against SHA256SUMS.
set -euo pipefail

PREACT=11.2.0
HTM=3.1.1
INTER=5.3.0
FONTTOOLS=4.68.0
BROTLI=1.2.1

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
package @fontsource-variable/inter "$INTER"

rm -rf "$target"
mkdir -p "$target/licenses"
module "$work/preact/dist/preact.mjs" >"$target/preact-$PREACT.js"
# Browsers find a module by its address, not by a package's name.
module "$work/preact/hooks/dist/hooks.mjs" | sed "s|from\"preact\"|from\"./preact-$PREACT.js\"|" >"$target/preact-hooks-$PREACT.js"
module "$work/htm/dist/htm.module.js" >"$target/htm-$HTM.js"

# The page is written in few of the font's characters and weights.  The others it may meet in names are a second file,
# which browsers fetch when they need it.
python3 -m venv "$work/fonts"
"$work/fonts/bin/pip" install --quiet --disable-pip-version-check "fonttools==$FONTTOOLS" "brotli==$BROTLI"
font() { "$work/fonts/bin/python" -m "fontTools.$1" "${@:2}"; }
# characters NAME RANGES: the font with these alone, and their kerning and figures of one width
characters() {
    font subset "$work/inter.ttf" --unicodes="$2" --layout-features=kern,tnum --flavor=woff2 --output-file="$target/$1-$INTER.woff2"
}
font varLib.instancer --quiet --no-recalc-timestamp "$work/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2" wght=400:700 -o "$work/inter.ttf"
characters inter "U+0020-007E,U+00B7,U+00D7,U+00F7,U+2013,U+2019,U+201C,U+201D,U+2026,U+2212"
characters inter-more "U+00A0-00B6,U+00B8-00D6,U+00D8-00F6,U+00F8-0131,U+0152-0153,U+02BB-02DC,U+2014-2018,U+201A-201B,U+201E-2025,U+2027-2211"
for name in preact htm; do cp "$work/$name/LICENSE" "$target/licenses/$name.txt"; done
cp "$work/@fontsource-variable/inter/LICENSE" "$target/licenses/inter.txt"

cat >"$target/README.md" <<TABLE
# Libraries of the web page

Written by \`scripts/vendor-web.sh\`; not edited by hand.

| File | Package | Version | Licence | Changed |
| --- | --- | --- | --- | --- |
| \`preact-$PREACT.js\` | preact | $PREACT | MIT | the comment that names a source map is gone |
| \`preact-hooks-$PREACT.js\` | preact | $PREACT | MIT | the same, and \`"preact"\` is a relative address |
| \`htm-$HTM.js\` | htm | $HTM | Apache-2.0 | no |
| \`inter-$INTER.woff2\` | @fontsource-variable/inter | $INTER | OFL-1.1 | the characters and weights (400 to 700) that the page is written in |
| \`inter-more-$INTER.woff2\` | @fontsource-variable/inter | $INTER | OFL-1.1 | the other Latin characters, in these weights |

Their licences are in \`licenses/\`, their digests in \`SHA256SUMS\`.  The version is part of the name, so browsers may keep them for good.
TABLE
(cd "$target" && sha256sum ./*.js ./*.woff2 >SHA256SUMS)
