# eth1 takes option 121 routes (RFC 3442: then the router option is not installed); its own router is known from the lease file alone.
nic eth0 02:00:00:00:22:00
nic eth1 02:00:00:00:22:01
ip addr add 10.1.0.40/24 brd + dev eth0 valid_lft 3000 preferred_lft 3000
ip addr add 10.2.0.41/24 brd + dev eth1 valid_lft 3000 preferred_lft 3000
ip route add default via 10.1.0.1 dev eth0 metric 100
ip route add 10.96.0.0/12 via 10.2.0.2 dev eth1 metric 101
