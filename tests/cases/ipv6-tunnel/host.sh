# A sit tunnel is its own next hop; IPv4 has one uplink and stays as it is.
nic eth0 02:00:00:00:61:00
ip addr add 192.0.2.10/24 dev eth0
ip addr add 2001:db8:61:a::10/64 dev eth0
ip route add default via 192.0.2.1 dev eth0
ip -6 route add default via fe80::1 dev eth0 metric 1024
tunnel sit1
ip link set sit1 mtu 1480
ip addr add 2001:db8:61:b::2/64 dev sit1
ip -6 route add default dev sit1 metric 2048
