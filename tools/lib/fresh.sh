# fresh.sh -- numbers for chance to begin with: others for each commit, the same for everybody.
#
# Sourced by bash in the top folder.

# Prints one from 0 to 999,999,999: of the commit, or of the date where there is none.
fresh_seed() {
  local id
  id=$(git rev-parse --verify --quiet HEAD 2>/dev/null) || id=$(date +%s | sha1sum)
  printf '%d\n' "$((16#${id:0:8} % 1000000000))"
}
