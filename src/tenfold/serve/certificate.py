"""A certificate for the local network: browsers allow camera and offline use over HTTPS only.

A local certificate authority (CA) signs the server's certificate; a phone that installs the CA once trusts all later
certificates. Name constraints limit the CA to local names, private addresses and this machine, so a stolen key can't
impersonate other sites. (trustme can't set name constraints.)
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
# Apple's devices reject server certificates that are valid for longer.
_DAYS, _RENEW_DAYS = 397, 30

Host = x509.DNSName | x509.IPAddress


@dataclass(frozen=True)
class LocalCertificate:
    """Paths of PEM files: the server's certificate and key, and the CA's certificate for phones."""

    certificate: Path
    key: Path
    ca: Path


def local_certificate(folder: Path, hosts: Sequence[str]) -> LocalCertificate:
    """The certificate in `folder`; created if missing, near its end or without one of the hosts.

    hosts: addresses and names of this machine besides localhost. Raises `StorageError` if it can't be written.
    """
    found = LocalCertificate(folder / "server.crt", folder / "server.key", folder / "ca.crt")
    ca_key = folder / "ca.key"
    wanted = [_general_name(host) for host in dict.fromkeys(["localhost", "127.0.0.1", "::1", *hosts])]
    if not (ca_key.is_file() and _is_valid(found.ca) and all(_permits(found.ca, host) for host in wanted)):
        key, ca = _create_ca(wanted)
        _write(ca_key, _private_pem(key))
        _write(found.ca, ca.public_bytes(serialization.Encoding.PEM))
        found.certificate.unlink(missing_ok=True)
    if not (found.key.is_file() and _is_valid(found.certificate) and _covers(found.certificate, wanted)):
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _sign(key, wanted, serialization.load_pem_private_key(ca_key.read_bytes(), None), _load(found.ca))
        _write(found.key, _private_pem(key))
        _write(found.certificate, signed.public_bytes(serialization.Encoding.PEM))
    return found


def _general_name(host: str) -> Host:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _permits(ca: Path, host: Host) -> bool:
    permitted = _load(ca).extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    if isinstance(host, x509.DNSName):
        names = [name.value for name in permitted if isinstance(name, x509.DNSName)]
        return any(host.value == name or host.value.endswith(f".{name}") for name in names)
    networks = [name.value for name in permitted if isinstance(name, x509.IPAddress)]
    return any(host.value in network for network in networks if isinstance(network, IPv4Network | IPv6Network))


def _create_ca(hosts: Sequence[Host]) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenfold local authority")])
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in _LOCAL_NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in _LOCAL_NETWORKS]
    # Some networks give their machines public addresses and names.
    permitted += [host if isinstance(host, x509.DNSName) else x509.IPAddress(ipaddress.ip_network(host.value))
                  for host in hosts]  # fmt: skip
    builder = _builder(subject, subject, key, _CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    builder = builder.add_extension(_key_usage(is_ca=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _sign(
    key: ec.EllipticCurvePrivateKey, hosts: Sequence[x509.GeneralName], ca_key: object, ca: x509.Certificate
) -> x509.Certificate:
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenfold on this machine")])
    builder = _builder(subject, ca.subject, key, _DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(_key_usage(is_ca=False), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return builder.add_extension(issuer, critical=False).sign(ca_key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # A day early, for phones whose clock is slow.
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days - 1))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _key_usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _is_valid(path: Path) -> bool:
    try:
        return _load(path).not_valid_after_utc > datetime.now(UTC) + timedelta(days=_RENEW_DAYS)
    except (OSError, ValueError):
        return False


def _covers(path: Path, hosts: Sequence[x509.GeneralName]) -> bool:
    names = _load(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(hosts) <= set(names)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    files.make_folder(path.parent)
    with files.storage_errors(path):
        # Created with mode 0600: nobody else can read the key at any moment.
        temporary = path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        temporary.write_bytes(content)
        temporary.replace(path)
