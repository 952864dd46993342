#!/usr/bin/env bash
# Puts Debian's Chromium in place for the tests of the web page (tests/page).
# Says what it does, does nothing twice, and never fails: without a browser those tests are skipped with their reason.
set -uo pipefail

BROWSER=chromium

say() { echo "== browser: $*"; }

without() {
    say "$*; the tests of the web page will be skipped"
    exit 0
}

present() { "$BROWSER" --version --no-sandbox 2>/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null; }

if version=$(present); then
    say "$version is here"
    exit 0
fi
command -v apt-get >/dev/null || without "no $BROWSER here, and no apt-get to install it with"
as_root true 2>/dev/null || without "no $BROWSER here, and installing it needs root (apt-get install $BROWSER)"

say "installing $BROWSER with apt-get"
apt update || say "the package lists could not be refreshed; trying the ones at hand"
apt install -y --no-install-recommends "$BROWSER" || without "apt-get could not install $BROWSER"
version=$(present) || without "$BROWSER was installed but does not start"
say "installed $version"
