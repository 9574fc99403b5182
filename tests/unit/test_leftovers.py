"""Settings that an earlier plan made are found by the plan file, and go back to what they were."""

from __future__ import annotations

from asymgen.leftovers import find_leftovers
from asymgen.lowering import lower
from asymgen.model import Capabilities, Host, Kept, KernelState
from tests.hosts import make_host, plan_for

KEY = "net/ipv4/conf/eth1/arp_filter"


def one_subnet(**sysctls: str) -> Host:
    return make_host(
        {"eth0": "192.0.2.10/24", "eth1": "192.0.2.11/24"}, ["default via 192.0.2.1 dev eth0"],
        sysctls={KEY.replace("eth1", name): value for name, value in sysctls.items()},
    )  # fmt: skip


def stale(host: Host, kept: Kept, wanted: KernelState) -> dict[str, tuple[str, str]]:
    return {each.key: (each.value, each.before) for each in find_leftovers(host, kept, wanted=wanted).sysctls}


def test_a_setting_that_is_no_longer_wanted_goes_back() -> None:
    kept = plan_for(one_subnet(eth0="0", eth1="0")).kept
    live = one_subnet(eth0="1", eth1="1")
    nothing = KernelState((), (), ())
    assert stale(live, kept, nothing)[KEY] == ("1", "0")
    assert stale(live, kept, lower(plan_for(live, kept=kept), Capabilities())) == {}, "both are still wanted"
    assert stale(one_subnet(eth0="0", eth1="0"), kept, nothing) == {}, "as before already"
    assert stale(live, Kept(), nothing) == {}, "somebody else's"


def test_what_is_not_restored_yet_stays_in_the_plan_file() -> None:
    first = plan_for(one_subnet(eth0="0", eth1="0"))
    live = one_subnet(eth0="1", eth1="1")
    later = plan_for(live, kept=first.kept, excluded=frozenset({"eth1"}))
    assert later.sysctls == ()
    assert later.kept.sysctls_before[KEY] == "0"
    restored = plan_for(one_subnet(eth0="0", eth1="0"), kept=later.kept, excluded=frozenset({"eth1"}))
    assert restored.kept.sysctls_before == {}
