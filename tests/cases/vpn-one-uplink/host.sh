# A home server reachable at its public address while redirect-gateway is on: the one uplink's replies would enter the tunnel.
nic eth0 02:00:00:00:31:00
ip addr add 192.0.2.10/24 dev eth0
ip route add default via 192.0.2.1 dev eth0
tunnel tun0
ip addr add 10.8.0.6 peer 10.8.0.5 dev tun0
ip route add 203.0.113.99 via 192.0.2.1 dev eth0
ip route add 0.0.0.0/1 via 10.8.0.5 dev tun0
ip route add 128.0.0.0/1 via 10.8.0.5 dev tun0
