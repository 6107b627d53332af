#!/usr/bin/env bash
# npm-install.sh FROM TO: installs the packages of FROM/package-lock.json, and no others, into TO, unless they are there; and
# copies what runs them.
set -euo pipefail
from=$1 to=$2
mkdir -p "$to"
cp "$from"/*.mjs "$from"/package.json "$to"
cmp -s "$from/package-lock.json" "$to/package-lock.json" && [ -d "$to/node_modules" ] && exit 0
cp "$from"/package-lock.json "$to"
cd "$to" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
