# vmbr0 and vmbr1 are uplinks over one card each, vmbr2 holds NATed guests; an OVH-like failover address sits on vmbr0 as a /32.
nic eno1 02:00:00:00:24:01
nic eno2 02:00:00:00:24:02
bridge vmbr0 02:00:00:00:24:01 eno1
bridge vmbr1 02:00:00:00:24:02 eno2
bridge_without_ports vmbr2 02:00:00:00:24:03
ip addr add 203.0.113.10/24 dev vmbr0
ip addr add 192.0.2.200/32 dev vmbr0
ip addr add 198.51.100.130/26 dev vmbr1
ip addr add 10.10.10.1/24 dev vmbr2
ip route add default via 203.0.113.254 dev vmbr0 onlink
setting net/ipv4/ip_forward 1
