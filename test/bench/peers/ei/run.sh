#!/bin/sh
# ./run.sh codec MS   the codec row on ei, built with -O2 when the program is missing or old.
# ./run.sh check      is all here that it needs? If not, says what is missing and exits 1.
# Environment: BENCH_BUILD is the folder for what is built (default: build-peers in the top folder);
# BENCH_PEER renames the peer; EI_CFLAGS and EI_LIBS say where an unusual installation has it.
set -e
cc=${CC:-cc}
if [ "$1" = check ]; then
  command -v "$cc" >/dev/null || { echo "no $cc"; exit 1; }
  echo '#include <ei.h>' | "$cc" $EI_CFLAGS -E - >/dev/null 2>&1 ||
    { echo "no ei.h (Debian: erlang-dev)"; exit 1; }
  exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
build=${BENCH_BUILD:-$here/../../../../build-peers}/ei
mkdir -p "$build"
if [ ! -x "$build/bench" ] || [ "$here/bench.c" -nt "$build/bench" ]; then
  "$cc" -O2 $EI_CFLAGS -o "$build/bench.new" "$here/bench.c" ${EI_LIBS:--lei} -lpthread
  mv "$build/bench.new" "$build/bench"
fi
exec "$build/bench" "$@"
