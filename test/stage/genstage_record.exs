# genstage_record.exs -- what stages of Elixir's GenStage send, session by session.
#
#   elixir -pa EBIN_OF_GEN_STAGE genstage_record.exs > genstage_trace.txt
#
# A session is one GenStage process, or two that know each other, and hands: processes
# that do nothing but be there. The script sends in the hands' names; what each GenStage
# process handled and sent is traced, and written as the terms that genstage_trace.txt
# begins with. test_behaviors_stage_replay.c plays the hands' part of each to a stage of
# ours, which must send the same.

:logger.set_primary_config(:level, :none)

Code.require_file("genstage_puppet.exs", __DIR__)

defmodule Recorder do
  # ---- Names for pids and references

  def name(term, names) when is_pid(term), do: {:"$pid", Map.get(names.pids, term, :other)}

  def name(term, names) when is_reference(term) do
    case Enum.find_index(names.refs, &(&1 == term)) do
      nil -> {:"$ref", :other}
      i -> {:"$ref", :"r#{i + 1}"}
    end
  end

  def name([h | t], names), do: [name(h, names) | name(t, names)]
  def name(t, names) when is_tuple(t), do: t |> Tuple.to_list() |> name(names) |> List.to_tuple()
  def name(term, _) when is_function(term), do: :hash
  def name(term, _), do: term

  def refs(r, seen) when is_reference(r), do: if(r in seen, do: seen, else: seen ++ [r])
  def refs([h | t], seen), do: refs(t, refs(h, seen))
  def refs(t, seen) when is_tuple(t), do: refs(Tuple.to_list(t), seen)
  def refs(_, seen), do: seen

  # ---- A session

  defp hand do
    receive do
      {:end, why} -> exit(why)
      _ -> hand()
    end
  end

  # {Name, [{Stage, Role, Mode, Options}], [Hand], [Step]}
  def session({title, stages, hands, steps}) do
    hands = for h <- hands, do: {h, spawn(&hand/0)}
    me = self()

    started =
      for {id, role, mode, options} <- stages do
        {:ok, pid} = GenStage.start(Puppet, {role, mode, options, me})
        ref = Process.monitor(pid)
        :erlang.trace(pid, true, [:call, :send])
        {id, pid, ref}
      end

    pids = Map.new(hands ++ for({id, pid, _} <- started, do: {id, pid}))
    events = Enum.flat_map(steps, &step(&1, pids, started))

    names = %{pids: Map.new(pids, fn {k, v} -> {v, k} end), refs: refs_of(events, started)}

    for {id, role, mode, options} <- stages do
      print({:session, title, id, role, mode, name(options, names)})
      for {^id, event} <- events, do: print(name(event, names))
    end

    for {_, pid, _} <- started, do: Process.exit(pid, :kill)
    flush()
  end

  # Subscriptions' references only; the order is that of their first use.
  defp refs_of(events, started) do
    monitors = for {_, _, ref} <- started, do: ref
    Enum.reduce(events, [], fn {_, e}, seen -> refs(e, seen) end) -- monitors
  end

  defp print(term), do: :io.format("~0tp.~n", [term])

  defp step({:send, from, ref, message}, pids, started) do
    # From a hand, to the first stage: {Kind, {Hand, Ref}, Body}.
    {_, pid, _} = hd(started)
    kind = if elem_kind(message) == :consumer, do: :"$gen_producer", else: :"$gen_consumer"
    send(pid, {kind, {pids[from], ref_of(ref)}, body(message)})
    settle(pids, started)
  end

  defp step({:raw, message}, pids, started) do
    {_, pid, _} = hd(started)
    send(pid, message)
    settle(pids, started)
  end

  defp step({:kill, who, why}, pids, started) do
    if why == :kill, do: Process.exit(pids[who], :kill), else: send(pids[who], {:end, why})
    wait_dead(pids[who])
    settle(pids, started)
  end

  # sync_subscribe: the reply has the reference, which hands use by number.
  defp step({:subscribe, who, to, options}, pids, started) do
    {_, pid, _} = List.keyfind(started, who, 0)
    reply = call(pid, {:"$subscribe", nil, pids[to], options})
    remember(reply)
    settle(pids, started)
  end

  defp step({:resubscribe, who, to, old, why, options}, pids, started) do
    {_, pid, _} = List.keyfind(started, who, 0)
    reply = call(pid, {:"$subscribe", {ref_of(old), why}, pids[to], options})
    remember(reply)
    settle(pids, started)
  end

  defp step({:call, who, request}, pids, started) do
    {_, pid, _} = List.keyfind(started, who, 0)
    call(pid, request)
    settle(pids, started)
  end

  defp step({:cast, who, request}, pids, started) do
    {_, pid, _} = List.keyfind(started, who, 0)
    GenServer.cast(pid, request)
    settle(pids, started)
  end

  defp elem_kind({:events, _}), do: :producer
  defp elem_kind({:pcancel, _}), do: :producer
  defp elem_kind(_), do: :consumer
  defp body({:events, list}), do: list
  defp body({:pcancel, why}), do: {:cancel, why}
  defp body({:subscribe, {old, why}, options}), do: {:subscribe, {ref_of(old), why}, options}
  defp body(other), do: other

  # A subscription that a hand makes has a name of its own; those that a stage made are
  # numbered.
  defp ref_of(key) do
    case Process.get({:ref, key}) do
      nil ->
        ref = make_ref()
        Process.put({:ref, key}, ref)
        ref

      ref ->
        ref
    end
  end

  defp remember({:ok, ref}) do
    n = Process.get(:made, 0) + 1
    Process.put(:made, n)
    Process.put({:ref, n}, ref)
  end

  defp remember(_), do: :ok

  defp call(pid, request) do
    reply =
      try do
        GenServer.call(pid, request)
      catch
        :exit, {why, _} -> {:"$exit", why}
      end

    send(self(), {:replied, pid, reply})
    reply
  end

  defp wait_dead(pid), do: if(Process.alive?(pid), do: wait_dead(pid))

  # ---- What was seen since

  # Nothing moves any more: two rounds of questions to all brought no event.
  defp settle(pids, started, quiet \\ 0, seen \\ []) do
    for {_, pid, _} <- started do
      try do
        :sys.get_state(pid)
      catch
        :exit, _ -> :ok
      end
    end

    ref = :erlang.trace_delivered(:all)

    receive do
      {:trace_delivered, :all, ^ref} -> :ok
    end

    case take(started, pids, []) do
      [] when quiet == 3 -> seen
      [] -> settle(pids, started, quiet + 1, seen)
      more -> settle(pids, started, 0, seen ++ more)
    end
  end

  defp take(started, pids, seen) do
    receive do
      {:trace, pid, :call, {GenStage, what, [message | _]}} ->
        take(started, pids, seen ++ handled(id(started, pid), what, message, pids))

      {:trace, pid, :send, {:note, _, what}, _} ->
        take(started, pids, seen ++ [{id(started, pid), {:callback, what}}])

      {:trace, pid, kind, message, to} when kind in [:send, :send_to_non_existing_process] ->
        take(started, pids, seen ++ sent(id(started, pid), message, to, started, pids))

      {:replied, pid, reply} ->
        take(started, pids, seen ++ [{id(started, pid), {:reply, reply}}])

      {:DOWN, ref, :process, pid, why} ->
        case List.keyfind(started, ref, 2) do
          {id, ^pid, _} -> take(started, pids, seen ++ [{id, {:ended, why}}])
          nil -> take(started, pids, seen)
        end

      {:note, _, _} ->
        take(started, pids, seen)
    after
      0 -> seen
    end
  end

  defp id(started, pid), do: started |> List.keyfind(pid, 1, {nil}) |> elem(0)

  defp handled(id, :handle_info, {:DOWN, _, :process, pid, why}, _), do: [{id, {:down, pid, why}}]
  defp handled(id, :handle_info, message, _) do
    # What it has sent itself is no input.
    if Process.delete({:own, id, message}), do: [], else: [{id, {:in, message}}]
  end

  defp handled(id, :handle_call, message, _), do: [{id, {:call, message}}]
  defp handled(id, :handle_cast, message, _), do: [{id, {:cast, message}}]

  defp sent(id, message, to, started, pids) do
    if id(started, to) == id, do: Process.put({:own, id, message}, true)

    if to in Map.values(pids) and match?({kind, _, _} when kind in [:"$gen_producer", :"$gen_consumer"], message),
      do: [{id, {:out, to, message}}],
      else: []
  end

  defp flush do
    receive do
      _ -> flush()
    after
      0 -> :ok
    end
  end
end

defmodule Sessions do
  # ---- Steps

  def sub(who, ref, options \\ []), do: {:send, who, ref, {:subscribe, nil, options}}
  def ask(who, ref, n), do: {:send, who, ref, {:ask, n}}
  def cancel(who, ref, why), do: {:send, who, ref, {:cancel, why}}
  def events(who, ref, list), do: {:send, who, ref, {:events, Enum.to_list(list)}}
  def pcancel(who, ref, why), do: {:send, who, ref, {:pcancel, why}}
  def emit(list), do: {:call, :s, {:emit, Enum.to_list(list)}}

  def producer(mode \\ :counter, options \\ []), do: [{:s, :producer, mode, options}]
  def consumer(mode \\ :same), do: [{:s, :consumer, mode, []}]
  def middle(mode \\ :same, options \\ []), do: [{:s, :producer_consumer, mode, options}]
  def pair(mode, options, cmode), do: [{:p, :producer, mode, options}, {:c, :consumer, cmode, []}]

  def all do
    producers() ++ demand_dispatcher() ++ buffers() ++ accumulate() ++ broadcast() ++ partition() ++
      consumers() ++ middles() ++ pairs()
  end

  def producers do
    [
      {"a producer serves what is asked", producer(), [:c1],
       [sub(:c1, :a), ask(:c1, :a, 3), ask(:c1, :a, 2)]},
      {"a subscription that exists is not made again", producer(), [:c1],
       [sub(:c1, :a), sub(:c1, :a), ask(:c1, :a, 1)]},
      {"an ask without a subscription is answered", producer(), [:c1], [ask(:c1, :a, 5)]},
      {"a cancel is confirmed with its reason", producer(), [:c1],
       [sub(:c1, :a), ask(:c1, :a, 2), cancel(:c1, :a, {:shutdown, "x"}), ask(:c1, :a, 1)]},
      {"a cancel without a subscription is passed over", producer(), [:c1], [cancel(:c1, :a, :normal)]},
      {"the consumer ends", producer(:hold), [:c1, :c2],
       [sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 4), ask(:c2, :b, 2), {:kill, :c1, :gone}, emit(1..3)]},
      {"two subscriptions of one consumer", producer(), [:c1],
       [sub(:c1, :a), sub(:c1, :b), ask(:c1, :a, 2), ask(:c1, :b, 2), cancel(:c1, :a, :normal), ask(:c1, :b, 1)]},
      {"a new subscription in place of the old one", producer(), [:c1],
       [sub(:c1, :a), ask(:c1, :a, 2), {:send, :c1, :b, {:subscribe, {:a, :changed}, []}}, ask(:c1, :b, 2), ask(:c1, :a, 1)]},
      {"in place of one that is not there", producer(), [:c1],
       [{:send, :c1, :b, {:subscribe, {:a, :changed}, []}}, ask(:c1, :b, 2)]},
      {"events for a producer are none", producer(), [:c1],
       [events(:c1, :a, [1, 2]), pcancel(:c1, :a, :normal)]},
      {"a producer subscribes to nobody", producer(), [:c1], [{:subscribe, :s, :c1, []}]},
      {"a producer ends while subscribed", producer(), [:c1],
       [sub(:c1, :a), ask(:c1, :a, 1), {:call, :s, {:stop, :normal}}]},
      {"other messages are the user's", producer(), [], [{:raw, :hello}, {:raw, {:"$gen_producer", :odd}}]}
    ]
  end

  def demand_dispatcher do
    [
      {"who asked for most is served first", producer(:hold), [:c1, :c2, :c3],
       [sub(:c1, :a), sub(:c2, :b), sub(:c3, :c), ask(:c1, :a, 2), ask(:c2, :b, 5), ask(:c3, :c, 3)] ++
         [emit(1..3), emit(4..6), emit(7..12)]},
      {"among equals who came first", producer(:hold), [:c1, :c2],
       [sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 2), ask(:c2, :b, 2), emit([1]), emit([2]), emit([3]), emit([4]), emit([5])]},
      {"demand of one that left is taken from the next asks", producer(), [:c1, :c2],
       [sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 0 + 4), cancel(:c1, :a, :normal), ask(:c2, :b, 10)]},
      {"demand that nobody has served is not asked for twice", producer(:hold), [:c1, :c2],
       [sub(:c1, :a), ask(:c1, :a, 10), cancel(:c1, :a, :normal), sub(:c2, :b), ask(:c2, :b, 4), ask(:c2, :b, 4), ask(:c2, :b, 4)]},
      {"a consumer comes back and gets what waits", producer({:at_most, 1}), [:c1, :c2],
       [sub(:c1, :a), ask(:c1, :a, 1000), {:kill, :c1, :gone}, emit(1..3), sub(:c2, :b), ask(:c2, :b, 1000)]}
    ]
  end

  def buffers do
    [
      {"events that nobody asked for wait", producer(:hold), [:c1],
       [emit(1..3), {:call, :s, :"$estimate_buffered_count"}, sub(:c1, :a), ask(:c1, :a, 2), ask(:c1, :a, 2), ask(:c1, :a, 2)]},
      {"the buffer keeps the last", producer(:hold, buffer_size: 3), [:c1],
       [emit(1..5), sub(:c1, :a), ask(:c1, :a, 9)]},
      {"the buffer keeps the first", producer(:hold, buffer_size: 3, buffer_keep: :first), [:c1],
       [emit(1..2), emit(3..6), sub(:c1, :a), ask(:c1, :a, 9)]},
      {"a buffer without end", producer(:hold, buffer_size: :infinity), [:c1],
       [emit(1..50), sub(:c1, :a), ask(:c1, :a, 60)]},
      {"an info comes behind what was buffered before it", producer(:hold), [:c1],
       [emit(1..2), {:call, :s, {:"$info", :one}}, {:cast, :s, {:"$info", :two}}, emit(3..4), {:call, :s, {:"$info", :three}}] ++
         [sub(:c1, :a), ask(:c1, :a, 1), ask(:c1, :a, 1), ask(:c1, :a, 1), ask(:c1, :a, 5)]},
      {"an info with an empty buffer comes at once", producer(:hold), [], [{:call, :s, {:"$info", :now}}]}
    ]
  end

  def accumulate do
    [
      {"demand waits until it is forwarded", producer(:counter, demand: :accumulate), [:c1, :c2],
       [{:call, :s, :"$demand"}, sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 2), ask(:c2, :b, 3)] ++
         [{:cast, :s, {:"$demand", :forward}}, {:call, :s, :"$demand"}, ask(:c1, :a, 1)]},
      {"events wait too", producer(:hold, demand: :accumulate), [:c1],
       [sub(:c1, :a), ask(:c1, :a, 2), emit(1..3), {:cast, :s, {:"$demand", :forward}}, ask(:c1, :a, 2)]},
      {"back to waiting and forward again", producer(:counter), [:c1],
       [sub(:c1, :a), ask(:c1, :a, 1), {:cast, :s, {:"$demand", :accumulate}}, ask(:c1, :a, 2), emit([:x]), ask(:c1, :a, 2)] ++
         [{:cast, :s, {:"$demand", :accumulate}}, {:cast, :s, {:"$demand", :forward}}, {:cast, :s, {:"$demand", :forward}}]}
    ]
  end

  @broadcast [dispatcher: GenStage.BroadcastDispatcher]
  def broadcast do
    [
      {"broadcast: the slowest asks for all", producer(:counter, @broadcast), [:c1, :c2],
       [sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 3), ask(:c2, :b, 2), ask(:c2, :b, 5)]},
      {"broadcast: one alone", producer(:counter, @broadcast), [:c1], [sub(:c1, :a), ask(:c1, :a, 3), ask(:c1, :a, 3)]},
      {"broadcast: a second one while demand is out", producer(:hold, @broadcast), [:c1, :c2],
       [sub(:c1, :a), ask(:c1, :a, 10), sub(:c2, :b), ask(:c2, :b, 10), emit(1..4), emit(5..20), ask(:c1, :a, 5), ask(:c2, :b, 5)]},
      {"broadcast: the slowest leaves", producer(:hold, @broadcast), [:c1, :c2],
       [sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 6), ask(:c2, :b, 2), emit(1..4), cancel(:c2, :b, :normal), emit(5..6), ask(:c1, :a, 1)]},
      {"broadcast: the last one leaves with demand", producer(:hold, @broadcast), [:c1, :c2],
       [sub(:c1, :a), ask(:c1, :a, 6), emit(1..2), {:kill, :c1, :gone}, emit(3..4), sub(:c2, :b), ask(:c2, :b, 3), emit(5..9)]},
      {"broadcast: the same process twice", producer(:counter, @broadcast), [:c1],
       [sub(:c1, :a), sub(:c1, :b), ask(:c1, :a, 2), ask(:c1, :b, 2)]},
      {"broadcast: events without consumers wait", producer(:hold, @broadcast), [:c1], [emit(1..2), sub(:c1, :a), ask(:c1, :a, 5)]},
      {"broadcast: two with other demands, at first waiting", producer(:counter, @broadcast ++ [demand: :accumulate]), [:c1, :c2],
       [sub(:c1, :a), ask(:c1, :a, 10), sub(:c2, :b), ask(:c2, :b, 4), {:cast, :s, {:"$demand", :forward}}] ++
         [ask(:c1, :a, 5), ask(:c2, :b, 2), ask(:c2, :b, 2), ask(:c2, :b, 2)]}
    ]
  end

  # The hash of integers is the remainder, and none of atoms: in C too.
  def hash(e) when is_integer(e), do: {e, Integer.mod(e, 3)}
  def hash(_), do: :none
  def partition_options, do: [dispatcher: {GenStage.PartitionDispatcher, partitions: 3, hash: &Sessions.hash/1}]

  def partition do
    p = fn n -> [partition: n] end

    [
      {"partition: each its own", producer(:hold, partition_options()), [:c0, :c1, :c2],
       [sub(:c0, :a, p.(0)), sub(:c1, :b, p.(1)), sub(:c2, :c, p.(2))] ++
         [ask(:c0, :a, 4), ask(:c1, :b, 4), ask(:c2, :c, 4), emit(0..14)] ++ [ask(:c0, :a, 4), ask(:c1, :b, 4)]},
      {"partition: events that belong nowhere are dropped", producer(:hold, partition_options()), [:c0, :c1, :c2],
       [sub(:c0, :a, p.(0)), sub(:c1, :b, p.(1)), sub(:c2, :c, p.(2))] ++
         [ask(:c0, :a, 4), ask(:c1, :b, 4), ask(:c2, :c, 4), emit([1, :x, 2, :y, :z, 3])]},
      {"partition: a consumer leaves and another takes its place", producer(:hold, partition_options()), [:c0, :c1, :c2, :d1],
       [sub(:c0, :a, p.(0)), sub(:c1, :b, p.(1)), sub(:c2, :c, p.(2))] ++
         [ask(:c0, :a, 3), ask(:c1, :b, 3), ask(:c2, :c, 3), emit([1, 4]), {:kill, :c1, :gone}, emit([7, 10, 0]), sub(:d1, :d, p.(1)), ask(:d1, :d, 3)]},
      {"partition: one that has none of its own yet", producer(:hold, partition_options()), [:c0, :c1],
       [sub(:c0, :a, p.(0)), ask(:c0, :a, 2), emit([0, 1, 2, 3]), sub(:c1, :b, p.(1)), ask(:c1, :b, 1)]},
      {"partition: demand that counts", producer(:counter, partition_options()), [:c0, :c1, :c2],
       [sub(:c0, :a, p.(0)), ask(:c0, :a, 2), sub(:c1, :b, p.(1)), ask(:c1, :b, 2), sub(:c2, :c, p.(2)), ask(:c2, :c, 2), ask(:c0, :a, 6)]}
    ]
  end

  def consumers do
    [
      {"a consumer asks for the most, then for what it handled", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 10, min_demand: 5]}] ++ Enum.map(0..4, &events(:p1, 1, (&1 * 3)..(&1 * 3 + 2)))},
      {"the defaults are 500 and 1000", consumer(), [:p1],
       [{:subscribe, :s, :p1, []}, events(:p1, 1, 1..499), events(:p1, 1, [1]), events(:p1, 1, 1..1000)]},
      {"max 1 means one at a time", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 1]}, events(:p1, 1, [1]), events(:p1, 1, [2])]},
      {"max 2, min 1", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 2, min_demand: 1]}, events(:p1, 1, [1, 2]), events(:p1, 1, [3])]},
      {"min 0", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 0]}, events(:p1, 1, 1..3), events(:p1, 1, [4]), events(:p1, 1, 5..8)]},
      {"batches of at most max less min", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 10, min_demand: 7]}, events(:p1, 1, 1..10)]},
      {"more than was asked for is handled too", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2]}, events(:p1, 1, 1..9), events(:p1, 1, [10])]},
      {"manual demand", consumer(:manual), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 4]}, {:call, :s, {:ask, 1, 3}}, events(:p1, 1, 1..3), {:call, :s, {:ask, 1, 0}}, {:call, :s, {:ask, 1, 1}}]},
      {"events of a subscription that is not there", consumer(), [:p1], [events(:p1, :a, [1])]},
      {"a cancel of a subscription that is not there", consumer(), [:p1], [pcancel(:p1, :a, :normal)]},
      {"demand for a consumer is none", consumer(), [:p1], [sub(:p1, :a), ask(:p1, :a, 1)]},
      {"cancelled for good: permanent", consumer(), [:p1], [{:subscribe, :s, :p1, []}, pcancel(:p1, 1, :normal)]},
      {"cancelled: transient, normal", consumer(), [:p1],
       [{:subscribe, :s, :p1, [cancel: :transient]}, pcancel(:p1, 1, :normal), {:subscribe, :s, :p1, [cancel: :transient]}] ++
         [pcancel(:p1, 2, :shutdown), {:subscribe, :s, :p1, [cancel: :transient]}, pcancel(:p1, 3, {:shutdown, 1})]},
      {"cancelled: transient, not normal", consumer(), [:p1],
       [{:subscribe, :s, :p1, [cancel: :transient]}, pcancel(:p1, 1, :broken)]},
      {"cancelled: temporary", consumer(), [:p1],
       [{:subscribe, :s, :p1, [cancel: :temporary]}, pcancel(:p1, 1, :broken), events(:p1, 1, [1])]},
      {"already subscribed stops nobody", consumer(), [:p1], [{:subscribe, :s, :p1, []}, pcancel(:p1, 1, :already_subscribed)]},
      {"the producer is killed: permanent", consumer(), [:p1], [{:subscribe, :s, :p1, []}, {:kill, :p1, :kill}]},
      {"the producer ends: transient", consumer(), [:p1], [{:subscribe, :s, :p1, [cancel: :transient]}, {:kill, :p1, :shutdown}]},
      {"the producer ends: temporary", consumer(), [:p1], [{:subscribe, :s, :p1, [cancel: :temporary]}, {:kill, :p1, :gone}]},
      {"the consumer cancels", consumer(), [:p1],
       [{:subscribe, :s, :p1, [cancel: :temporary]}, {:call, :s, {:cancel, 1, :enough}}, events(:p1, 1, [1]), pcancel(:p1, 1, :enough)]},
      {"two producers", consumer(), [:p1, :p2],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2]}, {:subscribe, :s, :p2, [max_demand: 2, min_demand: 1]}] ++
         [events(:p2, 2, [1, 2]), events(:p1, 1, [3, 4]), {:kill, :p1, :normal}]},
      {"subscribed anew in place of the old one", consumer(), [:p1],
       [{:subscribe, :s, :p1, [cancel: :temporary]}, {:resubscribe, :s, :p1, 1, :changed, [max_demand: 2]}, pcancel(:p1, 1, :changed), events(:p1, 2, [1])]},
      {"an option that cannot be", consumer(), [:p1],
       [{:subscribe, :s, :p1, [max_demand: 0]}, {:subscribe, :s, :p1, [max_demand: 5, min_demand: 5]}, {:subscribe, :s, :p1, [cancel: :never]}]},
      {"further options are sent along", consumer(), [:p1], [{:subscribe, :s, :p1, [partition: 2, max_demand: 3, colour: :red]}]},
      {"an info of a consumer comes at once", consumer(), [], [{:call, :s, {:"$info", :hello}}, {:call, :s, :"$estimate_buffered_count"}]}
    ]
  end

  def middles do
    m = [max_demand: 10, min_demand: 5]

    [
      {"the middle takes before it is asked", middle(), [:p1, :c1],
       [{:subscribe, :s, :p1, m}, events(:p1, 1, 1..5), sub(:c1, :a), ask(:c1, :a, 3), ask(:c1, :a, 3)]},
      {"the middle handles what waits when it is asked", middle(), [:p1, :c1],
       [{:subscribe, :s, :p1, m}, sub(:c1, :a), ask(:c1, :a, 2), events(:p1, 1, 1..5), events(:p1, 1, 6..10), ask(:c1, :a, 4), ask(:c1, :a, 9)]},
      {"a middle that filters goes on", middle(:even), [:p1, :c1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2]}, sub(:c1, :a), ask(:c1, :a, 4)] ++
         Enum.map([[1, 3], [5, 7], [2, 4], [6, 8], [10, 12]], &events(:p1, 1, &1))},
      {"a middle that makes more than was asked", middle(:twice), [:p1, :c1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2]}, sub(:c1, :a), ask(:c1, :a, 3), events(:p1, 1, 1..4), ask(:c1, :a, 3), ask(:c1, :a, 3)]},
      {"a cancel comes behind the events before it", middle(), [:p1, :c1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2, cancel: :temporary]}, sub(:c1, :a), ask(:c1, :a, 1)] ++
         [events(:p1, 1, 1..2), events(:p1, 1, 3..4), pcancel(:p1, 1, :done), ask(:c1, :a, 1), ask(:c1, :a, 5)]},
      {"a producer ends with events that wait", middle(), [:p1, :c1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2, cancel: :transient]}, sub(:c1, :a), ask(:c1, :a, 1)] ++
         [events(:p1, 1, 1..2), events(:p1, 1, 3..4), {:kill, :p1, :broken}, ask(:c1, :a, 5)]},
      {"an info comes behind the events that wait", middle(), [:p1, :c1],
       [{:subscribe, :s, :p1, [max_demand: 4, min_demand: 2]}, events(:p1, 1, 1..2), {:call, :s, {:"$info", :mark}}] ++
         [events(:p1, 1, 3..4), sub(:c1, :a), ask(:c1, :a, 2), ask(:c1, :a, 5)]},
      {"the consumer of a middle leaves and another comes", middle(), [:p1, :c1, :c2],
       [{:subscribe, :s, :p1, m}, sub(:c1, :a), ask(:c1, :a, 5), events(:p1, 1, 1..3), {:kill, :c1, :gone}] ++
         [events(:p1, 1, 4..8), sub(:c2, :b), ask(:c2, :b, 5), ask(:c2, :b, 5)]},
      {"a middle forwards always", middle(), [:c1], [{:cast, :s, {:"$demand", :forward}}, sub(:c1, :a), ask(:c1, :a, 1)]},
      {"broadcast from the middle", middle(:same, dispatcher: GenStage.BroadcastDispatcher), [:p1, :c1, :c2],
       [{:subscribe, :s, :p1, m}, sub(:c1, :a), sub(:c2, :b), ask(:c1, :a, 4), ask(:c2, :b, 2), events(:p1, 1, 1..5), ask(:c2, :b, 4)]}
    ]
  end

  def pairs do
    [
      {"pair: a finite producer", pair({:until, 17}, [], :same), [],
       [{:subscribe, :c, :p, [max_demand: 10, min_demand: 5]}, {:call, :p, {:emit, [:a, :b, :c]}}, {:call, :p, {:emit, Enum.to_list(1..8)}}]},
      {"pair: manual", pair(:counter, [], :manual), [],
       [{:subscribe, :c, :p, []}, {:call, :c, {:ask, 1, 5}}, {:call, :c, {:ask, 1, 2}}, {:call, :c, {:cancel, 1, :normal}}]},
      {"pair: the producer stops", pair(:hold, [], :same), [],
       [{:subscribe, :c, :p, [cancel: :transient]}, {:call, :p, {:emit, [1, 2]}}, {:call, :p, {:stop, :normal}}]},
      {"pair: the producer fails", pair(:hold, [], :same), [],
       [{:subscribe, :c, :p, [cancel: :transient]}, {:call, :p, {:emit, [1, 2]}}, {:call, :p, {:stop, :failed}}]},
      {"pair: the consumer stops", pair(:hold, [], :same), [],
       [{:subscribe, :c, :p, [max_demand: 3]}, {:call, :p, {:emit, [1, 2]}}, {:call, :c, {:stop, {:shutdown, :enough}}}, {:call, :p, {:emit, [3]}}]},
      {"pair: the consumer cancels", pair(:hold, [], :same), [],
       [{:subscribe, :c, :p, [max_demand: 3, cancel: :temporary]}, {:call, :c, {:cancel, 1, :enough}}, {:call, :p, {:emit, [3]}}]},
      {"pair: subscribed anew", pair(:hold, [], :same), [],
       [{:subscribe, :c, :p, [max_demand: 3, cancel: :temporary]}, {:call, :p, {:emit, [1]}}] ++
         [{:resubscribe, :c, :p, 1, :changed, [max_demand: 2, min_demand: 1]}, {:call, :p, {:emit, [2, 3, 4]}}]}
    ]
  end
end


for {f, a} <- [handle_info: 2, handle_call: 3, handle_cast: 2],
    do: :erlang.trace_pattern({GenStage, f, a}, true, [])

IO.puts("%% genstage_trace.txt -- what GenStage #{System.get_env("GEN_STAGE_VERSION", "")} does, by genstage_record.exs.")

IO.puts("""
%%
%% {session, Title, Stage, Role, Mode, Options} begins the record of one GenStage process. Then,
%% in the order in which it handled and did them:
%%
%%   {in, Message}       a message that it got from a hand
%%   {call, Request}, {cast, Request}, {reply, Answer}
%%   {down, Pid, Reason} a process that it watches has ended
%%   {callback, What}    it has called its callback
%%   {out, Pid, Message} it has sent
%%   {ended, Reason}
%%
%% {'$pid', Name} is a process, {'$ref', Name} the reference of a subscription.
""")

Enum.each(Sessions.all(), fn s ->
  Process.delete(:made)
  for {{:ref, _} = key, _} <- Process.get(), do: Process.delete(key)
  Recorder.session(s)
end)
