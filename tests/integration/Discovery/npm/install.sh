#!/usr/bin/env bash
# Installs the packages of package-lock.json, and no others, into the directory named.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cp "$here"/package.json "$here"/package-lock.json "$here"/peer.js "$1"
cd "$1" && npm ci --no-audit --no-fund --loglevel=error
