"""The promise of routing.md as a function: by which way must an answer leave? Pure.

It knows nothing of rules, tables or groups: what the lowering makes and the kernel does is measured by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from asymgen.detours import Viewpoint
from asymgen.model import Address, Family, Network, Plan, Route, Uplink
from asymgen.prefixes import LongestMatch, single_address

Ways = frozenset[tuple[str, "Address | None"]]


class Promise:
    """What the promise says for one family of a plan."""

    def __init__(self, plan: Plan, family: Family) -> None:
        self._plan = plan
        self._routes = plan.main_by_destination[family]
        self._errors = {network for network in plan.main_errors if network.version == family.value}
        self._bulk = [bulk for bulk in plan.bulk if bulk.sample.family is family]
        self._longest = LongestMatch([*self._routes, *self._errors])

    def ways(self, uplink: Uplink, destination: Address) -> Ways:
        """The ways (interface, gateway) that an answer from ``uplink`` may take to ``destination``; more than one
        for a multipath route, none where an error route of ``main`` decides, as an administrator wants it."""
        known = self._known(destination)
        own = self._own_prefix(uplink, destination)
        if own is not None and (known is None or known.prefixlen <= own.prefixlen):
            return frozenset({(uplink.interface, None)})
        if known in self._errors and known.prefixlen > uplink.family.suppressed_length:
            return frozenset()
        return self._by_main(uplink, known)

    def _known(self, destination: Address) -> Network | None:
        known = self._longest.holding(destination)
        for bulk in self._bulk:
            found = bulk.networks.of(single_address(destination))
            if found is not None and (known is None or found.prefixlen > known.prefixlen):
                known = found
        return known

    def _candidates(self, network: Network) -> Sequence[Route]:
        return self._routes.get(network) or [bulk.to(network) for bulk in self._bulk if network in bulk.networks]

    def _own_prefix(self, uplink: Uplink, destination: Address) -> Network | None:
        inside = [prefix for prefix in uplink.prefixes if destination in prefix]
        return max(inside, key=lambda prefix: prefix.prefixlen, default=None)

    def _by_main(self, uplink: Uplink, known: Network | None) -> Ways:
        """Where ``main`` knows something better than a default: behind a non-uplink, or through this uplink."""
        default = frozenset({(uplink.interface, uplink.gateway)})
        candidates = self._candidates(known) if known is not None else ()
        if not candidates:
            return default
        view = Viewpoint(self._plan, uplink, by_group=False)
        if not view.leads_to_others(candidates[0]):
            return frozenset((hop.interface or "", hop.gateway) for hop in candidates[0].nexthops)
        hop = view.own_hop(candidates)
        return default if hop is None else frozenset({(uplink.interface, hop.gateway)})
