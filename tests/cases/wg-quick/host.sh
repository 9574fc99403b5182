# wg-quick's two rules without priority: 32765 (everything but WireGuard's own packets) and 32764 (main without defaults).
nic eth0 02:00:00:00:2c:00
nic eth1 02:00:00:00:2c:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
tunnel wg0
ip link set wg0 mtu 1420
ip addr add 10.9.0.2/24 dev wg0
ip route add default dev wg0 table 51820
ip rule add not fwmark 0xca6c table 51820
ip rule add table main suppress_prefixlength 0
setting net/ipv4/conf/all/rp_filter 2
