"""The rows of tools/bench: their sizes, which peers have them, how long they may take."""
import os

PEERS = ["beam", "caf", "go", "ei", "mixed", "plain", "beam_tls"]
# Two nodes of ours without encryption, and two BEAMs with it: what secure links are compared with.
PLAIN, TLS = "plain", "beam_tls"
# What `mixed` stands for: our node asks a BEAM, and a BEAM asks our node.
MIXED = ["to_beam", "from_beam"]
OURS = ["agner"] + MIXED

ALL = ["beam", "caf", "go"]
NODES = ["beam", "caf", "to_beam", "from_beam", PLAIN, TLS]
# BEAM's stages are GenStage, which has to be told of.
STAGES = ["beam"] if os.environ.get("GEN_STAGE_EBIN") else []

# name, N, N with --quick, peers that have it, seconds after which a run is given up
ROWS = [
    ("pingpong", 2000000, 20000, ALL, 90),
    ("pingpong_many", 4000000, 40000, ALL, 90),
    ("ring", 2000000, 20000, ALL, 90),
    ("fanin", 2000000, 20000, ALL, 90),
    ("fanout", 4000000, 40000, ALL, 90),
    ("call", 500000, 5000, ALL, 90),
    ("call_many", 1000000, 20000, ALL, 90),
    ("statem", 500000, 5000, ["beam"], 90),
    ("spawn", 300000, 3000, ALL, 120),
    ("skynet", 1000000, 10000, ALL, 120),
    ("memory", 1000000, 10000, ALL, 120),
    ("names", 100000, 5000, ALL, 90),
    ("pg", 300000, 1000, ["beam"], 120),
    ("pg_broadcast", 2000000, 20000, ["beam"], 90),
    ("service", 200000, 2000, ["go"], 120),
    ("links", 300000, 3000, ["beam"], 90),
    ("hub", 100000, 1000, ["beam"], 90),
    ("saga", 20000, 500, [], 120),
    ("steps", 2000, 50, [], 120),
    ("store", 5000, 200, [], 120),
    ("supervisor", 10000, 500, ["beam"], 120),
    ("supervisor_many", 1000000, 10000, ["beam"], 120),
    ("feed", 4000000, 20000, ["go"], 120),
    ("mux", 1000000, 20000, ["go"], 120),
    ("feed_of", 1000000, 20000, [], 120),
    ("mux_posters", 1000000, 20000, [], 60),
    ("log", 1000000, 10000, ["beam"], 90),
    ("sim", 600, 20, [], 120),
    ("timers", 1000000, 10000, ALL, 90),
    ("timer_fire", 10000, 100, ALL, 60),
    ("big", 2400000, 24000, ALL, 90),
    ("chameneos", 500000, 1000, ALL, 90),
    ("counting", 5000000, 20000, ALL, 90),
    ("bank", 500000, 5000, ALL, 90),
    ("latency", 10000, 100, ["beam", "go"], 120),
    ("latency_idle", 3000, 100, ALL, 60),
    ("stage", 1000000, 10000, STAGES, 120),
    ("stream", 1000000, 5000, ["go"], 120),
    ("queue", 1000000, 5000, ["go"], 120),
    ("worker", 1000000, 5000, ["go"], 120),
    ("batch", 1000000, 5000, ["go"], 120),
    ("future", 300000, 1000, ["go"], 120),
    ("action", 3000000, 10000, ["go"], 60),
    ("interval", 2000, 20, ["go"], 60),
    ("stage_broadcast", 10000000, 20000, STAGES, 120),
    ("codec", 300, 10, ["beam", "ei"], 60),
    ("dist_connect", 5, 2, NODES, 120),
    ("dist_call", 20000, 1000, NODES, 120),
    ("dist_rpc", 20000, 1000, NODES, 120),
    ("dist_send", 500000, 10000, NODES, 120),
    ("dist_bulk", 500, 20, NODES, 120),
    ("dist_link", 1000, 50, NODES, 120),
    ("dist_stage", 3000000, 10000, STAGES, 120),
    ("hello", 20, 2, ALL, 60),
    ("hello_node", 20, 2, [], 60),
    ("empty", 1, 1, ALL, 60),
    ("empty_node", 1, 1, [], 60),
    ("idle", 100000, 100, ALL, 90),
    ("size", 1, 1, [], 60),
    ("scale_processes", 10000000, 10000, [], 150),
    ("scale_names", 1000000, 1000, [], 120),
    ("scale_timers", 10000000, 10000, [], 120),
    ("scale_supervisor", 1000000, 1000, [], 120),
    ("scale_hub", 100000, 1000, [], 120),
    ("scale_cluster", 5000, 100, [], 120),
    ("floors", 10000000, 1000, [], 120),
]
CAF_SPAWN_N = 50000  # CAF's start is slow enough that fewer do


def size_of(row, peer, quick):
    n = row[2] if quick else row[1]
    return min(n, CAF_SPAWN_N) if (row[0], peer) == ("spawn", "caf") else n
