// idle.cpp -- rows latency_idle and timer_fire, and those that are measured from outside: hello,
// empty, idle. There is no row latency: actors that compute keep CAF's two threads to themselves.
#include <algorithm>
#include <atomic>

#include "bench.hpp"

namespace {

// Microseconds below which that part of a sorted list is.
double share(const std::vector<double>& sorted, double part) {
  auto i = i64(double(sorted.size()) * part + 0.999999) - 1;
  return sorted[size_t(std::max<i64>(i, 0))] / 1000;
}

// ---- latency_idle: a ping each millisecond, whether the last one was answered or not
std::vector<double> rtt, e2e;

struct pinger_state {
  i64 zero = 0, next = 1;
};
void set_tick(stateful_actor<pinger_state>* self) {
  auto due = self->state.zero + self->state.next * 1000000;
  self->delayed_send(self, std::chrono::nanoseconds(std::max<i64>(0, due - now())), tick_a::value);
}
behavior pinger(stateful_actor<pinger_state>* self, actor echo, i64 n, actor boss) {
  self->state.zero = now() + 10000000;
  set_tick(self);
  return {[=](tick_a) {
            auto& st = self->state;
            for (; st.next <= n; ++st.next) {
              auto t = now();
              if (t < st.zero + st.next * 1000000)
                break;
              self->send(echo, ping_a::value, actor{self}, st.next, t);
            }
            if (st.next <= n)
              set_tick(self);
          },
          [=](pong_a, i64 i, i64 sent) {
            auto t = now();
            rtt.push_back(double(t - sent));
            e2e.push_back(double(t - (self->state.zero + i * 1000000)));
            if (i64(rtt.size()) == n)
              self->send(boss, done_a::value);
          }};
}
behavior echo_fun(event_based_actor* self) {
  return {[=](ping_a, const actor& from, i64 i, i64 sent) { self->send(from, pong_a::value, i, sent); }};
}
void latency(actor_system& sys, const std::string& name, i64 n) {
  scoped_actor self{sys};
  sys.spawn(pinger, sys.spawn(echo_fun), n, actor{self});
  wait_done(self, 1);
  for (auto what : {"rtt", "e2e"}) {
    auto& times = *what == 'r' ? rtt : e2e;
    std::sort(times.begin(), times.end());
    out(name, std::string(what) + "_p50", share(times, 0.5), "us");
    out(name, std::string(what) + "_p99", share(times, 0.99), "us");
    out(name, std::string(what) + "_p99.9", share(times, 0.999), "us");
  }
}

// ---- timer_fire
behavior fire(event_based_actor* self, i64 n, std::vector<double>* late, actor boss) {
  auto zero = now() + 200000000;
  for (i64 i = 1; i <= n; ++i) {
    auto due = zero + i * 7919 % 1000 * 1000000;
    self->delayed_send(self, std::chrono::nanoseconds(due - now()), tick_a::value, due);
  }
  return {[=](tick_a, i64 due) {
    late->push_back(double(now() - due));
    if (i64(late->size()) == n)
      self->send(boss, done_a::value);
  }};
}

// ---- from outside: says so, and goes on at the next line of input
void ready() {
  puts("READY");
  fflush(stdout);
  for (int c = getchar(); c != EOF && c != '\n';)
    c = getchar();
}

std::atomic<i64> ticks{0};

behavior ticker(event_based_actor* self, int ms) {
  self->delayed_send(self, milliseconds(ms), tick_a::value);
  return {[=](tick_a) {
    ++ticks;
    self->delayed_send(self, seconds(1), tick_a::value);
  }};
}
behavior idle_server(event_based_actor* self) {
  (void)self;
  return {[](incr_a) { return i64{1}; }};
}
void idle(actor_system& sys, const std::string& name, i64 n) {
  std::vector<actor> all;
  for (i64 i = 0; i < n; ++i)
    all.push_back(sys.spawn(idle_server));
  ready();
  for (int i = 0; i < 1000; ++i)
    sys.spawn(ticker, i);
  auto t = now();
  auto before = ticks.load();
  ready();
  out(name, "ticks_per_s", double(ticks - before) * 1e9 / double(now() - t), "ticks/s");
}
behavior hello(event_based_actor* self) {
  return {[=](ping_a, const actor& from) { self->send(from, pong_a::value); }};
}

} // namespace

bool idle_row(actor_system& sys, const std::string& name, i64 n) {
  scoped_actor self{sys};
  if (name == "latency_idle") {
    latency(sys, name, n);
  } else if (name == "timer_fire") {
    std::vector<double> late;
    sys.spawn(fire, n, &late, actor{self});
    wait_done(self, 1);
    std::sort(late.begin(), late.end());
    out(name, "late_p50", share(late, 0.5), "us");
    out(name, "late_p99", share(late, 0.99), "us");
    out(name, "late_max", share(late, 1), "us");
  } else if (name == "hello") {
    self->send(sys.spawn(hello), ping_a::value, actor{self});
    self->receive([](pong_a) { puts("hello"); });
  } else if (name == "empty") {
    ready();
  } else if (name == "idle") {
    idle(sys, name, n);
  } else {
    return false;
  }
  return true;
}
