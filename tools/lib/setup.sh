# setup.sh -- what tools/check and tools/demo share: packages and builds.
#
# Sourced by bash with `top` set to the top folder. On Debian 12 it installs what
# is missing when it may (root, or sudo without a password); elsewhere, or when it
# may not, it says what to do. Nothing is asked; there may be no terminal.

# Exit code when packages are missing and cannot be installed from here.
SETUP_EXIT_PACKAGES=3

# What the library, the command and the tests are built with.
setup_build_packages=(meson ninja-build gcc libc6-dev pkg-config python3
  libuv1-dev libmsgpack-dev libsodium-dev zlib1g-dev libcmocka-dev
  libedit-dev libsqlite3-dev)
# The peer that nodes are tested against.
setup_erlang_packages=(erlang-base)
# What only tools/check needs: the other compiler, its sanitizers, C++ for the
# public headers, the formatter, a MessagePack that is not ours, Elixir, a debugger.
setup_check_packages=(g++ git clang libclang-rt-14-dev llvm-14 clang-format-14
  python3-msgpack elixir gcovr spin
  gdb binutils)

setup_say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Prints those of the packages that are not installed.
setup_missing() {
  local package status
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || printf '%s\n' "$package"
  done
}

# setup_packages PACKAGE...: returns when all are there, or ends the script.
setup_packages() {
  local missing as_root=() command
  if ! command -v dpkg-query >/dev/null; then
    setup_say "this is no Debian; it needs what Debian 12 calls: $*"
    return 0
  fi
  mapfile -t missing < <(setup_missing "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  command="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      setup_say "missing packages; as root run:"
      printf '  apt-get update && %s\n' "$command" >&2
      exit "$SETUP_EXIT_PACKAGES"
    fi
    as_root=(sudo -n)
  fi
  setup_say "installing ${missing[*]}"
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update -q && $command" </dev/null >"${TMPDIR:-/tmp}/agner-apt.$$" 2>&1; then
    tail -n 20 "${TMPDIR:-/tmp}/agner-apt.$$" >&2
    rm -f "${TMPDIR:-/tmp}/agner-apt.$$"
    setup_say "could not install them; as root run:"
    printf '  apt-get update && %s\n' "$command" >&2
    exit "$SETUP_EXIT_PACKAGES"
  fi
  rm -f "${TMPDIR:-/tmp}/agner-apt.$$"
}

# setup_build DIR [TARGET...]: configures DIR if it is not, and builds the targets
# (default: all). What the tools print goes to stderr only when they fail.
setup_build() {
  local dir=$1 log
  shift
  log=$dir.log
  mkdir -p "${dir%/*}"
  if [ ! -f "$dir/build.ninja" ] &&
    ! meson setup "$dir" "$top" </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    return 1
  fi
  if ! ninja -C "$dir" "$@" </dev/null >"$log" 2>&1; then
    grep -E -A 12 ': (fatal )?error:|^FAILED:|undefined reference' "$log" | head -n 60 >&2
    return 1
  fi
}
