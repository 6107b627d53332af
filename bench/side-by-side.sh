#!/usr/bin/env bash
# Runs the other systems' workloads and ours in turn, and prints the table of aims (docs/performance.md).
#   bench/side-by-side.sh WORKLOADS [RESULTS]   WORKLOADS: the folder with the other systems' runners (run.sh)
#   bench/side-by-side.sh - RESULTS             ours alone, beside what stands in RESULTS
# Needs the .NET 10 SDK; Node 20 and npm for the other systems. About a quarter of an hour.
set -euo pipefail
workloads=${1:?the folder of the other systems\' runners, or -}
results=${2:-$PWD/bench-results}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$results"
dotnet build "$here/Crdt.Bench" -c Release -v quiet --nologo >/dev/null
bench() { dotnet run --project "$here/Crdt.Bench" -c Release --no-build -- "$@"; }

bench workloads "$results"
if [ "$workloads" != - ]; then
  # Beside a copy: the runners write into their own folder.
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  cp -r "$workloads/." "$copy/"
  chmod -R u+w "$copy"
  for system in limits floor akka yjs loro; do "$copy/run.sh" "$system" >/dev/null; done
  for system in dotnet-limits dotnet-floor dotnet-akka node-yjs node-loro; do cp "$copy/results/$system.json" "$results/"; done
fi
bench aims "$results"
