# elixir_peer.exs -- an Elixir node that tries a node of ours: elixir ... elixir_peer.exs NODE.
#
# Prints TAP, and ends with the number of cases that passed and failed. The node is
# suite_node; what it is made to do is in puppet.h.

defmodule Point do
  defstruct x: 0, y: nil
end

# A GenServer as anybody writes it.
defmodule Stack do
  use GenServer
  def init(items), do: {:ok, items}
  def handle_call(:pop, _from, [h | t]), do: {:reply, {:ok, h}, t}
  def handle_call(:pop, _from, []), do: {:reply, :empty, []}
  def handle_call({:echo, term}, _from, s), do: {:reply, term, s}
  def handle_call({:exit, reason}, _from, s), do: {:stop, reason, s}
  def handle_call({:raise, text}, _from, _), do: raise(text)
  def handle_call(:never, _from, s), do: {:noreply, s}
  def handle_cast({:push, item}, s), do: {:noreply, [item | s]}
  def handle_info({:push, item}, s), do: {:noreply, [item | s]}
end

# A pubsub with the messages and names of Phoenix.PubSub 2's default adapter: a Registry
# for subscribers, and in each pool process of the adapter a member of its group in the pg
# scope Phoenix.PubSub. Written from the documentation of the package; where the package
# itself is on the path, that one is used (PHOENIX_PUBSUB=its ebin folder).
defmodule Mini do
  def start(name, pool_size) do
    :pg.start_link(Phoenix.PubSub)
    {:ok, _} = Registry.start_link(keys: :duplicate, name: name)
    for group <- groups(name, pool_size), do: GenServer.start_link(Mini.Worker, {name, group}, name: group)
    :persistent_term.put({Mini, name}, List.to_tuple(groups(name, pool_size)))
    :ok
  end

  defp groups(name, size) do
    adapter = Module.concat(name, "Adapter")
    [adapter | Enum.map(Enum.drop(1..size, 1), &:"#{adapter}_#{&1}")]
  end

  def subscribe(name, topic), do: with({:ok, _} <- Registry.register(name, topic, nil), do: :ok)
  def unsubscribe(name, topic), do: Registry.unregister(name, topic)

  def broadcast_from(name, from, topic, message) do
    groups = :persistent_term.get({Mini, name})
    group = elem(groups, :erlang.phash2(self(), tuple_size(groups)))

    for pid <- :pg.get_members(Phoenix.PubSub, group), node(pid) != node() do
      send(pid, {:forward_to_local, topic, message, Phoenix.PubSub})
    end

    dispatch(name, from, topic, message)
  end

  def broadcast(name, topic, message), do: broadcast_from(name, :none, topic, message)

  def direct_broadcast(node, name, topic, message) do
    send({elem(:persistent_term.get({Mini, name}), 0), node}, {:forward_to_local, topic, message, Phoenix.PubSub})
    :ok
  end

  def dispatch(name, from, topic, message) do
    Registry.dispatch(name, topic, fn entries ->
      for {pid, _} <- entries, pid != from, do: send(pid, message)
    end)
  end
end

defmodule Mini.Worker do
  use GenServer

  def init({name, group}) do
    :ok = :pg.join(Phoenix.PubSub, group, self())
    {:ok, name}
  end

  def handle_info({:forward_to_local, topic, message, _dispatcher}, name) do
    Mini.dispatch(name, :none, topic, message)
    {:noreply, name}
  end
end

defmodule Cases do
  @wait 20_000

  def peer, do: :persistent_term.get(:peer)
  def doit(op, args), do: doit({:driver, peer()}, op, args)
  def doit(puppet, op, args), do: GenServer.call(puppet, {:do, op, args}, @wait)
  def puppet, do: GenServer.call({:driver, peer()}, {:new}, @wait)
  def heard(puppet, count), do: GenServer.call(puppet, {:heard, count}, @wait)
  def echo, do: {:echo, peer()}

  def next do
    receive do
      m -> m
    after
      @wait -> :nothing
    end
  end

  def wait(fun) do
    if not fun.() do
      Process.sleep(5)
      wait(fun)
    end
  end

  def stack(items) do
    {:ok, pid} = GenServer.start(Stack, items)
    pid
  end

  def terms do
    [
      charlist: 'hello',
      unicode_charlist: 'łódź',
      binary: "hello, wörld",
      empty: {"", '', [], {}, %{}},
      bitstring: <<5::3, 1::1>>,
      struct: %Point{x: 1, y: %Point{}},
      range: 1..10//2,
      date: ~D[2024-02-29],
      datetime: ~U[2024-02-29 12:00:00.123Z],
      regex_source: Regex.source(~r/a+b/iu),
      map_set: MapSet.new([1, "two", :three]),
      map: %{"a" => 1, :b => 2.5, 3 => nil, {1, 2} => [true, false]},
      keyword: [a: 1, b: [c: "d"]],
      module: [Point, String, :elixir, Elixir.Not.A.Module],
      atoms: [nil, true, false, :"with space", :"Größe", :+],
      integers: [0, -1, 255, 1_000_000_007, -123_456_789_012_345_678_901_234_567_890],
      floats: [1.5, -0.0, 1.0e300],
      tuple: {:ok, {1, "x"}},
      function: &String.length/1,
      exception: %ArgumentError{message: "no"},
      large: Enum.to_list(1..10_000),
      large_map: Map.new(1..100, &{&1, "v#{&1}"})
    ]
  end

  def all do
    nodes() ++ servers() ++ ours_calls() ++ signals() ++ tasks() ++ groups() ++ rpc() ++ topics()
  end

  # ---- Nodes

  def nodes do
    [
      {"Node.ping", fn -> :pong = Node.ping(peer()) end},
      {"Node.ping of nobody", fn -> :pang = Node.ping(:"nobody@127.0.0.1") end},
      {"Node.connect and Node.list",
       fn ->
         true = Node.connect(peer())
         true = peer() in Node.list()
       end},
      {"Node.monitor and Node.disconnect",
       fn ->
         true = Node.monitor(peer(), true)
         true = Node.disconnect(peer())
         {:nodedown, n} = next()
         ^n = peer()
         wait(fn -> Node.ping(peer()) == :pong end)
       end}
    ]
  end

  # ---- Servers of ours, as Elixir calls them

  def servers do
    for({name, term} <- terms(),
      do: {"GenServer.call there and back: #{name}", fn -> ^term = GenServer.call(echo(), {:echo, term}) end}
    ) ++
      for({name, term} <- terms(),
        do:
          {"send to Elixir: #{name}",
           fn ->
             :ok = doit(:send, {self(), term})
             ^term = next()
           end}
      ) ++
      [
        {"GenServer.call of a pid",
         fn ->
           pid = puppet()
           ^pid = doit(pid, :self, nil)
           :a = GenServer.call(pid, {:do, :echo, :a})
         end},
        {"GenServer.call of an unknown name",
         fn ->
           {:noproc, {GenServer, :call, _}} = catch_exit(fn -> GenServer.call({:no_such, peer()}, :x) end)
         end},
        {"GenServer.call that times out",
         fn ->
           {:timeout, {GenServer, :call, _}} =
             catch_exit(fn -> GenServer.call(puppet(), {:heard, 1}, 50) end)
         end},
        {"GenServer.call of one that ends",
         fn ->
           {reason, {GenServer, :call, _}} =
             catch_exit(fn -> GenServer.call(puppet(), {:do, :die, {:shutdown, %Point{}}}) end)

           {:shutdown, %Point{}} = reason
         end},
        {"GenServer.cast and send to a name",
         fn ->
           {:ok, _} = doit(:pg_start, :elixir_scope)
           :ok = GenServer.cast({:elixir_scope, peer()}, :unknown)
           send({:elixir_scope, peer()}, {:discover, self()})
           {:"$gen_cast", {:sync, _, []}} = next()
         end},
        {"GenServer.multi_call",
         fn ->
           {:ok, here} = GenServer.start(Stack, [], name: :echo)

           {replies, [:"nobody@127.0.0.1"]} =
             GenServer.multi_call([peer(), Node.self(), :"nobody@127.0.0.1"], :echo, {:echo, %Point{}}, @wait)

           [{_, %Point{}}, {_, %Point{}}] = replies
           GenServer.stop(here)
         end},
        {"GenServer.whereis and GenServer.stop",
         fn ->
           {:echo, _} = GenServer.whereis(echo())
           pid = puppet()
           :ok = GenServer.stop(pid, :normal, @wait)
           {:noproc, _} = catch_exit(fn -> GenServer.stop(pid) end)
         end}
      ]
  end

  # ---- Servers of Elixir's, as we call them

  def ours_calls do
    [
      {"gen_call of a GenServer by pid",
       fn ->
         pid = stack(["x", %Point{x: 2}])
         {:ok, {:ok, "x"}} = doit(:call, {pid, :pop, @wait})
         {:ok, {:ok, %Point{x: 2}}} = doit(:call, {pid, :pop, @wait})
         {:ok, :empty} = doit(:call, {pid, :pop, @wait})
       end},
      {"gen_call of a GenServer by a module's name",
       fn ->
         {:ok, pid} = GenServer.start(Stack, ['chars'], name: Stack.Named)
         {:ok, {:ok, 'chars'}} = doit(:call, {{Stack.Named, Node.self()}, :pop, @wait})
         GenServer.stop(pid)
       end},
      {"gen_call of a name that nobody has",
       fn -> {:error, :ENOPROC, :noproc} = doit(:call, {{Nobody, Node.self()}, :pop, @wait}) end},
      {"gen_cast and send to a GenServer",
       fn ->
         pid = stack([])
         :ok = doit(:cast, {pid, {:push, 1}})
         wait(fn -> GenServer.call(pid, :pop) == {:ok, 1} end)
         :ok = doit(:send, {pid, {:push, "two"}})
         wait(fn -> GenServer.call(pid, :pop) == {:ok, "two"} end)
       end},
      {"gen_call of a GenServer that stops",
       fn ->
         {:error, :EEXIT, {:shutdown, %Point{}}} =
           doit(:call, {stack([]), {:exit, {:shutdown, %Point{}}}, @wait})
       end},
      {"gen_call of a GenServer that raises",
       fn ->
         {:error, :EEXIT, {%RuntimeError{message: "no"}, [{Stack, :handle_call, 3, _} | _]}} =
           doit(:call, {stack([]), {:raise, "no"}, @wait})
       end},
      {"gen_call that times out",
       fn -> {:error, :ETIMEOUT, _} = doit(:call, {stack([]), :never, 50}) end},
      {"gen_multi_call of GenServers",
       fn ->
         {:ok, pid} = GenServer.start(Stack, [], name: Stack.Many)
         {[{me, %Point{}}], []} = doit(:multi_call, {[Node.self()], Stack.Many, {:echo, %Point{}}, @wait})
         ^me = Node.self()
         GenServer.stop(pid)
       end}
    ]
  end

  # ---- Links, monitors, exits

  def signals do
    [
      {"Process.monitor of a pid of ours",
       fn ->
         pid = puppet()
         ref = Process.monitor(pid)
         Process.exit(pid, :kill)
         {:DOWN, ^ref, :process, ^pid, :killed} = next()
       end},
      {"Process.monitor of a name of ours",
       fn ->
         ref = Process.monitor({:no_such, peer()})
         {:DOWN, ^ref, :process, {:no_such, _}, :noproc} = next()
         ref = Process.monitor(echo())
         true = Process.demonitor(ref, [:flush])
       end},
      {"Process.link with a process of ours",
       fn ->
         Process.flag(:trap_exit, true)
         pid = puppet()
         Process.link(pid)
         catch_exit(fn -> doit(pid, :die, {:bad, "thing"}) end)
         {:EXIT, ^pid, {:bad, "thing"}} = next()
       end},
      {"we monitor a process of Elixir's",
       fn ->
         pid = stack([])
         p = puppet()
         ref = doit(p, :monitor, pid)
         GenServer.stop(pid, {:shutdown, :done})
         [{:DOWN, ^ref, :process, ^pid, {:shutdown, :done}}] = heard(p, 1)
       end},
      {"we link with a process of Elixir's",
       fn ->
         Process.flag(:trap_exit, true)
         p = puppet()
         doit(p, :trap_exit, true)
         doit(p, :link, self())
         Process.exit(p, %Point{x: 3})
         [{:EXIT, me, %Point{x: 3}}] = heard(p, 1)
         ^me = self()
         Process.unlink(p)
       end}
    ]
  end

  # ---- Tasks and agents

  def tasks do
    [
      {"Task.async_stream of calls",
       fn ->
         want = Enum.map(1..200, &{:ok, &1})

         ^want =
           1..200
           |> Task.async_stream(&GenServer.call(echo(), {:echo, &1}), max_concurrency: 50, timeout: @wait)
           |> Enum.to_list()
       end},
      {"we call an Agent",
       fn ->
         {:ok, agent} = Agent.start(fn -> %{"k" => 'v'} end)
         {:ok, 'v'} = doit(:call, {agent, {:get, {Map, :get, ["k"]}}, @wait})
         {:ok, :ok} = doit(:call, {agent, {:update, {Map, :put, ["k", %Point{}]}}, @wait})
         %Point{} = Agent.get(agent, & &1["k"])
         {:ok, %Point{}} = doit(:call, {agent, {:get, &Map.fetch!(&1, "k")}, @wait})
         Agent.stop(agent)
       end},
      {"a Registry through :via is no matter of ours",
       fn ->
         {:ok, _} = Registry.start_link(keys: :unique, name: Names)
         {:ok, pid} = GenServer.start(Stack, [1], name: {:via, Registry, {Names, "stack"}})
         {:ok, {:ok, 1}} = doit(:call, {pid, :pop, @wait})
       end}
    ]
  end

  # ---- pg

  def groups do
    [
      {":pg members of both",
       fn ->
         {:ok, _} = :pg.start(My.Scope)
         {:ok, _} = doit(:pg_start, My.Scope)
         p = puppet()
         me = self()
         :ok = doit(:pg_join, {My.Scope, "group", [p, p]})
         :ok = :pg.join(My.Scope, "group", me)
         wait(fn -> Enum.sort(:pg.get_members(My.Scope, "group")) == Enum.sort([p, p, me]) end)

         wait(fn ->
           {:ok, l} = doit(:pg_members, {My.Scope, "group"})
           Enum.sort(l) == Enum.sort([p, p, me])
         end)

         {:ok, 3} = doit(:pg_broadcast, {My.Scope, "group", %Point{}})
         %Point{} = next()
         [%Point{}, %Point{}] = heard(p, 2)
       end}
    ]
  end

  # ---- rpc

  def rpc do
    [
      {":rpc.call of a function that is not there",
       fn -> {:badrpc, {:EXIT, {:undef, _}}} = :rpc.call(peer(), Foo, :bar, [1]) end},
      {":erpc.call of a function that is not there",
       fn ->
         {:exception, :undef, [{Foo, :bar, [1], _} | _]} =
           try do
             :erpc.call(peer(), Foo, :bar, [1])
           rescue
             e in ErlangError -> e.original
           end
       end},
      {":rpc.call of erlang:node/0",
       fn ->
         n = peer()
         ^n = :rpc.call(n, :erlang, :node, [])
       end},
      {":rpc.call of pg's functions",
       fn ->
         {:ok, _} = doit(:pg_start, Rpc.Scope)
         p = puppet()
         :ok = doit(:pg_join, {Rpc.Scope, :g, p})
         [^p] = :rpc.call(peer(), :pg, :get_members, [Rpc.Scope, :g])
         [^p] = :erpc.call(peer(), :pg, :get_local_members, [Rpc.Scope, :g])
         [:g] = :rpc.call(peer(), :pg, :which_groups, [Rpc.Scope])
         [:g] = :rpc.call(peer(), :pg, :which_local_groups, [Rpc.Scope])
         [] = :rpc.call(peer(), :pg, :get_members, [No.Scope, :g])
         [] = :rpc.call(peer(), :pg, :get_members, [:nobody])
         [] = :rpc.call(peer(), :pg, :which_groups, [])
       end},
      {":rpc.call of Phoenix.PubSub's functions",
       fn ->
         :ok = doit(:pubsub_start, {Rpc.PubSub, 1})
         p = puppet()
         :ok = doit(p, :subscribe, {Rpc.PubSub, "t"})
         :ok = :rpc.call(peer(), Phoenix.PubSub, :broadcast, [Rpc.PubSub, "t", %Point{}])
         :ok = :rpc.call(peer(), Phoenix.PubSub, :local_broadcast, [Rpc.PubSub, "t", 2])
         [%Point{}, 2] = heard(p, 2)
         {:badrpc, {:EXIT, {:badarg, _}}} = :rpc.call(peer(), Phoenix.PubSub, :broadcast, [No.PubSub, "t", 1])
       end}
    ]
  end

  # ---- Topics

  # The package itself where it is on the path, else what behaves like it.
  def pubsub(name, pool_size) do
    if Code.ensure_loaded?(Phoenix.PubSub) do
      {:ok, _} = Application.ensure_all_started(:phoenix_pubsub)
      {:ok, _} = Supervisor.start_link([{Phoenix.PubSub, name: name, pool_size: pool_size}], strategy: :one_for_one)
      Phoenix.PubSub
    else
      :ok = Mini.start(name, pool_size)
      Mini
    end
  end

  # Both run, and know each other: each of the pool here has one there.
  def pubsubs(name, size) do
    mod = pubsub(name, size)
    :ok = doit(:pubsub_start, {name, size})
    adapter = Module.concat(name, "Adapter")

    for group <- [adapter | Enum.map(Enum.drop(1..size, 1), &:"#{adapter}_#{&1}")] do
      wait(fn -> length(:pg.get_members(Phoenix.PubSub, group)) == 2 end)
      wait(fn -> match?({:ok, [_, _]}, doit(:pg_members, {Phoenix.PubSub, group})) end)
    end

    mod
  end

  def topics do
    [
      {"a broadcast of Elixir's reaches us, and ours Elixir",
       fn ->
         mod = pubsubs(App.PubSub, 1)
         p = puppet()
         :ok = doit(p, :subscribe, {App.PubSub, "room:1"})
         :ok = mod.subscribe(App.PubSub, "room:1")
         :ok = mod.broadcast(App.PubSub, "room:1", {:hello, %Point{}})
         {:hello, %Point{}} = next()
         [{:hello, %Point{}}] = heard(p, 1)
         :ok = doit(:publish, {App.PubSub, "room:1", 'ours'})
         'ours' = next()
         ['ours'] = heard(p, 1)
         # Another topic is nobody's; then one that is.
         :ok = mod.broadcast(App.PubSub, "room:2", :lost)
         :ok = doit(:publish, {App.PubSub, "room:2", :lost})
         :ok = mod.broadcast_from(App.PubSub, self(), "room:1", :from_elixir)
         [:from_elixir] = heard(p, 1)
         :ok = doit(p, :publish_from, {App.PubSub, "room:1", :from_us})
         :from_us = next()
         :ok = mod.direct_broadcast(peer(), App.PubSub, "room:1", :direct)
         [:direct] = heard(p, 1)
         :ok = doit(:publish, {Node.self(), App.PubSub, "room:1", :direct})
         :direct = next()
         :ok = doit(p, :unsubscribe, {App.PubSub, "room:1"})
         :ok = mod.broadcast(App.PubSub, "room:1", :unheard)
         :unheard = next()
         :ok = doit(p, :subscribe, {App.PubSub, "room:1"})
         :ok = mod.broadcast(App.PubSub, "room:1", :last)
         [:last] = heard(p, 1)
       end},
      {"a pool of three, and a name that is no module's",
       fn ->
         mod = pubsubs(:plain_name, 3)
         p = puppet()
         :ok = doit(p, :subscribe, {:plain_name, "t"})
         :ok = mod.subscribe(:plain_name, "t")
         # Whoever sends, whichever of the pool it goes through.
         1..30
         |> Task.async_stream(fn i -> :ok = mod.broadcast(:plain_name, "t", i) end)
         |> Stream.run()

         want = Enum.to_list(1..30)
         ^want = heard(p, 30) |> Enum.sort()
         ^want = Enum.map(1..30, fn _ -> next() end) |> Enum.sort()
         # Each of these is sent by a process of its own.
         for i <- 1..30, do: :ok = doit(:publish, {:plain_name, "t", i})
         ^want = Enum.map(1..30, fn _ -> next() end) |> Enum.sort()
         # One sender's messages keep their order.
         for i <- 1..1000, do: :ok = mod.broadcast(:plain_name, "t", i)
         want = Enum.to_list(1..30) ++ Enum.to_list(1..1000)
         ^want = heard(p, 1030)
       end}
    ]
  end

  def catch_exit(fun) do
    fun.()
    :no_exit
  catch
    :exit, reason -> reason
  end
end

defmodule Run do
  def main([peer]) do
    :persistent_term.put(:peer, String.to_atom(peer))
    Logger.configure(level: :emergency)
    cases = Cases.all()
    IO.puts("1..#{length(cases)}")

    failed =
      cases
      |> Enum.with_index(1)
      |> Enum.count(fn {{name, fun}, i} -> not one(name, fun, i) end)

    IO.puts("#{length(cases) - failed} passed, #{failed} failed")
    System.halt(min(failed, 1))
  end

  # Each in a process of its own.
  defp one(name, fun, i) do
    {pid, ref} = spawn_monitor(fn -> guarded(fun) end)

    result =
      receive do
        {:DOWN, ^ref, _, _, r} -> r
      after
        60_000 ->
          Process.exit(pid, :kill)
          :timeout
      end

    case result do
      :passed -> IO.puts("ok #{i} - #{name}")
      _ -> IO.puts("not ok #{i} - #{name}\n#{inspect(result, limit: 20, printable_limit: 500)}")
    end

    result == :passed
  end

  defp guarded(fun) do
    fun.()
    exit(:passed)
  rescue
    e -> exit({e, __STACKTRACE__})
  end
end

Run.main(System.argv())
