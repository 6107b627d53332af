#!/usr/bin/env bash
# How many branches of Crdt.Core the tests take, and which they do not: tests/coverage/run.sh [properties|integration ...]
# CRDT_PROPERTY_CASES says how many cases a law has, as everywhere; here a fifth unless told.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CRDT_PROPERTY_CASES="${CRDT_PROPERTY_CASES:-0.2}" DOTNET_NOLOGO=1
out="$PWD/artifacts/coverage"
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(properties integration)

dotnet build tests/coverage -c Release -clp:ErrorsOnly
collector=$(dotnet msbuild tests/coverage/Coverage.csproj -getProperty:Pkgcoverlet_collector)
for suite in "${suites[@]}"; do
  rm -rf "${out:?}/$suite"
  # Not optimised: that moves branches away from the lines that they are of. What counts makes Core touch files, and allocate.
  dotnet test "tests/$suite" -c Debug -p:Optimize=false --nologo -clp:ErrorsOnly -p:RunAnalyzers=false --filter "FullyQualifiedName!~ArchitectureTests&FullyQualifiedName!~CostTests" --test-adapter-path "$(dirname "$collector"/build/*/coverlet.collector.dll)" \
    --collect "XPlat Code Coverage" --settings tests/coverage/coverage.runsettings --results-directory "$out/$suite" || true
done
dotnet run --project tests/coverage -c Release --no-build -- "$out"
