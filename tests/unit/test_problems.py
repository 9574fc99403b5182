"""Wrong answers are kept by what they share, and are told one by one."""

from __future__ import annotations

import ipaddress

from asymgen.problems import Problem, Problems, WrongAnswer, grouped

FIRST, SECOND, THIRD = (ipaddress.ip_address(f"192.0.2.{last}") for last in (1, 2, 3))
FAR, NEAR = ipaddress.ip_address("45.45.45.45"), ipaddress.ip_address("198.51.100.1")
TO_FAR = WrongAnswer(FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1")
TO_NEAR = WrongAnswer(NEAR, "eth0 directly", "eth1 directly")


def test_each_address_and_destination_is_one_problem() -> None:
    problems = Problems(tuple(grouped([(FIRST, (TO_FAR, TO_NEAR)), (SECOND, ()), (THIRD, (TO_FAR, TO_NEAR))])))
    assert list(problems) == [
        Problem(FIRST, FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1"),
        Problem(THIRD, FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1"),
        Problem(FIRST, NEAR, "eth0 directly", "eth1 directly"),
        Problem(THIRD, NEAR, "eth0 directly", "eth1 directly"),
    ]
    assert len(problems) == 4
    assert Problem(THIRD, NEAR, "eth0 directly", "eth1 directly") in problems
    assert Problem(SECOND, NEAR, "eth0 directly", "eth1 directly") not in problems


def test_sources_that_differ_in_one_answer_stand_apart() -> None:
    groups = tuple(grouped([(FIRST, (TO_FAR, TO_NEAR)), (SECOND, (TO_FAR,)), (THIRD, (TO_FAR, TO_NEAR))]))
    assert [group.sources for group in groups] == [(FIRST, THIRD), (SECOND,)]


def test_no_problem_is_false() -> None:
    assert not Problems()
    assert not Problems(tuple(grouped([(FIRST, ())])))
    assert Problems(tuple(grouped([(FIRST, (TO_FAR,))])))
