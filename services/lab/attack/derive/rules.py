"""What follows from what: the derivation rules, as data. Pure.

Two readers. The attacker (`attacker.py`) executes a rule on the bytes that were found: the operation of that name must
really succeed. The closure (`closure.py`) applies the same rule to symbols, where the relations in `where` stand for
the mathematics (Dolev and Yao, 1983). A term that is one capital letter is a variable.

    master                  the carrier's master key            sealed M         a message's content, shut
    node P N                a node of P's tree, "depth/index"   recipient M R    one recipient of a message
    leaf P E                P's key for the minute E            cek M            the content key of a message
    wrapkey P M             P's key for one message             plaintext M      what it says
    seed K, mlkem K, x25519 K, hpke K       a hybrid private key: its seed, its halves, the key
    grant G                 a grant, shut                       sign P           the signing key of P's handset
    orgroot O               a customer's root                   relay            the relay does as it is told
    forged M W              a message like M that the receiver's handset takes: W = now, or only then
    delivers M              a way to hand one in
    escrowmaster            the court's master key, of the other half of an escrow; its trees are of "court:<name>"
    globalkey               the one key that is in every handset
"""

from tiers.measure.derive.rules import Rule

RULES = (
    Rule(
        "subscriber-root",
        needs=(("master",),),
        where=(("subscriber", "P"),),
        gives=("node", "P", "0/0"),
        says="the carrier's master gives the root of {P}'s tree",
    ),
    Rule(
        "descend",
        needs=(("node", "P", "N"),),
        where=(("below", "P", "N", "E"),),
        gives=("leaf", "P", "E"),
        says="node {N} of {P}'s tree gives the key of minute {E}",
    ),
    Rule(
        "wrap-key",
        needs=(("leaf", "P", "E"), ("sealed", "M")),
        where=(("minute", "M", "E"),),
        gives=("wrapkey", "P", "M"),
        says="{P}'s key of minute {E} and the header of {M} give the key that wraps for {P}",
    ),
    Rule(
        "unwrap",
        needs=(("wrapkey", "P", "M"), ("recipient", "M", "R"), ("sealed", "M")),
        where=(("wrapped", "M", "R", "P"),),
        gives=("cek", "M"),
        says="{P}'s wrapping key opens the recipient {R}: the content key that {M} commits to",
    ),
    Rule(
        "hpke-seed",
        needs=(("seed", "K"),),
        where=(),
        gives=("hpke", "K"),
        says="the seed is the private key {K}",
    ),
    Rule(
        "hpke-halves",
        needs=(("mlkem", "K"), ("x25519", "K")),
        where=(),
        gives=("hpke", "K"),
        says="both halves together are the private key {K}",
    ),
    Rule(
        "hpke-decrypt",
        needs=(("hpke", "K"), ("recipient", "M", "R"), ("sealed", "M")),
        where=(("encrypted", "M", "R", "K"),),
        gives=("cek", "M"),
        says="the private key {K} opens the recipient {R}: the content key that {M} commits to",
    ),
    Rule(
        "open-content",
        needs=(("cek", "M"), ("sealed", "M")),
        where=(),
        gives=("plaintext", "M"),
        says="the content key opens {M}",
    ),
    Rule(
        "open-grant",
        needs=(("hpke", "K"), ("grant", "G")),
        where=(("granted", "G", "K", "P", "N"),),
        gives=("node", "P", "N"),
        says="the private key {K} opens the grant {G}: node {N} of {P}'s tree",
    ),
    Rule(
        "escrow-root",
        needs=(("escrowmaster",),),
        where=(("escrowed", "P"),),
        gives=("node", "P", "0/0"),
        says="the court's master gives the root of the tree {P}",
    ),
    Rule(
        "join-escrow",
        needs=(("wrapkey", "P", "M"), ("wrapkey", "Q", "M")),
        where=(("halves", "P", "Q", "E"),),
        gives=("wrapkey", "E", "M"),
        says="the half of {P} and the half of {Q} are the escrow key of {M}",
    ),
    Rule(
        "global-wrap",
        needs=(("globalkey",), ("sealed", "M")),
        where=(("global", "M"),),
        gives=("wrapkey", "everybody", "M"),
        says="the global key wraps {M}, as it wraps everything",
    ),
    Rule(
        "write-with-global-key",
        needs=(("globalkey",),),
        where=(("global", "M"),),
        gives=("forged", "M", "now"),
        says="whoever has the global key writes as anybody, {M} included",
    ),
    Rule(
        "write-as-sender",
        needs=(("leaf", "S", "E"),),
        where=(("from", "M", "S"), ("consumer", "M"), ("admitted", "M", "E", "W")),
        gives=("forged", "M", "W"),
        says="{S}'s key of minute {E} wraps a content key that the carrier admits as {S}'s",
    ),
    Rule(
        "write-to-receiver",
        needs=(("leaf", "P", "E"),),
        where=(("to", "M", "P"), ("consumer", "M"), ("undrained", "M", "E", "W")),
        gives=("forged", "M", "W"),
        says="{P}'s key of minute {E} wraps a content key that {P}'s handset takes as admitted",
    ),
    Rule(
        "sign-as-sender",
        needs=(("sign", "S"),),
        where=(("from", "M", "S"), ("signed", "M")),
        gives=("forged", "M", "now"),
        says="the signing key of {S}'s handset signs in {S}'s name",
    ),
    Rule(
        "vouch-falsely",
        needs=(("orgroot", "O"),),
        where=(("vouches", "M", "O"),),
        gives=("forged", "M", "now"),
        says="the root of {O} vouches for a false signing key in the sender's name",
    ),
    Rule(
        "relay-delivers",
        needs=(("relay",),),
        where=(("message", "M"),),
        gives=("delivers", "M"),
        says="the relay puts it into the receiver's mailbox",
    ),
    Rule(
        "session-delivers",
        needs=(("sign", "P"),),
        where=(("end", "M", "P"),),
        gives=("delivers", "M"),
        says="{P}'s handset is at hand: it opens a session, or takes the message itself",
    ),
    Rule(
        "registration-delivers",
        needs=(("orgroot", "O"),),
        where=(("registers", "M", "O"),),
        gives=("delivers", "M"),
        says="{O} may register another device key for the sender at the relay",
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}
FORGING = frozenset(
    {"write-with-global-key", "write-as-sender", "write-to-receiver", "sign-as-sender", "vouch-falsely"}
)
"""Executed in `forge.py`, against the running carrier and the receiver's handset."""
