#!/bin/sh
# ./run.sh ROW N   one row on CAF 0.17, built with -O2 when the program is missing or old.
# BENCH_PRINT=1 ./run.sh ROW N   builds, and prints the command instead of running it.
# ./run.sh check   is all here that it needs? If not, says what is missing and exits 1.
# Environment: BENCH_BUILD is the folder for what is built (default: build-peers in the top folder);
# BENCH_CORES is the number of scheduler threads (default: one per core; CAF's own is at least 4);
# BENCH_CAF_POLICY=stealing|sharing; BENCH_PEER renames the peer; CXX names another compiler.
set -e
cxx=${CXX:-g++}
if [ "$1" = check ]; then
  command -v "$cxx" >/dev/null || { echo "no $cxx"; exit 1; }
  echo '#include <caf/all.hpp>' | "$cxx" -std=c++17 -E -x c++ - >/dev/null 2>&1 ||
    { echo "no caf/all.hpp (Debian: libcaf-dev)"; exit 1; }
  exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
build=${BENCH_BUILD:-$here/../../../../build-peers}/caf
mkdir -p "$build"
if [ ! -x "$build/bench" ] || [ -n "$(find "$here" -name '*.?pp' -newer "$build/bench")" ]; then
  "$cxx" -std=c++17 -O2 -DNDEBUG -o "$build/bench.new" "$here"/*.cpp -lcaf_io -lcaf_core -lpthread
  mv "$build/bench.new" "$build/bench"
fi
[ -z "$BENCH_PRINT" ] || { echo "$build/bench" "$@"; exit 0; }
exec "$build/bench" "$@"
