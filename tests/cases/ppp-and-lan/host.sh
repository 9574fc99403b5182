# pppd sets a device route as default (replacedefaultroute with a metric); its address is a /32 with a peer.
nic eth0 02:00:00:00:42:00
ip addr add 192.0.2.10/24 dev eth0
ip route add default via 192.0.2.1 dev eth0
tunnel ppp0
ip link set ppp0 mtu 1492
ip addr add 203.0.113.40 peer 203.0.113.1 dev ppp0
ip route add default dev ppp0 scope link metric 500
