"""S/MIME's envelopes (RFC 8551, CMS of RFC 5652), by `cryptography`: made for several people, opened by a key found."""

from collections.abc import Callable, Iterable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tiers.lab.systems.kit import Identity

_RANDOM = 64
"""Bytes at the end of an envelope that are nothing but ciphertext; its head is like every other's."""


def enveloped(content: bytes, ends: Iterable[x509.Certificate]) -> tuple[bytes, bytes]:
    """Envelope content for some people; returns the envelope, and the end of its ciphertext."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content)
    for certificate in ends:
        builder = builder.add_recipient(certificate)
    envelope = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    return envelope, envelope[-_RANDOM:]


def opener(whose: Identity, envelopes: Mapping[bytes, bytes]) -> Callable[[bytes, bytes], bytes | None]:
    """Return what opens an envelope, by its end, with a private exponent that was found: the rest is public."""
    public, certificate = whose[0].public_key().public_numbers(), whose[1]

    def do(exponent: bytes, end: bytes) -> bytes | None:
        d = int.from_bytes(exponent, "big")
        p, q = rsa.rsa_recover_prime_factors(public.n, public.e, d)
        parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
        key = rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()
        try:
            return pkcs7.pkcs7_decrypt_der(envelopes[end], certificate, key, [])
        except ValueError:  # it is not for this key
            return None

    return do
