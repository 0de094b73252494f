"""Where this machine can be reached from the same network."""

import contextlib
import ipaddress
import socket


def is_loopback(host: str) -> bool:
    """Whether who listens there hears this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def lan_addresses() -> list[str]:
    """Private IPv4 addresses of this machine, the one that most likely counts first; none without a network."""
    found: list[str] = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the system only chooses the way it would go. The address is for documentation (RFC 5737).
        probe.connect(("192.0.2.1", 9))
        found.append(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        found += [str(place[4][0]) for place in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    kept = [ipaddress.ip_address(address) for address in dict.fromkeys(found)]
    return [str(a) for a in kept if a.is_private and not a.is_loopback and not a.is_unspecified]
