"""What tests ask of loopback."""
import socket


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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
