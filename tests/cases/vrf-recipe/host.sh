# Kernel documentation (vrf.rst) moves the local rule behind l3mdev's; eth2 is in VRF mgmt, whose table is 1001.
nic eth0 02:00:00:00:36:00
nic eth1 02:00:00:00:36:01
nic eth2 02:00:00:00:36:02
nic mgmt 02:00:00:00:36:10
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 10.99.0.5/24 dev eth2 noprefixroute
ip route del local 10.99.0.5 dev eth2 table local
ip route add local 10.99.0.5 dev eth2 table 1001 proto kernel scope host src 10.99.0.5
ip route add 10.99.0.0/24 dev eth2 table 1001 proto kernel scope link src 10.99.0.5
ip route add default via 10.99.0.1 dev eth2 table 1001
ip route add default via 192.0.2.1 dev eth0
for family in -4 -6; do
	ip $family rule add pref 1000 l3mdev protocol kernel
	ip $family rule add pref 32765 lookup local
	ip $family rule del pref 0
done
