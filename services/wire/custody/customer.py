"""`customer`: the receiver's handset, and the key server of each customer concerned. Pure.

It seals as `device` does. The difference is who is named: the employer is.
"""

from tiers.wire.custody.device import seal_to_readers, unseal_as_reader
from tiers.wire.custody.holder import Custody
from tiers.wire.message.envelope import Channel

CUSTOMER = Custody(
    name="customer",
    holds="the receiver; each company concerned",
    readers={Channel.ENTERPRISE: ("org/{to_org}/{to}/*", "org/{org}/bes/*", "org/{to_org}/bes/*")},
    signed=True,
    seal=seal_to_readers,
    unseal=unseal_as_reader,
)
