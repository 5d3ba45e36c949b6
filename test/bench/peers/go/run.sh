#!/bin/sh
# ./run.sh ROW N   one row in plain Go, built when the program is missing or old.
# BENCH_PRINT=1 ./run.sh ROW N   builds, and prints the command instead of running it.
# ./run.sh check   is all here that it needs? If not, says what is missing and exits 1.
# Environment: BENCH_BUILD is the folder for what is built (default: build-peers in the top folder);
# BENCH_CORES sets GOMAXPROCS; BENCH_PEER renames the peer.
set -e
if [ "$1" = check ]; then
  command -v go >/dev/null || { echo "no go (Debian: golang-go)"; exit 1; }
  exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
build=${BENCH_BUILD:-$here/../../../../build-peers}/go
mkdir -p "$build"
if [ ! -x "$build/bench" ] || [ -n "$(find "$here" -name '*.go' -newer "$build/bench")" ]; then
  build=$(cd "$build" && pwd)
  (cd "$here" && go build -o "$build/bench" .)
fi
[ -z "$BENCH_PRINT" ] || { echo "$build/bench" "$@"; exit 0; }
exec "$build/bench" "$@"
