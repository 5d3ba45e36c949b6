# genstage_puppet.exs -- a stage of Elixir's GenStage that tells of its callbacks: what
# stage_puppet.h says of ours, where the messages have its pid in them.

defmodule Puppet do
  # A stage that tells the recorder of its callbacks, and does what it is told.
  use GenStage

  def init({role, mode, options, recorder}) do
    {role, %{mode: mode, recorder: recorder, next: 0, subs: []}, options}
  end

  defp note(s, what), do: send(s.recorder, {:note, self(), what})

  # counter: the next integers; {:at_most, K}: at most K at once; {:until, K}: those below K;
  # hold: nothing.
  def handle_demand(n, s) do
    note(s, {:handle_demand, n})

    count =
      case s.mode do
        :counter -> n
        {:at_most, k} -> min(n, k)
        {:until, k} -> min(n, max(k - s.next, 0))
        _ -> 0
      end

    {:noreply, Enum.take(Stream.iterate(s.next, &(&1 + 1)), count), %{s | next: s.next + count}}
  end

  def handle_subscribe(side, _opts, {_, ref} = from, s) do
    note(s, {:handle_subscribe, side, ref})
    s = %{s | subs: s.subs ++ [from]}
    if side == :producer and s.mode == :manual, do: {:manual, s}, else: {:automatic, s}
  end

  def handle_events(events, {_, ref}, s) do
    note(s, {:handle_events, ref, events})

    out =
      case s.mode do
        :same -> events
        :twice -> Enum.flat_map(events, &[&1, &1])
        :even -> Enum.filter(events, &(rem(&1, 2) == 0))
        _ -> []
      end

    {:noreply, out, s}
  end

  def handle_cancel(why, {_, ref}, s) do
    note(s, {:handle_cancel, why, ref})
    {:noreply, [], s}
  end

  def handle_info(message, s) do
    note(s, {:handle_info, message})
    {:noreply, [], s}
  end

  def handle_call({:emit, list}, _, s), do: {:reply, :ok, list, s}
  def handle_call({:ask, i, n}, _, s), do: {:reply, GenStage.ask(Enum.at(s.subs, i - 1), n), [], s}
  def handle_call({:cancel, i, why}, _, s), do: {:reply, GenStage.cancel(Enum.at(s.subs, i - 1), why), [], s}
  def handle_call({:stop, why}, _, s), do: {:stop, why, :ok, s}

  def format_discarded(n, s) do
    note(s, {:format_discarded, n})
    false
  end
end
