#!/usr/bin/env bash
# Installs the packages of package-lock.json, and no others, into the directory named, unless they are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cp "$here"/*.mjs "$here"/package.json "$1"
cmp -s "$here/package-lock.json" "$1/package-lock.json" && [ -d "$1/node_modules" ] && exit 0
cp "$here"/package-lock.json "$1"
cd "$1" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
