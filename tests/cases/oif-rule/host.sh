# A torrent client uses SO_BINDTODEVICE tun0 (oif rule); forwarded packets of a LAN are sent into the VPN (iif rule). Both without priority.
nic eth0 02:00:00:00:64:00
nic eth1 02:00:00:00:64:01
nic lan0 02:00:00:00:64:02
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 10.18.0.1/24 dev lan0
ip route add default via 192.0.2.1 dev eth0 metric 1
ip route add default via 198.51.100.1 dev eth1 metric 2
tunnel tun0
ip addr add 10.8.0.6/24 dev tun0
ip route add default via 10.8.0.1 dev tun0 table 200
ip rule add oif tun0 lookup 200
ip rule add iif lan0 lookup 200
setting net/ipv4/ip_forward 1
