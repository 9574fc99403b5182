# The public address is a /32 with a gateway outside every prefix, the second provider's likewise; ens10 is a private network that has
# routes but no default: an interface without known gateway.
nic eth0 02:00:00:00:23:00
nic eth1 02:00:00:00:23:01
nic ens10 02:00:00:00:23:0a
ip addr add 203.0.113.20/32 dev eth0
ip route add 172.31.1.1 dev eth0 scope link
ip route add default via 172.31.1.1 dev eth0
ip addr add 198.51.100.20/32 dev eth1
ip route add default via 198.51.100.1 dev eth1 onlink metric 200
ip addr add 10.0.0.2/32 dev ens10
ip route add 10.0.0.1 dev ens10 scope link
ip route add 10.0.0.0/16 via 10.0.0.1 dev ens10
