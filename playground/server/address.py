"""Where a request comes from: the address that counts for what one visitor may take of the server."""

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

IPV6_NETWORK_BITS = 64
"""What a provider gives to one household, whose devices have addresses of their own within it."""


def address_of(scope: Scope, trusted_proxies: int) -> str:
    """That of the connection, or what the first of so many trusted proxies has added; whoever asks writes the rest."""
    client = scope.get("client")
    connected = str(client[0]) if client else ""
    if not trusted_proxies:
        return network(connected)
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    hops = [hop.strip() for hop in forwarded if hop.strip()]
    return network(hops[-trusted_proxies] if len(hops) >= trusted_proxies else connected)


def network(address: str) -> str:
    """An IPv4 address as it is, of IPv6 its first 64 bits; anything else as it stands, shortened."""
    try:
        ip = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address[:60]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_NETWORK_BITS), strict=False))
