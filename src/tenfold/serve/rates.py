"""Token buckets: how many requests an address may send."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache


class RateLimiter:
    """A bucket an address: `burst` requests at once, refilled at `per_second`. The addresses seen last are kept."""

    def __init__(
        self, per_second: float, burst: int, clients: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._clients, self._clock = per_second, burst, clients, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Takes a token; 0, or the seconds until there is one."""
        now = self._clock()
        tokens, seen = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - seen) * self._per_second)
        short = max(0.0, 1 - tokens) / self._per_second
        self._buckets[client] = (tokens - 1 if not short else tokens, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return short


@lru_cache(4096)
def client_of(address: str) -> tuple[str, bool]:
    """Who an address stands for, and whether that is this machine: a house has a whole /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64], False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped), found.ipv4_mapped.is_loopback
        return str(ipaddress.ip_network((found, 64), strict=False)), found.is_loopback
    return address, found.is_loopback
