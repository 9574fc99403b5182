# Both NICs get an address of the same /24 and the same /64 from one router; the kernel joins the two announced defaults into one route.
nic eth0 02:00:00:00:60:00
nic eth1 02:00:00:00:60:01
ip addr add 10.14.0.20/24 brd + dev eth0 metric 100 valid_lft 3000 preferred_lft 3000
ip addr add 10.14.0.21/24 brd + dev eth1 metric 101 valid_lft 3000 preferred_lft 3000
ip route add default via 10.14.0.1 dev eth0 proto dhcp src 10.14.0.20 metric 100
ip route add default via 10.14.0.1 dev eth1 proto dhcp src 10.14.0.21 metric 101
ip addr add 2001:db8:60::ff:fe00:6000/64 dev eth0 mngtmpaddr valid_lft 3000 preferred_lft 3000
ip addr add 2001:db8:60::ff:fe00:6001/64 dev eth1 mngtmpaddr valid_lft 3000 preferred_lft 3000
ip -6 route add default proto ra metric 1024 nexthop via fe80::1 dev eth0 nexthop via fe80::1 dev eth1
setting net/ipv4/conf/all/rp_filter 2
