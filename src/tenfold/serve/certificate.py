"""A certificate for the machines of one's own: camera and offline use want HTTPS, and no authority signs 192.168.x.x.

A small authority of this machine's own signs the server's certificate; a phone that installs the authority once
trusts every later certificate. It may sign for local names, private addresses and this machine only, so that whoever
steals its key can't pretend to be anyone's bank.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tenfold import files

_LOCAL_NAMES = ("localhost", "local")
_LOCAL_NETWORKS = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
                   "::1/128", "fc00::/7", "fe80::/10")  # fmt: skip
_CA_DAYS = 3650
# Apple's devices refuse longer ones.
_DAYS, _RENEW_DAYS = 397, 30


@dataclass(frozen=True)
class LocalCertificate:
    """Paths of PEM files: what the server shows, its key, and the authority that a phone installs."""

    certificate: Path
    key: Path
    ca: Path


def local_certificate(folder: Path, hosts: Sequence[str]) -> LocalCertificate:
    """The certificate in `folder`, made at the first call, and again when it nears its end or a host is new.

    hosts: this machine's addresses and names beside localhost. Raises `StorageError` where it can't be written.
    """
    found = LocalCertificate(folder / "server.crt", folder / "server.key", folder / "ca.crt")
    ca_key = folder / "ca.key"
    wanted = [_named(host) for host in dict.fromkeys(["localhost", "127.0.0.1", "::1", *hosts])]
    if not (ca_key.is_file() and _lives(found.ca) and all(_permits(found.ca, name) for name in wanted)):
        key, ca = _make_ca(wanted)
        _write(ca_key, _private(key))
        _write(found.ca, ca.public_bytes(serialization.Encoding.PEM))
        found.certificate.unlink(missing_ok=True)
    if not (found.key.is_file() and _lives(found.certificate) and _covers(found.certificate, wanted)):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _sign(key, wanted, serialization.load_pem_private_key(ca_key.read_bytes(), None), _load(found.ca))
        _write(found.key, _private(key))
        _write(found.certificate, made.public_bytes(serialization.Encoding.PEM))
    return found


def _named(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _permits(ca: Path, name: x509.DNSName | x509.IPAddress) -> bool:
    permitted = _load(ca).extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    if isinstance(name, x509.DNSName):
        allowed = [local.value for local in permitted if isinstance(local, x509.DNSName)]
        return any(name.value == local or name.value.endswith(f".{local}") for local in allowed)
    networks = [local.value for local in permitted if isinstance(local, x509.IPAddress)]
    return any(name.value in network for network in networks if isinstance(network, IPv4Network | IPv6Network))


def _make_ca(wanted: Sequence[x509.DNSName | x509.IPAddress]) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenfold local authority")])
    permitted: list[x509.GeneralName] = [x509.DNSName(local) for local in _LOCAL_NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in _LOCAL_NETWORKS]
    # Some houses give their machines addresses and names of the world outside.
    permitted += [name if isinstance(name, x509.DNSName) else x509.IPAddress(ipaddress.ip_network(name.value))
                  for name in wanted]  # fmt: skip
    builder = _begun(name, name, key, _CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _sign(
    key: ec.EllipticCurvePrivateKey, names: Sequence[x509.GeneralName], ca_key: object, ca: x509.Certificate
) -> x509.Certificate:
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenfold on this machine")])
    builder = _begun(name, ca.subject, key, _DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return builder.add_extension(issuer, critical=False).sign(ca_key, hashes.SHA256())


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # A phone's clock may be behind.
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days - 1))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _lives(path: Path) -> bool:
    try:
        return _load(path).not_valid_after_utc > datetime.now(UTC) + timedelta(days=_RENEW_DAYS)
    except (OSError, ValueError):
        return False


def _covers(path: Path, wanted: Sequence[x509.GeneralName]) -> bool:
    names = _load(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(wanted) <= set(names)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    files.make_folder(path.parent)
    with files.storage_errors(path):
        # Made so that no one else may read it at any moment.
        temporary = path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        temporary.write_bytes(content)
        temporary.replace(path)
