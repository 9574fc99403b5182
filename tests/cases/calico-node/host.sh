# BIRD routes to other nodes' blocks, the own block is a blackhole with the local pods' /32 in front of it.
nic ens3 02:00:00:00:2a:03
nic ens4 02:00:00:00:2a:04
nic cali1a2b3c4d5e6 ee:ee:ee:ee:ee:e1
ip addr add 10.0.0.11/24 brd + dev ens3
ip addr add 10.1.0.11/24 brd + dev ens4
ip route add default via 10.0.0.1 dev ens3
ip route add blackhole 10.244.1.0/26 proto bird
ip route add 10.244.1.5 dev cali1a2b3c4d5e6 scope link
ip route add 10.244.2.0/26 via 10.0.0.12 dev ens3 proto bird
setting net/ipv4/ip_forward 1
