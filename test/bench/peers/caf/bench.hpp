// bench.hpp -- what the programs of CAF's rows share.
#ifndef BENCH_HPP
#define BENCH_HPP
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "caf/all.hpp"

using namespace caf;
using std::chrono::milliseconds;
using std::chrono::seconds;

using ping_a = atom_constant<atom("ping")>;
using pong_a = atom_constant<atom("pong")>;
using go_a = atom_constant<atom("go")>;
using done_a = atom_constant<atom("done")>;
using tag_a = atom_constant<atom("tag")>;
using next_a = atom_constant<atom("next")>;
using incr_a = atom_constant<atom("incr")>;
using query_a = atom_constant<atom("query")>;
using tick_a = atom_constant<atom("tick")>;
using stop_a = atom_constant<atom("stop")>;
using make_a = atom_constant<atom("make")>;
using meet_a = atom_constant<atom("meet")>;
using met_a = atom_constant<atom("met")>;
using credit_a = atom_constant<atom("credit")>;
using debit_a = atom_constant<atom("debit")>;
using sum_a = atom_constant<atom("sum")>;

using i64 = int64_t;

inline i64 now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::steady_clock::now().time_since_epoch())
    .count();
}
inline const char* peer() {
  auto p = getenv("BENCH_PEER");
  return p ? p : "caf";
}
inline void out(const std::string& name, const std::string& metric, double v, const char* unit) {
  printf("%s %s %s %.4f %s\n", name.c_str(), peer(), metric.c_str(), v, unit);
  fflush(stdout);
}
inline double rss() {
  std::ifstream f("/proc/self/statm");
  long a = 0, b = 0;
  f >> a >> b;
  return double(b) * 4096;
}
inline void nap(int ms) { std::this_thread::sleep_for(milliseconds(ms)); }

inline void wait_done(scoped_actor& self, i64 k) {
  for (i64 i = 0; i < k; ++i)
    self->receive([](done_a) {});
}

// Rows that are elsewhere: false if it is none of them.
bool savina_row(actor_system& sys, const std::string& name, i64 n);
bool idle_row(actor_system& sys, const std::string& name, i64 n);

#endif
