# redirect-gateway def1 ipv6 splits IPv6 into four; fc00::/7 is a network, not a part of a default.
nic eth0 02:00:00:00:54:00
nic eth1 02:00:00:00:54:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 2001:db8:54:a::10/64 dev eth0
ip addr add 2001:db8:54:b::10/64 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip route add default via 198.51.100.1 dev eth1 metric 10
ip -6 route add default via fe80::1 dev eth0 metric 1024
ip -6 route add default via fe80::2 dev eth1 metric 1025
tunnel tun0
ip addr add 10.8.0.6/24 dev tun0
ip addr add 2001:db8:54:f::6/64 dev tun0
ip route add 0.0.0.0/1 via 10.8.0.1 dev tun0
ip route add 128.0.0.0/1 via 10.8.0.1 dev tun0
for prefix in ::/3 2000::/4 3000::/4 fc00::/7; do
	ip -6 route add $prefix dev tun0
done
