# GCP leases a /32 and a router outside of it; neighbours of the VPC subnet are reached through the router.
nic ens4 02:00:00:00:13:04
nic ens5 02:00:00:00:13:05
ip addr add 10.128.0.5/32 dev ens4 valid_lft 3000 preferred_lft 3000
ip addr add 10.132.0.7/32 dev ens5 valid_lft 3000 preferred_lft 3000
ip route add 10.128.0.1 dev ens4 scope link metric 100
ip route add default via 10.128.0.1 dev ens4 proto dhcp src 10.128.0.5 metric 100 mtu 1460
ip route add 10.132.0.1 dev ens5 scope link metric 101
ip route add default via 10.132.0.1 dev ens5 proto dhcp src 10.132.0.7 metric 101
ip link set ens4 mtu 1460
ip link set ens5 mtu 1460
