#!/bin/sh
# A stand-in for python:3.11-slim where no image registry can be reached: Debian's own Python 3.11 out of Debian's
# packages, without compiled modules like the real one.  Its size is not that one's.  usage: python.sh NAME:TAG
set -eu
tag=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The machine's own package sources and certificates, whatever they are.
sources=$(ls /etc/apt/sources.list.d/debian.sources 2>/dev/null || echo /etc/apt/sources.list)
certificates=/etc/ssl/certs/ca-certificates.crt
# shellcheck disable=SC2016 # the hooks' shell is to expand what is in them
mmdebstrap --quiet --variant=apt \
    --include=ca-certificates,python3.11-minimal,python3.11-venv,python3-pip \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED' \
    --customize-hook='for name in python python3 python3.11; do ln -s /usr/bin/python3.11 "$1/usr/local/bin/$name"; done' \
    --customize-hook="cp $certificates \"\$1\"$certificates" \
    --customize-hook='find "$1"/usr/lib/python3 "$1"/usr/lib/python3.11 -name __pycache__ -prune -exec rm -r {} +' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    bookworm "$work/root.tar" "$sources"
docker import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
    --change "ENV SSL_CERT_FILE=$certificates PIP_CERT=$certificates REQUESTS_CA_BUNDLE=$certificates" \
    --change 'CMD ["python3"]' "$work/root.tar" "$tag" >/dev/null
