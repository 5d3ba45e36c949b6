// savina.cpp -- rows big, chameneos, counting, bank: shapes of the Savina benchmarks.
#include "bench.hpp"

namespace {

// Numbers that look random, the same in each peer's program.
uint64_t next_random(uint64_t seed) { return (seed * 1103515245 + 12345) & 0x7fffffff; }

// ---- big: 120 actors, each asks a random one, again when it answers
constexpr int players = 120;

struct player_state {
  std::vector<actor> all;
  uint64_t seed = 0;
  i64 left = 0;
};
void ask_somebody(stateful_actor<player_state>* self) {
  auto& st = self->state;
  st.seed = next_random(st.seed);
  self->send(st.all[(st.seed >> 8) % players], ping_a::value, actor{self});
}
behavior player(stateful_actor<player_state>* self, int me, i64 each, actor boss) {
  self->state.seed = uint64_t(me) * 7919 + 1;
  self->state.left = each;
  return {[=](go_a, const std::vector<actor>& all) {
            self->state.all = all;
            ask_somebody(self);
          },
          [=](ping_a, const actor& from) { self->send(from, pong_a::value); },
          [=](pong_a) {
            if (--self->state.left > 0)
              ask_somebody(self);
            else
              self->send(boss, done_a::value);
          },
          [=](stop_a) {
            self->state.all.clear();
            self->quit();
          }};
}
i64 big(actor_system& sys, i64 each) {
  scoped_actor self{sys};
  std::vector<actor> all;
  for (int i = 0; i < players; ++i)
    all.push_back(sys.spawn(player, i, each, actor{self}));
  auto t = now();
  for (auto& a : all)
    self->send(a, go_a::value, all);
  wait_done(self, players);
  t = now() - t;
  for (auto& a : all)
    self->send(a, stop_a::value);
  return t;
}

// ---- chameneos: creatures meet in pairs and change their colours
constexpr int creatures = 100;

struct mall_state {
  i64 left = 0;
  bool taken = false; // one waits for another:
  actor first;
  int colour = 0;
};
behavior mall(stateful_actor<mall_state>* self, i64 n, actor boss) {
  self->state.left = n;
  return {[=](meet_a, const actor& who, int colour) {
    auto& st = self->state;
    if (st.left == 0)
      return;
    st.taken = !st.taken;
    if (st.taken) {
      st.first = who;
      st.colour = colour;
      return;
    }
    self->send(st.first, met_a::value, colour);
    self->send(who, met_a::value, st.colour);
    if (--st.left == 0)
      self->send(boss, done_a::value);
  }};
}
struct creature_state {
  int colour = 0;
};
behavior creature(stateful_actor<creature_state>* self, actor to, int colour) {
  self->state.colour = colour;
  self->send(to, meet_a::value, actor{self}, colour);
  return {[=](met_a, int other) {
    auto& c = self->state.colour;
    c = (6 - c - other) % 3;
    self->send(to, meet_a::value, actor{self}, c);
  }};
}
i64 chameneos(actor_system& sys, i64 n) {
  scoped_actor self{sys};
  auto m = sys.spawn(mall, n, actor{self});
  std::vector<actor> all{m};
  auto t = now();
  for (int i = 0; i < creatures; ++i)
    all.push_back(sys.spawn(creature, m, i % 3));
  wait_done(self, 1);
  t = now() - t;
  for (auto& a : all)
    self->send_exit(a, exit_reason::kill);
  return t;
}

// ---- counting: one sends n increments, and then asks how many came
struct count_state {
  i64 count = 0;
};
behavior count(stateful_actor<count_state>* self) {
  return {[=](incr_a) { ++self->state.count; },
          [=](query_a, const actor& boss) {
            self->send(boss, sum_a::value, self->state.count);
            self->quit();
          }};
}
i64 counting(actor_system& sys, i64 n) {
  scoped_actor self{sys};
  auto t = now();
  auto c = sys.spawn(count);
  sys.spawn([=, boss = actor{self}](event_based_actor* s) {
    for (i64 i = 0; i < n; ++i)
      s->send(c, incr_a::value);
    s->send(c, query_a::value, boss);
  });
  self->receive([&](sum_a, i64 sum) {
    if (sum != n)
      exit(1);
  });
  return now() - t;
}

// ---- bank: a teller tells accounts to move money, each to its neighbour, which has to confirm
constexpr int accounts = 1000;

struct account_state {
  i64 balance = 0;
};
behavior account(stateful_actor<account_state>* self) {
  return {[=](credit_a, const actor& teller, i64 amount, const actor& to) {
            // await: other orders wait meanwhile, as they do for a process that calls
            self->request(to, seconds(5), debit_a::value, amount).await([=](bool) {
              self->state.balance -= amount;
              self->send(teller, done_a::value);
            });
          },
          [=](debit_a, i64 amount) {
            self->state.balance += amount;
            return true;
          }};
}
struct teller_state {
  i64 left = 0;
};
behavior teller(stateful_actor<teller_state>* self, std::vector<actor> all, i64 n, actor boss) {
  uint64_t seed = 4711;
  self->state.left = n;
  for (i64 i = 0; i < n; ++i) {
    seed = next_random(seed);
    auto from = (seed >> 8) % (accounts - 1);
    self->send(all[from], credit_a::value, actor{self}, i64(seed % 100), all[from + 1]);
  }
  return {[=](done_a) {
    if (--self->state.left > 0)
      return;
    self->send(boss, done_a::value);
    self->quit();
  }};
}
i64 bank(actor_system& sys, i64 n) {
  scoped_actor self{sys};
  std::vector<actor> all;
  for (int i = 0; i < accounts; ++i)
    all.push_back(sys.spawn(account));
  auto t = now();
  sys.spawn(teller, all, n, actor{self});
  wait_done(self, 1);
  t = now() - t;
  for (auto& a : all)
    self->send_exit(a, exit_reason::kill);
  return t;
}

double a_second(i64 count, i64 ns) { return double(count) * 1e9 / double(ns); }

} // namespace

bool savina_row(actor_system& sys, const std::string& name, i64 n) {
  if (name == "big") {
    auto each = n / players;
    big(sys, each / 10 + 1);
    out(name, "msgs_per_s", a_second(2 * each * players, big(sys, each)), "msgs/s");
  } else if (name == "chameneos") {
    chameneos(sys, n / 10);
    out(name, "ns_per_meeting", double(chameneos(sys, n)) / double(n), "ns");
  } else if (name == "counting") {
    counting(sys, n / 10);
    out(name, "msgs_per_s", a_second(n, counting(sys, n)), "msgs/s");
  } else if (name == "bank") {
    bank(sys, n / 10);
    out(name, "tx_per_s", a_second(n, bank(sys, n)), "tx/s");
  } else {
    return false;
  }
  return true;
}
