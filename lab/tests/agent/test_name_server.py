from __future__ import annotations

import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from meshlab.agent import names


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("172-31-1-9.lb.meshlab", "172.31.1.9"),
        ("172-31-1.lb.meshlab", None),
        ("172-31-1-900.lb.meshlab", None),
        ("a.172-31-1-9.lb.meshlab", None),
        ("172-31-1-9.example.com", None),
        ("", None),
    ],
)
def test_the_name_of_a_load_balancer_holds_its_address(name: str, address: str | None) -> None:
    assert names.address_of(name) == address
    assert address is None or names.hostname(address) == name


@pytest.mark.parametrize(
    ("name", "kind", "code", "found"),
    [
        ("172-31-1-9.lb.meshlab", "A", RCODE.NOERROR, ["172.31.1.9"]),
        ("172-31-1-9.LB.meshlab", "A", RCODE.NOERROR, ["172.31.1.9"]),
        ("172-31-1-9.lb.meshlab", "AAAA", RCODE.NOERROR, []),
        ("www.example.com", "A", RCODE.NXDOMAIN, []),
    ],
)
def test_a_question_is_answered(name: str, kind: str, code: int, found: list[str]) -> None:
    reply = names.answer(DNSRecord.question(name, kind))
    assert reply.header.rcode == code
    assert [str(each.rdata) for each in reply.rr] == found
    assert all(each.rtype == QTYPE.A for each in reply.rr)
