# AWS VPC CNI: a /32 route and a rule per pod, connmark rule at 1024, table 2 for the second ENI.
nic eth0 02:00:00:00:2b:00
nic eth1 02:00:00:00:2b:01
nic eni1a2b3c4d5e6 02:00:00:00:2b:11
ip addr add 10.0.1.10/24 brd + dev eth0
ip addr add 10.0.2.10/24 brd + dev eth1
ip route add default via 10.0.1.1 dev eth0
ip route add 10.0.1.77 dev eni1a2b3c4d5e6 scope link
ip route add 10.0.2.1 dev eth1 scope link table 2
ip route add default via 10.0.2.1 dev eth1 table 2
ip rule add pref 512 to 10.0.1.77 lookup main
ip rule add pref 1024 fwmark 0x80/0x80 lookup main
ip rule add pref 1536 from 10.0.2.77 lookup 2
setting net/ipv4/ip_forward 1
setting net/ipv4/conf/eth0/rp_filter 2
