"""The lab's DNS server: host names of load balancers, for whoever does not read /etc/hosts, as istiod.

Such a name holds its address, so the server of every cluster knows those of all others. Names of Services stand in
each pod's /etc/hosts (services.py).
"""

from __future__ import annotations

import ipaddress

from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

SUFFIX = ".lb.meshlab"
_TTL = 30


def hostname(address: str) -> str:
    """`172.31.1.9` -> `172-31-1-9.lb.meshlab`"""
    return address.replace(".", "-") + SUFFIX


def address_of(name: str) -> str | None:
    """The address that a name holds; None for every other name."""
    if not name.endswith(SUFFIX):
        return None
    try:
        return str(ipaddress.IPv4Address(name.removesuffix(SUFFIX).replace("-", ".")))
    except ValueError:
        return None


def answer(request: DNSRecord) -> DNSRecord:
    """Pure. A name that is none of ours does not exist."""
    reply: DNSRecord = request.reply()
    address = address_of(str(request.q.qname).rstrip(".").lower())
    if address is None:
        reply.header.rcode = RCODE.NXDOMAIN
    elif request.q.qtype in (QTYPE.A, QTYPE.ANY):
        reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=_TTL))
    return reply


class _Names(BaseResolver):
    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        return answer(request)


def serve(address: str) -> None:
    """Answer on port 53 of the address, in a thread of its own. Raises OSError."""
    logger = DNSLogger("-request,-reply,-truncated,-error")
    DNSServer(_Names(), address=address, port=53, logger=logger).start_thread()
