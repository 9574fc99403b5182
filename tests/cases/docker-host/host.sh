# docker0 has one container, a compose network another; Docker switches forwarding on.
nic eth0 02:00:00:00:14:00
nic eth1 02:00:00:00:14:01
ip addr add 203.0.113.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 203.0.113.1 dev eth0
nic veth1a2b3c 02:00:00:00:14:11
nic veth4d5e6f 02:00:00:00:14:12
bridge docker0 02:42:ac:11:00:01 veth1a2b3c
bridge br-5f8a1c2d3e4f 02:42:ac:12:00:01 veth4d5e6f
ip addr add 172.17.0.1/16 brd 172.17.255.255 dev docker0
ip addr add 172.18.0.1/16 brd 172.18.255.255 dev br-5f8a1c2d3e4f
setting net/ipv4/ip_forward 1
