#!/bin/sh
# ./run.sh ROW N   one row on BEAM; the module is compiled when it is missing or old.
# ./run.sh serve NAME   the other node of a row of ours; prints its port, ends with its input.
# BENCH_PRINT=1 ./run.sh ROW N   for hello, empty, idle: builds, and prints the command that is to be measured.
# ./run.sh check   is all here that it needs? If not, says what is missing and exits 1.
# Rows `stage`, `stage_broadcast` and `dist_stage` want GenStage: GEN_STAGE_EBIN is the folder of its compiled modules;
# Elixir's are found by `elixir`.
# Environment: BENCH_BUILD is the folder for what is built (default: build-peers in the top folder);
# BENCH_CORES=1 for one scheduler; BENCH_ERL_FLAGS adds flags (for instance "+sbwt none"); BENCH_PEER
# renames the peer; ERL and ERLC name another installation; BENCH_EPMD_PORT is a free port;
# BENCH_OTHER is a program that serves as the other node (agner-bench), instead of a second BEAM;
# BENCH_TLS=1: the distribution over TLS 1.3, with a certificate that is made for it and that nobody checks.
set -e
erl=${ERL:-erl}
erlc=${ERLC:-erlc}
if [ "$1" = check ]; then
  for tool in "$erl" "$erlc"; do
    command -v "$tool" >/dev/null || { echo "no $tool (Debian: erlang-base)"; exit 1; }
  done
  [ -n "$BENCH_TLS" ] || exit 0
  command -v openssl >/dev/null || { echo "no openssl"; exit 1; }
  "$erl" -noshell -eval 'halt(case code:lib_dir(ssl) of {error, _} -> 1; _ -> 0 end).' ||
    { echo "no ssl application (Debian: erlang-ssl)"; exit 1; }
  exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
build=${BENCH_BUILD:-$here/../../../../build-peers}/beam
mkdir -p "$build"
if [ ! -f "$build/bench.beam" ] || [ -n "$(find "$here" -name '*.erl' -newer "$build/bench.beam")" ]; then
  "$erlc" +deterministic -o "$build" "$here"/bench_*.erl "$here/bench.erl"
fi
flags="$BENCH_ERL_FLAGS"
[ "$BENCH_CORES" = 1 ] && flags="$flags +S 1:1"
if [ -n "$BENCH_TLS" ]; then
  tls=$build/tls
  if [ ! -f "$tls.conf" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=127.0.0.1 \
      -keyout "$tls.key" -out "$tls.pem" 2>/dev/null
    cat >"$tls.conf.$$" <<END
[{server, [{certfile, "$tls.pem"}, {keyfile, "$tls.key"}, {versions, ['tlsv1.3']}]},
 {client, [{versions, ['tlsv1.3']}, {verify, verify_none}]}].
END
    mv "$tls.conf.$$" "$tls.conf"
  fi
  flags="$flags -proto_dist inet_tls -ssl_dist_optfile $tls.conf"
fi
case "$1" in *stage*)
  if [ -z "$GEN_STAGE_EBIN" ] || ! command -v elixir >/dev/null; then
    echo "row $1 wants elixir, and GEN_STAGE_EBIN to say where GenStage is" >&2
    exit 1
  fi
esac
if [ -n "$GEN_STAGE_EBIN" ]; then
  elixir_ebin=$(ELIXIR_ERL_OPTIONS=+fnu elixir -e 'IO.puts(:code.lib_dir(:elixir))')/ebin
  flags="$flags -pa $GEN_STAGE_EBIN -pa $elixir_ebin -pa $elixir_ebin/../../logger/ebin"
fi
case "$1" in
dist_* | serve)
  # a name server of our own on a port of our own, so that nothing is left behind
  ERL_EPMD_PORT=${BENCH_EPMD_PORT:-43691}
  ERL_EPMD_ADDRESS=127.0.0.1
  export ERL_EPMD_PORT ERL_EPMD_ADDRESS
  epmd=$("$erl" -noshell -eval 'io:put_chars(filename:join([code:root_dir(), "bin", "epmd"])), halt().')
  [ -x "$epmd" ] || epmd=epmd
  "$epmd" >/dev/null 2>&1 &
  epmd_pid=$!
  trap 'kill $epmd_pid 2>/dev/null' EXIT INT TERM
  tries=0
  until "$epmd" -names >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "epmd did not start" >&2; exit 1; }
    sleep 0.05
  done
  if [ "$1" = serve ]; then
    set -- -name "$2" -s bench serve
  else
    set -- -noinput -name "cli$$@127.0.0.1" -s bench main -extra "$@"
  fi
  BENCH_ERL_FLAGS="$flags" "$erl" $flags +P 4000000 -noshell -pa "$build" \
    -setcookie peers_bench -kernel inet_dist_use_interface '{127,0,0,1}' "$@"
  ;;
hello | empty | idle)
  [ "$1" = idle ] && flags="$flags +P 4000000"
  set -- "$erl" $flags -noshell -pa "$build" -s bench main -extra "$@"
  [ -z "$BENCH_PRINT" ] || { echo "$@"; exit 0; }
  exec "$@"
  ;;
*)
  # the process table that a million processes need
  exec "$erl" $flags +P 4000000 -noshell -noinput -pa "$build" -s bench main -extra "$@"
  ;;
esac
