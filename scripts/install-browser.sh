#!/usr/bin/env bash
# Puts Debian's Chromium in place for the tests of the web page (tests/page).
# Says what it does, does nothing twice, and never fails: without a browser those tests are skipped with their reason.
set -uo pipefail

# The headless shell takes half the processor time; where it cannot be had the whole browser does as well.
BROWSERS=(chromium-headless-shell chromium)

say() { echo "== browser: $*"; }

without() {
    say "$*; the tests of the web page will be skipped"
    exit 0
}

present() { "$1" --version --no-sandbox 2>/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null; }

for browser in "${BROWSERS[@]}"; do
    if version=$(present "$browser"); then
        say "$version is here"
        exit 0
    fi
done
command -v apt-get >/dev/null || without "no ${BROWSERS[*]} here, and no apt-get to install one with"
as_root true 2>/dev/null || without "no ${BROWSERS[*]} here, and installing one needs root (apt-get install ${BROWSERS[0]})"

say "installing ${BROWSERS[0]} with apt-get"
apt update || say "the package lists could not be refreshed; trying the ones at hand"
for browser in "${BROWSERS[@]}"; do
    if apt install -y --no-install-recommends "$browser" && version=$(present "$browser"); then
        say "installed $version"
        exit 0
    fi
    say "$browser could not be installed, or does not start"
done
without "no browser could be installed"
