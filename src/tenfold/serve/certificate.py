"""A certificate for the local network: browsers allow camera and offline use over HTTPS only.

A local certificate authority (CA) signs the server's certificate; a phone that installs the CA once trusts all later
certificates. Name constraints limit the CA to local names, private addresses and this machine, so a stolen key can't
impersonate other sites. (trustme can't set name constraints.)
"""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tenfold import files

# Top-level names: a constraint to one permits all names below it.
_LOCAL_NAMES = ("localhost", "local")
_LOCAL_NETWORKS = [ipaddress.ip_network(network) for network in (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
    "::1/128", "fc00::/7", "fe80::/10",
)]  # fmt: skip
_CA_DAYS = 3650
# Apple's devices reject server certificates that are valid for longer.
_DAYS, _RENEW_DAYS = 397, 30
# Extensions that a client must understand, or else reject the certificate (RFC 5280, 4.2.1).
_CRITICAL = (x509.BasicConstraints, x509.NameConstraints, x509.KeyUsage)

_PEM = serialization.Encoding.PEM
Host = x509.DNSName | x509.IPAddress


class _Identity(NamedTuple):
    """A certificate and its private key. One file holds both, so they can't get out of step."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def local_certificate(folder: Path, hosts: Iterable[str]) -> tuple[Path, bytes]:
    """The certificate in `folder`; created if missing, near its end or without one of the hosts.

    hosts: addresses and names of this machine besides localhost. Returns a PEM file of the server's key and
    certificate, and the CA's certificate as PEM, for phones. Raises `StorageError` if it can't be written.
    """
    ca_path, server_path = folder / "ca.pem", folder / "server.pem"
    names = {_general_name(host) for host in ("localhost", "127.0.0.1", "::1", *hosts)}
    constraints = _constraints(names)
    ca = _load(ca_path)
    if ca is None or not constraints <= _permitted(ca.certificate):
        # First, so that no CA ever lies next to a certificate that another one signed.
        server_path.unlink(missing_ok=True)
        ca = _create("Tenfold local authority", _CA_DAYS, None, x509.NameConstraints(constraints, None))
        _write(ca_path, ca)
    server = _load(server_path)
    if server is None or not names <= _names(server.certificate):
        _write(server_path, _create_server(names, ca))
    return server_path, ca.certificate.public_bytes(_PEM)


def _general_name(host: str) -> Host:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _constraints(names: Iterable[Host]) -> set[x509.GeneralName]:
    """What the CA may sign for: all that is local, and the other names alone."""
    constraints: set[x509.GeneralName] = {*map(x509.DNSName, _LOCAL_NAMES), *map(x509.IPAddress, _LOCAL_NETWORKS)}
    # Some networks give their machines public addresses and names.
    for name in names:
        if isinstance(name, x509.DNSName):
            if name.value.rpartition(".")[2] not in _LOCAL_NAMES:
                constraints.add(name)
        elif not any(name.value in network for network in _LOCAL_NETWORKS):
            constraints.add(x509.IPAddress(ipaddress.ip_network(name.value)))
    return constraints


def _permitted(ca: x509.Certificate) -> set[x509.GeneralName]:
    return set(ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ())


def _names(server: x509.Certificate) -> set[x509.GeneralName]:
    return set(server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _create_server(names: Iterable[Host], ca: _Identity) -> _Identity:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return _create("Tenfold on this machine", _DAYS, ca, x509.SubjectAlternativeName(names), usage)


def _create(title: str, days: int, ca: _Identity | None, *extensions: x509.ExtensionType) -> _Identity:
    """A new key, and its certificate signed by the CA; without one, it is a CA's and signs itself."""
    is_ca = ca is None
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    issuer, signing_key = (ca.certificate.subject, ca.key) if ca else (subject, key)
    usage = x509.KeyUsage(
        digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # A day early, for phones whose clock is slow.
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days - 1))
    for extension in (
        x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None),
        usage,
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
        *extensions,
    ):
        builder = builder.add_extension(extension, critical=isinstance(extension, _CRITICAL))
    return _Identity(key, builder.sign(signing_key, hashes.SHA256()))


def _load(path: Path) -> _Identity | None:
    """None if the file is missing, damaged or near its certificate's end."""
    try:
        content = path.read_bytes()
        key = serialization.load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (OSError, ValueError):
        return None
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    is_valid = certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=_RENEW_DAYS)
    return _Identity(key, certificate) if is_valid else None


def _write(path: Path, identity: _Identity) -> None:
    key = identity.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.write_bytes(path, key + identity.certificate.public_bytes(_PEM), mode=0o600)
