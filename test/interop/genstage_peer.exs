# genstage_peer.exs -- GenStage on an Elixir node with stages of ours on another:
# elixir ... genstage_peer.exs NODE PUPPET_FILE.
#
# Prints TAP, and ends with the number of cases that passed and failed. The node is
# suite_node; its stages are those of stage_puppet.h, and the ones here are the same
# written with GenStage. Wherever events flow, both ends are counted: nobody gets an event
# that it did not ask for.

:logger.set_primary_config(:level, :none)
[peer, puppet_file] = System.argv()
Code.require_file(puppet_file)

defmodule Job do
  # A child of a ConsumerSupervisor: tells, and waits to be ended.
  def start_link(to, event), do: {:ok, spawn_link(fn -> send(to, {:job, self(), event}) && wait() end)}

  defp wait do
    receive do
      :done -> :ok
    end
  end
end

defmodule Jobs do
  use ConsumerSupervisor

  def init({to, producer, max}) do
    children = [%{id: Job, start: {Job, :start_link, [to]}, restart: :temporary}]
    ConsumerSupervisor.init(children, strategy: :one_for_one, subscribe_to: [{producer, max_demand: max, min_demand: 1}])
  end
end

defmodule Cases do
  @wait 20_000

  def peer, do: :persistent_term.get(:peer)
  def doit(op, args), do: GenServer.call({:driver, peer()}, {:do, op, args}, @wait)

  # A stage there, and one here; both tell this process of their callbacks.
  def ours(role, mode, options \\ []) do
    {:ok, pid} = doit(:stage, {role, mode, options, self()})
    pid
  end

  def theirs(role, mode, options \\ []) do
    {:ok, pid} = GenStage.start(Puppet, {role, mode, options, self()})
    pid
  end

  # One here or there.
  def stage(:ours, role, mode, options), do: ours(role, mode, options)
  def stage(:theirs, role, mode, options), do: theirs(role, mode, options)

  def subscribe(consumer, producer, options) do
    {:ok, ref} = GenStage.sync_subscribe(consumer, [to: producer] ++ options)
    ref
  end

  # The next note, of whichever stage.
  def note do
    receive do
      {:note, what} -> what
      {:note, _, what} -> what
    after
      @wait -> exit(:no_note)
    end
  end

  # The next one for which `fun` is true; others are passed over.
  def note(fun) do
    what = note()
    if fun.(what), do: what, else: note(fun)
  end

  # Events of one consumer, by the reference of its subscription, until there are `count`;
  # and the sizes of their batches.
  def events(ref, count, seen \\ [], sizes \\ [])
  def events(_, count, seen, sizes) when length(seen) >= count, do: {seen, Enum.reverse(sizes)}

  def events(ref, count, seen, sizes) do
    {:handle_events, _, list} = note(&match?({:handle_events, ^ref, _}, &1))
    events(ref, count, seen ++ list, [length(list) | sizes])
  end

  # What this process was told, by reference, until all have `count`.
  def all_events(counts, seen \\ %{}) do
    if Enum.all?(counts, fn {ref, n} -> length(Map.get(seen, ref, [])) >= n end) do
      seen
    else
      {:handle_events, ref, list} = note(&match?({:handle_events, _, _}, &1))
      all_events(counts, Map.update(seen, ref, list, &(&1 ++ list)))
    end
  end

  # ---- Counting what a stage here asks and gets, or is asked and sends

  def count(pid) do
    me = self()

    counter =
      spawn(fn ->
        :erlang.trace(pid, true, [:send, :receive, {:tracer, self()}])
        send(me, {:counting, self()})
        counter(%{asked: 0, got: 0, worst: 0, wanted: 0, sent: 0, owed: 0})
      end)

    receive do
      {:counting, ^counter} -> counter
    end
  end

  defp counter(c) do
    receive do
      {:trace, _, :send, {:"$gen_producer", _, {:ask, n}}, _} ->
        counter(%{c | asked: c.asked + n})

      {:trace, _, :receive, {:"$gen_consumer", _, list}} when is_list(list) ->
        got = c.got + length(list)
        counter(%{c | got: got, worst: max(c.worst, got - c.asked)})

      {:trace, _, :receive, {:"$gen_producer", _, {:ask, n}}} ->
        counter(%{c | wanted: c.wanted + n})

      {:trace, _, :send, {:"$gen_consumer", _, list}, _} when is_list(list) ->
        sent = c.sent + length(list)
        counter(%{c | sent: sent, owed: max(c.owed, sent - c.wanted)})

      {:tell, from} ->
        send(from, {:counted, c})

      _ ->
        counter(c)
    end
  end

  def counted(counter) do
    send(counter, {:tell, self()})

    receive do
      {:counted, c} -> c
    after
      @wait -> exit(:not_counted)
    end
  end

  # ---- The cases

  def all do
    flows() ++ middles() ++ dispatchers() ++ cancels() ++ ends() ++ again() ++ calls() ++ kit()
  end

  def both, do: [{:ours, :theirs}, {:theirs, :ours}]
  def title({a, b}), do: "#{a} to #{b}"

  # Every demand there can be; 2,000 events each.
  def flows do
    for {from, to} <- both(), {max, min} <- [{1, 0}, {2, 1}, {10, 5}, {10, 0}, {100, 99}, {1000, 500}] do
      {"#{title({from, to})}, at most #{max}, at least #{min}",
       fn ->
         total = 2000
         p = stage(from, :producer, {:until, total}, [])
         c = stage(to, :consumer, :same, [])
         counter = count(if(from == :theirs, do: p, else: c))
         ref = subscribe(c, p, max_demand: max, min_demand: min, cancel: :temporary)
         {got, sizes} = events(ref, total)
         ^got = Enum.to_list(0..(total - 1))
         true = Enum.max(sizes) <= max - min
         counts = counted(counter)

         case to do
           # The consumer here: what it got was asked for, at each moment.
           :theirs ->
             %{got: ^total, worst: 0} = counts
             true = counts.asked - total <= max

           # The producer here: it has sent no more than it was asked for.
           :ours ->
             %{sent: ^total, owed: 0} = counts
             true = counts.wanted - total <= max
         end
       end}
    end ++
      for {from, to} <- both() do
        {"#{title({from, to})}, slowly: nothing comes unasked",
         fn ->
           p = stage(from, :producer, :counter, [])
           c = stage(to, :consumer, :manual, [])
           ref = subscribe(c, p, [])

           for n <- [1, 5, 2, 100] do
             :ok = GenStage.call(c, {:ask, 1, n})
             {list, _} = events(ref, n)
             ^n = length(list)
           end

           :nothing = quiet()
         end}
      end
  end

  # Neither side says anything more of events.
  def quiet do
    receive do
      {:note, {:handle_events, _, _}} -> :something
      {:note, _, {:handle_events, _, _}} -> :something
    after
      50 -> :nothing
    end
  end

  def middles do
    for sides <- [[:theirs, :ours, :theirs], [:ours, :theirs, :ours], [:ours, :ours, :theirs], [:theirs, :theirs, :ours]],
        {mode, factor} <- [same: 1, twice: 2, even: 0.5] do
      {"#{Enum.join(sides, " to ")}, #{mode}",
       fn ->
         [a, b, c] = sides
         p = stage(a, :producer, {:until, 1000}, [])
         m = stage(b, :producer_consumer, mode, [])
         last = stage(c, :consumer, :same, [])
         counters = for {side, pid} <- [{a, p}, {b, m}, {c, last}], side == :theirs, do: count(pid)
         ref = subscribe(last, m, max_demand: 10, min_demand: 5, cancel: :temporary)
         _ = subscribe(m, p, max_demand: 20, min_demand: 10, cancel: :temporary)
         {got, _} = events(ref, trunc(1000 * factor))

         ^got =
           case mode do
             :same -> Enum.to_list(0..999)
             :twice -> Enum.flat_map(0..999, &[&1, &1])
             :even -> Enum.to_list(0..999//2)
           end

         for counter <- counters do
           counts = counted(counter)
           true = counts.worst <= 0 and counts.owed <= 0
         end
       end}
    end
  end

  def dispatchers do
    broadcast = [dispatcher: GenStage.BroadcastDispatcher]
    partition = [dispatcher: {GenStage.PartitionDispatcher, partitions: 3, hash: &hash/1}]
    # Ours has its own hash, which is the same one.
    partition_ours = [dispatcher: {GenStage.PartitionDispatcher, partitions: 3}]

    for {from, to} <- both() do
      [
        {"#{title({from, to})}, by demand: three share",
         fn ->
           p = stage(from, :producer, {:until, 3000}, demand: :accumulate)
           refs = for _ <- 1..3, do: subscribe(stage(to, :consumer, :same, []), p, max_demand: 10, cancel: :temporary)
           GenStage.demand(p, :forward)
           seen = take_all(refs, 3000, %{})
           want = Enum.to_list(0..2999)
           ^want = seen |> Map.values() |> Enum.concat() |> Enum.sort()
           for list <- Map.values(seen), do: ^list = Enum.sort(list)
         end},
        {"#{title({from, to})}, broadcast: all get all",
         fn ->
           p = stage(from, :producer, {:until, 500}, [{:demand, :accumulate} | broadcast])

           refs =
             for max <- [2, 10, 100],
                 do: subscribe(stage(to, :consumer, :same, []), p, max_demand: max, cancel: :temporary)

           GenStage.demand(p, :forward)
           seen = all_events(Map.new(refs, &{&1, 500}))
           want = Enum.to_list(0..499)
           for ref <- refs, do: ^want = seen[ref]
         end},
        {"#{title({from, to})}, broadcast: the same process twice is told so",
         fn ->
           p = stage(from, :producer, :counter, broadcast)
           c = stage(to, :consumer, :manual, [])
           _ = subscribe(c, p, [])
           second = subscribe(c, p, [])
           {:handle_cancel, {:cancel, :already_subscribed}, ^second} = note(&match?({:handle_cancel, {:cancel, _}, ^second}, &1))
           :ok = GenStage.call(c, {:ask, 1, 1})
           {:handle_events, _, [0]} = note(&match?({:handle_events, _, _}, &1))
         end},
        {"#{title({from, to})}, partitions: each its own",
         fn ->
           options = if from == :ours, do: partition_ours, else: partition
           p = stage(from, :producer, {:until, 900}, [{:demand, :accumulate} | options])

           refs =
             for n <- 0..2,
                 do: {n, subscribe(stage(to, :consumer, :same, []), p, partition: n, max_demand: 10, cancel: :temporary)}

           GenStage.demand(p, :forward)
           seen = all_events(Map.new(refs, fn {_, ref} -> {ref, 300} end))
           for {n, ref} <- refs, do: true = seen[ref] == Enum.to_list(n..899//3)
         end}
      ]
    end
    |> Enum.concat()
  end

  def hash(n) when is_integer(n), do: {n, rem(n, 3)}
  def hash(_), do: :none

  defp take_all(refs, total, seen) do
    if seen |> Map.values() |> Enum.map(&length/1) |> Enum.sum() >= total do
      seen
    else
      {:handle_events, ref, list} = note(&match?({:handle_events, _, _}, &1))
      true = ref in refs
      take_all(refs, total, Map.update(seen, ref, list, &(&1 ++ list)))
    end
  end

  # The producer stops with each reason; what becomes of the consumer.
  def cancels do
    for {from, to} <- both(),
        {mode, why, ends} <- [
          {:permanent, :normal, true},
          {:permanent, :broken, true},
          {:transient, :normal, false},
          {:transient, {:shutdown, :x}, false},
          {:transient, :broken, true},
          {:temporary, :broken, false}
        ] do
      {"#{title({from, to})}, #{mode}: the producer ends with #{inspect(why)}",
       fn ->
         p = stage(from, :producer, :hold, [])
         c = stage(to, :consumer, :same, [])
         watch = Process.monitor(c)
         ref = subscribe(c, p, cancel: mode)
         :ok = GenStage.call(p, {:emit, [1, 2]})
         {[1, 2], _} = events(ref, 2)
         :ok = GenStage.call(p, {:stop, why})
         # What comes first of the two says it: both mean that the producer is gone.
         {:handle_cancel, {_, ^why}, ^ref} = note(&match?({:handle_cancel, _, ^ref}, &1))

         if ends do
           {:DOWN, ^watch, :process, ^c, ^why} = down(watch)
         else
           {:error, :nothing} = down_or_answer(c, watch)
         end
       end}
    end ++
      for {from, to} <- both() do
        {"#{title({from, to})}: the consumer cancels, and asks anew",
         fn ->
           p = stage(from, :producer, :counter, [])
           c = stage(to, :consumer, :manual, [])
           ref = subscribe(c, p, cancel: :temporary)
           :ok = GenStage.call(c, {:ask, 1, 2})
           {[0, 1], _} = events(ref, 2)
           :ok = GenStage.call(c, {:cancel, 1, {:shutdown, :enough}})
           # Both sides are told.
           for _ <- 1..2, do: {:handle_cancel, {:cancel, {:shutdown, :enough}}, ^ref} = note(&match?({:handle_cancel, _, ^ref}, &1))
           again = subscribe(c, p, cancel: :temporary)
           :ok = GenStage.call(c, {:ask, 2, 1})
           {[2], _} = events(again, 1)
         end}
      end
  end

  def down(ref) do
    receive do
      {:DOWN, ^ref, _, _, _} = m -> m
    after
      @wait -> exit(:no_down)
    end
  end

  # It still answers.
  def down_or_answer(pid, ref) do
    :ok = GenStage.sync_info(pid, :still_there)

    receive do
      {:DOWN, ^ref, _, _, why} -> {:ended, why}
    after
      0 -> {:error, :nothing}
    end
  end

  # Ends that nobody announces.
  def ends do
    for {from, to} <- both() do
      [
        {"#{title({from, to})}: the producer is killed",
         fn ->
           p = stage(from, :producer, :hold, [])
           c = stage(to, :consumer, :same, [])
           ref = subscribe(c, p, cancel: :temporary)
           {:handle_subscribe, :consumer, ^ref} = note(&match?({:handle_subscribe, :consumer, _}, &1))
           Process.exit(p, :kill)
           {:handle_cancel, {:down, :killed}, ^ref} = note(&match?({:handle_cancel, _, _}, &1))
           :ok = GenStage.sync_info(c, :still_there)
         end},
        {"#{title({from, to})}: the consumer is killed, and another gets what it did not take",
         fn ->
           p = stage(from, :producer, :hold, [])
           c = stage(to, :consumer, :same, [])
           ref = subscribe(c, p, max_demand: 4)
           {:handle_subscribe, :consumer, ^ref} = note(&match?({:handle_subscribe, :consumer, _}, &1))
           Process.exit(c, :kill)
           {:handle_cancel, {:down, :killed}, ^ref} = note(&match?({:handle_cancel, _, _}, &1))
           :ok = GenStage.call(p, {:emit, [1, 2, 3]})
           3 = GenStage.estimate_buffered_count(p)
           ref = subscribe(stage(to, :consumer, :same, []), p, max_demand: 4)
           {[1, 2, 3], _} = events(ref, 3)
         end},
        {"#{title({from, to})}: the connection is lost",
         fn ->
           p = stage(from, :producer, :hold, [])
           c = stage(to, :consumer, :same, [])
           ref = subscribe(c, p, cancel: :temporary)
           {:handle_subscribe, :consumer, ^ref} = note(&match?({:handle_subscribe, :consumer, _}, &1))
           here = if(from == :theirs, do: p, else: c)
           true = Node.disconnect(peer())
           # The side here, which has not lost us.
           {:handle_cancel, {:down, :noconnection}, ^ref} = note(&match?({:handle_cancel, _, _}, &1))
           :ok = GenStage.sync_info(here, :still_there)
           :ok = wait_for_peer()
           # And what is over there goes on, with a new subscription.
           c2 = if(to == :theirs, do: c, else: stage(to, :consumer, :same, []))
           p2 = if(from == :theirs, do: p, else: stage(from, :producer, :hold, []))
           ref = subscribe(c2, p2, cancel: :temporary)
           :ok = GenStage.call(p2, {:emit, [7]})
           {[7], _} = events(ref, 1)
         end}
      ]
    end
    |> Enum.concat()
  end

  # A subscription of ours to a name of Elixir's that is made anew.
  def again do
    [
      {"ours subscribes to theirs anew when the connection is there again",
       fn ->
         p = theirs(:producer, :hold)
         true = Process.register(p, :named_producer)
         c = ours(:consumer, :same)
         {:ok, ref} = doit(:reconnect, {c, {:named_producer, Node.self()}})
         {:handle_subscribe, :consumer, ^ref} = note(&match?({:handle_subscribe, :consumer, _}, &1))
         true = Node.disconnect(peer())
         {:handle_cancel, {:down, :noconnection}, ^ref} = note(&match?({:handle_cancel, _, _}, &1))
         :ok = wait_for_peer()
         {:handle_subscribe, :consumer, new} = note(&match?({:handle_subscribe, :consumer, _}, &1))
         true = new != ref
         :ok = GenStage.call(p, {:emit, [1, 2]})
         {[1, 2], _} = events(new, 2)
       end}
    ]
  end

  def wait_for_peer do
    if Node.ping(peer()) == :pong, do: :ok, else: wait_for_peer()
  end

  # What GenStage's own functions get from a stage of ours.
  def calls do
    [
      {"demand/1 and demand/2",
       fn ->
         p = ours(:producer, :counter, demand: :accumulate)
         :accumulate = GenStage.demand(p)
         :ok = GenStage.demand(p, :forward)
         :forward = GenStage.demand(p)
       end},
      {"estimate_buffered_count/1 and sync_info/2",
       fn ->
         p = ours(:producer, :hold)
         :ok = GenStage.call(p, {:emit, [1, 2, 3]})
         3 = GenStage.estimate_buffered_count(p)
         :ok = GenStage.sync_info(p, :behind)
         ref = subscribe(theirs(:consumer, :same), p, max_demand: 10)
         # In any order here: they come from two processes.
         {[1, 2, 3], _} = events(ref, 3)
         :ok = GenStage.sync_info(p, :alone)
       end},
      {"async_info/2 comes behind the events",
       fn ->
         p = ours(:producer, :hold)
         :ok = GenStage.call(p, {:emit, [1]})
         :ok = GenStage.async_info(p, :behind)
         _ = subscribe(theirs(:consumer, :manual), p, [])
         {:handle_subscribe, _, _} = note()
         true = Process.alive?(self())
         {:handle_subscribe, _, _} = note(&match?({:handle_subscribe, _, _}, &1))
       end},
      {"stream/2 of two producers of ours",
       fn ->
         a = ours(:producer, :counter)
         b = ours(:producer, :counter)

         list =
           [{a, max_demand: 10, cancel: :temporary}, {b, max_demand: 7, cancel: :temporary}]
           |> GenStage.stream()
           |> Enum.take(500)

         500 = length(list)
         # Each number comes once, or twice.
         true = list |> Enum.frequencies() |> Map.values() |> Enum.all?(&(&1 in 1..2))
         # The stream has cancelled both.
         for _ <- 1..2, do: {:handle_cancel, _, _} = note(&match?({:handle_cancel, _, _}, &1))
       end},
      {"sync_subscribe/2 of what is a producer only",
       fn -> {:error, :not_a_consumer} = GenStage.sync_subscribe(ours(:producer, :hold), to: theirs(:producer, :hold)) end},
      {"sync_subscribe/2 with options that cannot be",
       fn ->
         c = ours(:consumer, :same)
         {:error, {:bad_opts, text}} = GenStage.sync_subscribe(c, to: theirs(:producer, :hold), max_demand: 0)
         true = is_binary(text)
       end},
      {"sync_resubscribe/4",
       fn ->
         c = ours(:consumer, :manual)
         p = theirs(:producer, :counter)
         old = subscribe(c, p, cancel: :temporary)
         {:ok, new} = GenStage.sync_resubscribe(c, old, :changed, to: p, cancel: :temporary)
         {:handle_cancel, {:cancel, :changed}, ^old} = note(&match?({:handle_cancel, _, _}, &1))
         :ok = GenStage.call(c, {:ask, 2, 1})
         {[0], _} = events(new, 1)
       end},
      {"events of any term, there and back",
       fn ->
         p = theirs(:producer, :hold)
         c = ours(:consumer, :same)
         ref = subscribe(c, p, [])
         terms = [%{"b" => [2.5], a: 1}, {:x, 'chars', "bin"}, ~D[2024-02-29], self(), make_ref(), <<5::3>>, 1..3, "ł"]
         :ok = GenStage.call(p, {:emit, terms})
         {^terms, _} = events(ref, length(terms))
         # A list of small integers travels as a string: D-52.
         :ok = GenStage.call(p, {:emit, [1, 2, 3]})
         {[1, 2, 3], _} = events(ref, 3)
       end}
    ]
  end

  # The queue of ours feeds what is Elixir's.
  def kit do
    [
      {"a queue of ours, a ConsumerSupervisor of Elixir's",
       fn ->
         {:ok, queue} = doit(:source_queue, 10)
         {:ok, jobs} = ConsumerSupervisor.start_link(Jobs, {self(), queue, 3})
         :ok = doit(:source_push, {queue, Enum.to_list(1..10), 5000})

         # Never more than three; each end lets one more come.
         last =
           Enum.reduce(1..10, [], fn n, running ->
             {pid, ^n} = job()
             running = running ++ [pid]
             true = length(running) <= 3
             %{active: active} = ConsumerSupervisor.count_children(jobs)
             true = active <= 3

             case running do
               [first | rest] when length(running) == 3 ->
                 send(first, :done)
                 rest

               _ ->
                 running
             end
           end)

         Enum.each(last, &send(&1, :done))
         Process.unlink(jobs)
         Process.exit(jobs, :kill)
       end},
      {"a rate of ours between stages of Elixir's",
       fn ->
         p = theirs(:producer, {:until, 100})
         counter = count(p)
         {:ok, rate} = doit(:source_rate, {p, 100, 100, 10})
         ref = subscribe(theirs(:consumer, :same), rate, cancel: :temporary)
         {got, _} = events(ref, 100)
         ^got = Enum.to_list(0..99)
         %{sent: 100, owed: 0} = counted(counter)
       end},
      {"a queue of ours that is full makes its pusher wait for Elixir's demand",
       fn ->
         {:ok, queue} = doit(:source_queue, 2)
         :ok = doit(:source_push, {queue, [1, 2], 0})
         {:error, :ETIMEOUT} = doit(:source_push, {queue, [3], 20})
         me = self()
         spawn_link(fn -> send(me, {:pushed, doit(:source_push, {queue, [4], @wait})}) end)
         c = theirs(:consumer, :manual)
         ref = subscribe(c, queue, cancel: :transient)
         :ok = GenStage.call(c, {:ask, 1, 3})
         {[1, 2, 4], _} = events(ref, 3)

         receive do
           {:pushed, :ok} -> :ok
         end

         :ok = doit(:source_close, queue)
         {:handle_cancel, {:down, :normal}, ^ref} = note(&match?({:handle_cancel, _, _}, &1))
       end}
    ]
  end

  def job do
    receive do
      {:job, pid, event} -> {pid, event}
    after
      @wait -> exit(:no_job)
    end
  end
end

defmodule Run do
  def main(peer) do
    :persistent_term.put(:peer, String.to_atom(peer))
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

Run.main(peer)
