# libcluster's strategy Gossip in few lines: what it sends, and what it makes of what
# comes (Cluster.Strategy.Gossip, handle_heartbeat/2), on one interface.
#
#   gossip.exs GROUP PORT INTERFACE
#
# Prints "heard NAME" for each other node the first time, and "up NAME" when it is
# connected; ends with its standard input.
[group, port, interface] = System.argv()
address = fn text -> {:ok, a} = :inet.parse_address(String.to_charlist(text)); a end
port = String.to_integer(port)

{:ok, socket} =
  :gen_udp.open(port, [
    :binary, active: true, ip: {0, 0, 0, 0}, reuseaddr: true, broadcast: true,
    multicast_ttl: 1, multicast_loop: true, multicast_if: address.(interface),
    add_membership: {address.(group), address.(interface)}
  ])

packet = ["heartbeat::", :erlang.term_to_binary(%{node: node()})]
parent = self()

spawn_link(fn ->
  _ = IO.read(:stdio, :line)
  send(parent, :stop)
end)

:net_kernel.monitor_nodes(true, node_type: :all)
self = node()

loop = fn loop, heard ->
  receive do
    :stop -> System.halt(0)
    {:nodeup, n, _} -> IO.puts("up #{n}"); loop.(loop, heard)
    {:udp, ^socket, _, _, <<"heartbeat::", rest::binary>>} ->
      case :erlang.binary_to_term(rest) do
        %{node: ^self} -> loop.(loop, heard)
        %{node: n} when is_atom(n) ->
          if n not in heard, do: IO.puts("heard #{n}")
          loop.(loop, [n | heard])
      end
    :tick -> :gen_udp.send(socket, address.(group), port, packet); loop.(loop, heard)
    _ -> loop.(loop, heard)
  end
end

# In time whatever it hears: who waits for silence waits for ever beside a node that says
# something just as often.
{:ok, _} = :timer.send_interval(200, :tick)
IO.puts("gossiping")
loop.(loop, [])
