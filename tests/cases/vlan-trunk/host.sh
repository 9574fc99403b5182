# eth0 carries no address itself; the providers are VLANs 100 and 200, the management VLAN 300 has no gateway.
nic eth0 02:00:00:00:39:00
nic eth0.100 02:00:00:00:39:00
nic eth0.200 02:00:00:00:39:00
nic eth0.300 02:00:00:00:39:00
ip addr add 192.0.2.10/24 dev eth0.100
ip addr add 198.51.100.10/24 dev eth0.200
ip addr add 10.255.0.10/24 dev eth0.300
ip addr add 2001:db8:39:100::10/64 dev eth0.100
ip addr add 2001:db8:39:200::10/64 dev eth0.200
ip route add default via 192.0.2.1 dev eth0.100
ip -6 route add default via 2001:db8:39:100::1 dev eth0.100
