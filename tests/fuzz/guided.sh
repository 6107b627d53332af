#!/usr/bin/env bash
# Fuzzes guided by branches: tests/fuzz/guided.sh [--inputs N] [--seed S] [--target NAME]
# Instruments a copy of what reads foreign bytes with SharpFuzz, and adds the inputs that went where none had gone to tests/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
out="$PWD/artifacts/fuzz"
dotnet build tests/fuzz -c Release -clp:ErrorsOnly --nologo
rm -rf "$out" && mkdir -p "$out"
cp -r tests/fuzz/bin/Release/net10.0/. "$out"
dotnet tool install SharpFuzz.CommandLine --version 2.3.0 --tool-path "$out/tool" >/dev/null
for assembly in Crdt.Core Crdt.Transport; do "$out/tool/sharpfuzz" "$out/$assembly.dll"; done
exec dotnet "$out/Crdt.Fuzz.dll" --guided tests/fuzz/corpus "$@"
