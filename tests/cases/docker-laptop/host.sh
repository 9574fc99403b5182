# One uplink and three container bridges, two of them without carrier.
nic wlan0 02:00:00:00:3c:00
bridge_without_ports docker0 02:42:ac:11:00:01
bridge_without_ports virbr0 02:00:00:00:3c:02
bridge lxdbr0 02:00:00:00:3c:03
ip addr add 10.7.0.23/24 brd + dev wlan0 metric 600 valid_lft 3000 preferred_lft 3000
ip addr add 172.17.0.1/16 brd 172.17.255.255 dev docker0
ip addr add 172.28.122.1/24 brd + dev virbr0
ip addr add 10.200.0.1/24 dev lxdbr0
ip addr add 2001:db8:3c:42::1/64 dev lxdbr0
ip route add default via 10.7.0.1 dev wlan0 proto dhcp metric 600
setting net/ipv4/ip_forward 1
