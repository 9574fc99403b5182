# Words for host.sh: how a server's interfaces are stood in for by what a test kernel has.
# Read by record.py before each host.sh; $PEERS is the namespace that holds the far ends.
set -eu

# nic NAME MAC: a network card with carrier (a veth pair; record.py writes it down as hardware).
nic() {
	number=$((${number:-0} + 1))
	ip link add "$1" address "$2" type veth peer name "p-$number" netns "$PEERS"
	ip -n "$PEERS" link set "p-$number" up
	ip link set "$1" up
}

# unplug NAME: the far end goes down, the near one loses its carrier.
unplug() {
	index=$(cat "/sys/class/net/$1/iflink")
	far=$(ip -n "$PEERS" -o link | sed -n "s/^$index: \\([^@]*\\)@.*/\\1/p")
	ip -n "$PEERS" link set "$far" down
}

# bridge NAME MAC [PORT ...]: a bridge, or a bond (extra.json says which) of these ports.
bridge() {
	name=$1
	ip link add "$name" address "$2" type bridge
	shift 2
	for port; do
		ip link set "$port" master "$name"
	done
	ip link set "$name" up
}

# bridge_without_ports NAME MAC: docker0 without a container, which has no carrier.
bridge_without_ports() {
	ip link add lost type veth peer name lost-end
	ip link set lost-end up
	ip link set lost up
	bridge "$1" "$2" lost
	ip link del lost
}

# tunnel NAME: tun, wireguard or ppp (extra.json says which), with carrier and without MAC.
tunnel() {
	number=$((${number:-0} + 1))
	ip link add "$1" type veth peer name "p-$number" netns "$PEERS"
	ip -n "$PEERS" link set "p-$number" up
	ip link set "$1" arp off addrgenmode none
	ip link set "$1" up
}

# setting KEY VALUE: a kernel setting, key in the slash form.
setting() {
	printf '%s\n' "$2" >"/proc/sys/$1"
}

setting net/ipv6/conf/default/accept_dad 0
setting net/ipv6/conf/default/accept_ra 0
for scope in all default; do
	for key in rp_filter arp_filter arp_ignore arp_announce promote_secondaries; do
		setting net/ipv4/conf/$scope/$key 0
	done
done
setting net/ipv4/ip_forward 0
