"""What tests ask of loopback, and what they tell the command about it."""
import random
import socket

PORTS = 12000  # to choose from, below those that the system gives to who asks for any
claims = []    # sockets without a path, which say that a port is taken until this program ends


def first_of_the_systems():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            return max(int(f.read().split()[0]), 2 * PORTS)
    except OSError:
        return 32768

# Commands that may become a node, or are one.
NODES = ("call", "cast", "config", "doctor", "groups", "nodes", "ping", "pub", "rpc",
         "send", "shell", "start", "sup")


def with_erlang(arguments):
    """The command's arguments, for one that meets Erlang nodes of this machine."""
    if arguments and arguments[0] == "start":
        return ["start", "--erlang", "loopback", "--permit", "agner: all",
                "--permit", "erlang: all", *arguments[1:]]
    if arguments and arguments[0] in NODES:
        return [arguments[0], "--erlang", "loopback", *arguments[1:]]
    return list(arguments)


def free_port():
    """A port for whoever is started next: no program gets it by chance before, and no other test."""
    end = first_of_the_systems()
    for port in random.sample(range(end - PORTS, end), 500):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0agner-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port
    raise OSError("no port is free")


def has_multicast():
    """Does a datagram to a group come back?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        here = socket.inet_aton("127.0.0.1")
        try:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         socket.inet_aton("230.1.1.251") + here)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
            s.settimeout(5)
            s.bind(("", 0))
            s.sendto(b"x", ("230.1.1.251", s.getsockname()[1]))
            return s.recv(1) == b"x"
        except OSError:
            return False
