"""Somebody else's servers, by name, and their messages made of the bench's envelopes."""

from bench.frames import Ready
from bench.peers import mosquitto, nats, prosody
from bench.peers.kit import Peer

PEERS = {"mosquitto": mosquitto.PEER, "nats": nats.PEER, "prosody": prosody.PEER}


def messages(peer: Peer, sender: str, envelopes: list[Ready]) -> list[Ready]:
    """Make a sender's envelopes what goes on the wire to a peer."""
    return [peer.message(sender, number, one) for number, one in enumerate(envelopes)]
