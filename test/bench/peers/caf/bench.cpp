// bench.cpp -- the rows for CAF 0.17 (the C++ Actor Framework), with event-based actors.
// Run by run.sh: ./run.sh ROW N    prints `row caf metric value unit`.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caf/all.hpp"
#include "caf/io/all.hpp"

#include "bench.hpp"

namespace {

// ---- pingpong
behavior pong_fun(event_based_actor* self) {
  return {[=](ping_a, const actor& from, i64 n) { self->send(from, pong_a::value, n); }};
}
behavior ping_fun(event_based_actor* self, actor b, i64 n, actor main, bool forever) {
  return {[=](go_a) { self->send(b, ping_a::value, actor{self}, n); },
          [=](pong_a, i64 k) {
            if (k > 1 || forever)
              self->send(b, ping_a::value, actor{self}, k - 1);
            else {
              self->send_exit(b, exit_reason::user_shutdown);
              self->send(main, done_a::value);
              self->quit();
            }
          }};
}
i64 pingpong(actor_system& sys, i64 pairs, i64 n) {
  scoped_actor self{sys};
  std::vector<actor> as;
  for (i64 i = 0; i < pairs; ++i)
    as.push_back(sys.spawn(ping_fun, sys.spawn(pong_fun), n / pairs / 2, actor{self}, false));
  auto t0 = now();
  for (auto& a : as)
    self->send(a, go_a::value);
  wait_done(self, pairs);
  return now() - t0;
}

// ---- ring
struct ring_state { actor next; };
behavior ring_fun(stateful_actor<ring_state>* self, actor next, actor main) {
  self->state.next = next;
  return {[=](next_a, const actor& x) { self->state.next = x; },
          [=](tag_a, i64 n) {
            if (n == 0)
              self->send(main, done_a::value);
            else
              self->send(self->state.next, tag_a::value, n - 1);
          }};
}
i64 ring(actor_system& sys, int k, i64 n) {
  scoped_actor self{sys};
  std::vector<actor> as;
  auto first = sys.spawn(ring_fun, actor{}, actor{self});
  as.push_back(first);
  auto next = first;
  for (int i = 1; i < k; ++i)
    as.push_back(next = sys.spawn(ring_fun, next, actor{self}));
  self->send(first, next_a::value, next);
  auto t0 = now();
  self->send(first, tag_a::value, n);
  wait_done(self, 1);
  auto t1 = now();
  for (auto& a : as)
    self->send_exit(a, exit_reason::kill);
  return t1 - t0;
}

// ---- fanin, fanout
struct count_state { i64 left = 0; };
behavior count_fun(stateful_actor<count_state>* self, i64 n, actor main) {
  self->state.left = n;
  return {[=](tag_a, i64) {
    if (--self->state.left == 0) {
      self->send(main, done_a::value);
      self->quit();
    }
  }};
}
behavior blast_fun(event_based_actor* self, actor r, i64 n) {
  return {[=](go_a) {
    for (i64 i = 0; i < n; ++i)
      self->send(r, tag_a::value, i);
    self->quit();
  }};
}
i64 fanin(actor_system& sys, int senders, i64 n) {
  scoped_actor self{sys};
  auto r = sys.spawn(count_fun, n / senders * senders, actor{self});
  std::vector<actor> ss;
  for (int i = 0; i < senders; ++i)
    ss.push_back(sys.spawn(blast_fun, r, n / senders));
  auto t0 = now();
  for (auto& s : ss)
    self->send(s, go_a::value);
  wait_done(self, 1);
  return now() - t0;
}
i64 fanout(actor_system& sys, int rs, i64 n) {
  scoped_actor self{sys};
  i64 per = n / rs;
  std::vector<actor> as;
  for (int i = 0; i < rs; ++i)
    as.push_back(sys.spawn(count_fun, per, actor{self}));
  auto t0 = now();
  sys.spawn([as, per](event_based_actor* s) {
    for (i64 j = 0; j < per; ++j)
      for (auto& a : as)
        s->send(a, tag_a::value, j);
  });
  wait_done(self, rs);
  return now() - t0;
}

// ---- call
struct counter_state { i64 n = 0; };
behavior server_fun(stateful_actor<counter_state>* self) {
  return {[=](incr_a) { return ++self->state.n; },
          [=](query_a, const actor& who) {
            ++self->state.n;
            self->send(who, done_a::value);
          }};
}
struct client_impl : event_based_actor {
  client_impl(actor_config& cfg, actor s, i64 n, actor main) : event_based_actor(cfg), srv(s), left(n), who(main) {}
  behavior make_behavior() override {
    return {[this](go_a) { step(); }};
  }
  void step() {
    if (left-- == 0) {
      send(who, done_a::value);
      quit();
      return;
    }
    request(srv, seconds(5), incr_a::value).then([this](i64) { step(); });
  }
  actor srv;
  i64 left;
  actor who;
};
i64 clients(actor_system& sys, const std::vector<actor>& srv, int c, i64 per) {
  scoped_actor self{sys};
  std::vector<actor> cs;
  for (int i = 0; i < c; ++i)
    cs.push_back(sys.spawn<client_impl>(srv[size_t(i) % srv.size()], per, actor{self}));
  auto t0 = now();
  for (auto& x : cs)
    self->send(x, go_a::value);
  wait_done(self, c);
  return now() - t0;
}

// ---- spawn, skynet
behavior seq_fun(stateful_actor<count_state>* self, i64 n, actor main) {
  self->state.left = n;
  auto step = [=] {
    if (self->state.left-- == 0) {
      self->send(main, done_a::value);
      self->quit();
      return;
    }
    self->spawn([boss = actor{self}](event_based_actor* s) { s->send(boss, next_a::value); });
  };
  return {[=](go_a) { step(); }, [=](next_a) { step(); }};
}
behavior gsseq_fun(stateful_actor<count_state>* self, i64 n, actor main) {
  self->state.left = n;
  auto step = [=] {
    if (self->state.left-- == 0) {
      self->send(main, done_a::value);
      self->quit();
      return;
    }
    auto s = self->spawn<monitored>(server_fun);
    self->send_exit(s, exit_reason::user_shutdown);
  };
  self->set_down_handler([=](down_msg&) { step(); });
  return {[=](go_a) { step(); }};
}
struct sum_state { i64 sum = 0; int left = 10; };
behavior sky_fun(stateful_actor<sum_state>* self, actor parent, i64 num, i64 size) {
  if (size == 1) {
    self->send(parent, tag_a::value, num);
    return {};
  }
  for (i64 i = 0; i < 10; ++i)
    self->spawn(sky_fun, actor{self}, num + i * (size / 10), size / 10);
  return {[=](tag_a, i64 x) {
    self->state.sum += x;
    if (--self->state.left == 0) {
      self->send(parent, tag_a::value, self->state.sum);
      self->quit();
    }
  }};
}
i64 skynet(actor_system& sys, i64 n) {
  scoped_actor self{sys};
  auto t0 = now();
  sys.spawn(sky_fun, actor{self}, i64{0}, n);
  i64 sum = -1;
  self->receive([&](tag_a, i64 x) { sum = x; });
  auto t1 = now();
  if (sum != n * (n - 1) / 2) {
    fprintf(stderr, "wrong sum\n");
    exit(1);
  }
  return t1 - t0;
}

// ---- two nodes
struct sink_state { i64 left = 0; actor who; };
behavior sink_fun(stateful_actor<sink_state>* self) {
  return {[=](make_a, i64 n, const actor& who) {
            self->state.left = n;
            self->state.who = who;
            return true;
          },
          [=](tag_a, i64) {
            if (--self->state.left == 0)
              self->send(self->state.who, done_a::value);
          },
          [=](tag_a, const std::string&) {
            if (--self->state.left == 0)
              self->send(self->state.who, done_a::value);
          },
          [=](incr_a) { return i64{1}; },
          [=](make_a) { return actor{self->spawn(server_fun)}; },
          [=](stop_a) { self->quit(); }};
}
int serve(actor_system& sys) {
  auto s = sys.spawn(sink_fun);
  auto p = sys.middleman().publish(s, 0, "127.0.0.1");
  if (!p)
    return 1;
  printf("%u\n", unsigned(*p));
  fflush(stdout);
  for (;;)
    pause();
}
struct child { pid_t pid; uint16_t port; };
child start_server(const char* self_path) {
  int fd[2];
  if (pipe(fd))
    exit(1);
  auto p = fork();
  if (p == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); // never outlives the client
    dup2(fd[1], 1);
    close(fd[0]);
    close(fd[1]);
    execl(self_path, self_path, "serve", "0", nullptr);
    _exit(127);
  }
  close(fd[1]);
  auto f = fdopen(fd[0], "r");
  unsigned port = 0;
  if (fscanf(f, "%u", &port) != 1)
    exit(1);
  fclose(f);
  return {p, uint16_t(port)};
}
void stop_server(const child& c) {
  kill(c.pid, SIGKILL);
  waitpid(c.pid, nullptr, 0);
}
actor connect(actor_system& sys, uint16_t port) {
  auto r = sys.middleman().remote_actor("127.0.0.1", port);
  if (!r) {
    fprintf(stderr, "cannot connect\n");
    exit(1);
  }
  return *r;
}
void prepare(scoped_actor& self, const actor& s, i64 n) {
  self->request(s, seconds(5), make_a::value, n, actor{self}).receive([](bool) {}, [](error&) { exit(1); });
}

} // namespace

int main(int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "";
  i64 n = argc > 2 ? atoll(argv[2]) : 0;
  actor_system_config cfg;
  auto cores = getenv("BENCH_CORES");
  cfg.set("scheduler.max-threads", cores ? size_t(atoi(cores)) : size_t(std::thread::hardware_concurrency()));
  if (auto pol = getenv("BENCH_CAF_POLICY"))
    cfg.set("scheduler.policy", atom_from_string(pol));
  bool dist = name.compare(0, 5, "dist_") == 0 || name == "serve";
  if (dist)
    cfg.load<io::middleman>();
  auto sysp = new actor_system(cfg); // never torn down: the process ends by _exit
  auto& sys = *sysp;
  auto dn = double(n);
  auto per_s = [&](i64 d) { return dn * 1e9 / double(d); };
  if (name == "pingpong") {
    pingpong(sys, 1, n / 10);
    out(name, "ns_per_msg", double(pingpong(sys, 1, n)) / dn, "ns");
  } else if (name == "pingpong_many") {
    pingpong(sys, 1000, n / 10);
    out(name, "msgs_per_s", per_s(pingpong(sys, 1000, n)), "msgs/s");
  } else if (name == "ring") {
    ring(sys, 1000, n / 10);
    out(name, "ns_per_hop", double(ring(sys, 1000, n)) / dn, "ns");
  } else if (name == "fanin") {
    fanin(sys, 100, n / 10);
    out(name, "msgs_per_s", per_s(fanin(sys, 100, n)), "msgs/s");
  } else if (name == "fanout") {
    fanout(sys, 1000, n / 10);
    out(name, "msgs_per_s", per_s(fanout(sys, 1000, n)), "msgs/s");
  } else if (name == "call") {
    std::vector<actor> s{sys.spawn(server_fun)};
    clients(sys, s, 1, n / 10);
    out(name, "ns_per_call", double(clients(sys, s, 1, n)) / dn, "ns");
  } else if (name == "call_many") {
    std::vector<actor> s{sys.spawn(server_fun)};
    clients(sys, s, 1000, n / 10000);
    out(name, "calls_per_s_one_server", per_s(clients(sys, s, 1000, n / 1000)), "calls/s");
    std::vector<actor> ss;
    for (int i = 0; i < 1000; ++i)
      ss.push_back(sys.spawn(server_fun));
    clients(sys, ss, 1000, n / 10000);
    out(name, "calls_per_s_1000_pairs", per_s(clients(sys, ss, 1000, n / 1000)), "calls/s");
  } else if (name == "spawn") {
    scoped_actor self{sys};
    for (i64 k : {n / 10, n}) {
      auto a = sys.spawn(seq_fun, k, actor{self});
      auto t0 = now();
      self->send(a, go_a::value);
      wait_done(self, 1);
      if (k == n)
        out(name, "ns_sequential", double(now() - t0) / dn, "ns");
    }
    for (i64 k : {n / 10, n}) {
      auto c = sys.spawn(count_fun, k, actor{self});
      auto t0 = now();
      sys.spawn([=](event_based_actor* s) {
        for (i64 i = 0; i < k; ++i)
          s->spawn([=](event_based_actor* x) { x->send(c, tag_a::value, i64{1}); });
      });
      wait_done(self, 1);
      if (k == n)
        out(name, "ns_burst", double(now() - t0) / dn, "ns");
    }
    auto a = sys.spawn(gsseq_fun, n / 10, actor{self});
    auto t0 = now();
    self->send(a, go_a::value);
    wait_done(self, 1);
    out(name, "ns_gen_server_start_stop", double(now() - t0) / double(n / 10), "ns");
  } else if (name == "skynet") {
    skynet(sys, n / 10);
    out(name, "ms", double(skynet(sys, n)) / 1e6, "ms");
  } else if (name == "memory") {
    scoped_actor self{sys};
    auto r0 = rss();
    std::vector<actor> as;
    as.reserve(size_t(n));
    for (i64 i = 0; i < n; ++i) {
      as.push_back(sys.spawn(server_fun));
      self->send(as.back(), query_a::value, actor{self});
      if (i % 1000 == 999)
        wait_done(self, 1000);
    }
    nap(500);
    out(name, "bytes_per_process", (rss() - r0) / dn, "bytes");
  } else if (name == "names") {
    scoped_actor self{sys};
    i64 per = 1000000 / n;
    std::vector<atom_value> names;
    std::vector<actor> as;
    for (i64 i = 0; i < n; ++i) {
      names.push_back(atom_from_string("p" + std::to_string(i)));
      as.push_back(sys.spawn(count_fun, per, actor{self}));
    }
    auto t0 = now();
    for (i64 i = 0; i < n; ++i)
      sys.registry().put(names[size_t(i)], as[size_t(i)]);
    out(name, "ns_per_register", double(now() - t0) / dn, "ns");
    uint64_t x = 12345;
    for (size_t i = names.size() - 1; i > 0; --i) {
      x = (x * 1103515245 + 12345) & 0x7fffffff;
      std::swap(names[i], names[(x >> 8) % (i + 1)]);
    }
    t0 = now();
    std::atomic<i64> t1{0};
    sys.spawn([&](event_based_actor* s) {
      for (i64 k = 0; k < per; ++k)
        for (auto& nm : names)
          s->send(sys.registry().get<actor>(nm), tag_a::value, k);
      t1 = now();
    });
    wait_done(self, n);
    auto t2 = now();
    out(name, "ns_per_send_to_name", double(t1 - t0) / double(per * n), "ns");
    out(name, "ns_per_send_delivered", double(t2 - t0) / double(per * n), "ns");
  } else if (name == "timers") {
    scoped_actor self{sys};
    // delayed_send cannot be cancelled in 0.17; what can be is a request timeout, so the pair and the
    // cancel rows use the clock's request timeouts, as request(...).then does inside
    sys.spawn([=, main = actor{self}, &name](event_based_actor* s) {
      auto t0 = now();
      auto& clk = s->clock();
      auto base = clk.now() + seconds(60);
      for (i64 i = 1; i <= n; ++i)
        clk.set_request_timeout(base + milliseconds(i % 5000), s, make_message_id(uint64_t(i)));
      auto t1 = now();
      for (i64 i = 1; i <= n; ++i)
        clk.cancel_request_timeout(s, make_message_id(uint64_t(i)));
      auto t2 = now();
      for (i64 i = 1; i <= n; ++i) {
        auto id = make_message_id(uint64_t(n + i));
        clk.set_request_timeout(clk.now() + seconds(5), s, id);
        clk.cancel_request_timeout(s, id);
      }
      auto t3 = now();
      for (i64 i = 0; i < n; ++i)
        s->delayed_send(s, seconds(60), tick_a::value);
      auto t4 = now();
      out(name, "ns_start_1M_pending", double(t1 - t0) / dn, "ns");
      out(name, "ns_cancel_1M_pending", double(t2 - t1) / dn, "ns");
      out(name, "ns_start_cancel_pair", double(t3 - t2) / dn, "ns");
      out(name, "ns_delayed_send", double(t4 - t3) / dn, "ns");
      s->send(main, done_a::value);
    });
    wait_done(self, 1);
  } else if (name == "serve") {
    return serve(sys);
  } else if (name == "dist_connect") {
    std::vector<double> l;
    for (i64 i = 0; i < n; ++i) {
      auto c = start_server(argv[0]);
      auto t0 = now();
      auto s = connect(sys, c.port);
      l.push_back(double(now() - t0) / 1000);
      stop_server(c);
    }
    std::sort(l.begin(), l.end());
    out(name, "connect_p50", l[(l.size() - 1) / 2], "us");
  } else if (name == "dist_call") {
    auto c = start_server(argv[0]);
    std::vector<actor> s{connect(sys, c.port)};
    clients(sys, s, 1, n / 10);
    out(name, "us_per_call", double(clients(sys, s, 1, n)) / dn / 1000, "us");
    clients(sys, s, 100, n / 1000);
    out(name, "calls_per_s_100_clients", 10 * per_s(clients(sys, s, 100, n / 100 * 10)), "calls/s");
    stop_server(c);
  } else if (name == "dist_send") {
    auto c = start_server(argv[0]);
    auto s = connect(sys, c.port);
    scoped_actor self{sys};
    for (int w : {0, 1, 100}) {
      auto snd = std::max(w, 1);
      auto k = w ? n : n / 10;
      prepare(self, s, k / snd * snd);
      std::vector<actor> bs;
      for (int i = 0; i < snd; ++i)
        bs.push_back(sys.spawn(blast_fun, s, k / snd));
      auto t0 = now();
      for (auto& b : bs)
        self->send(b, go_a::value);
      wait_done(self, 1);
      auto d = now() - t0;
      if (w)
        out(name, w == 1 ? "msgs_per_s_1_sender" : "msgs_per_s_100_senders", per_s(d), "msgs/s");
    }
    stop_server(c);
  } else if (name == "dist_bulk") {
    auto c = start_server(argv[0]);
    auto s = connect(sys, c.port);
    scoped_actor self{sys};
    struct { const char* label; size_t sz; } rows[] = {
      {"mb_per_s_1KB", 1024}, {"mb_per_s_64KB", 65536}, {"mb_per_s_10MB", 10485760}};
    for (auto& r : rows) {
      std::string bin(r.sz, 'x');
      auto total = std::max<i64>(1, n * 1000000 / i64(r.sz));
      for (auto cnt : {std::max<i64>(1, total / 10), total}) {
        prepare(self, s, cnt);
        auto t0 = now();
        // the message is built once and shared: what is measured is the way, not string copies
        auto msg = make_message(tag_a::value, bin);
        for (i64 i = 0; i < cnt; ++i)
          self->send(s, msg);
        wait_done(self, 1);
        if (cnt == total)
          out(name, r.label, double(r.sz) * double(cnt) * 1e3 / double(now() - t0), "MB/s");
      }
    }
    stop_server(c);
  } else if (name == "dist_link") {
    auto c = start_server(argv[0]);
    auto s = connect(sys, c.port);
    scoped_actor self{sys};
    std::vector<actor> as;
    for (i64 i = 0; i < n; ++i)
      self->request(s, seconds(5), make_a::value).receive([&](actor& a) { as.push_back(a); }, [](error&) { exit(1); });
    auto t0 = now();
    for (auto& a : as) {
      self->monitor(a);
      self->send_exit(a, exit_reason::user_shutdown);
      self->receive([](const down_msg&) {});
    }
    out(name, "us_monitor_exit_down", double(now() - t0) / dn / 1000, "us");
    t0 = now();
    for (i64 i = 0; i < n; ++i)
      self->request(s, seconds(5), make_a::value)
        .receive(
          [&](actor& a) {
            self->monitor(a);
            self->send_exit(a, exit_reason::user_shutdown);
            self->receive([](const down_msg&) {});
          },
          [](error&) { exit(1); });
    out(name, "us_remote_spawn_monitor_exit", double(now() - t0) / dn / 1000, "us");
    stop_server(c);
  } else if (!savina_row(sys, name, n) && !idle_row(sys, name, n)) {
    fprintf(stderr, "unknown benchmark %s\n", name.c_str());
    return 2;
  }
  fflush(stdout);
  _exit(0);
}
