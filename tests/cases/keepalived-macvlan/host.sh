# use_vmac: vrrp.51 over eth1 has an address inside eth1's prefix, so that prefix cannot stand for eth1 alone.
nic eth0 02:00:00:00:62:00
nic eth1 02:00:00:00:62:01
nic vrrp.51 00:00:5e:00:01:33
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 198.51.100.100/32 dev vrrp.51
ip route add default via 192.0.2.1 dev eth0
ip rule add pref 500 to 198.51.100.128/25 lookup 51
setting net/ipv4/conf/eth1/arp_filter 0
