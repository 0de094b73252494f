"""What every answer carries, so that a browser lets the page do what it does and nothing else."""

from collections.abc import Sequence

Headers = Sequence[tuple[bytes, bytes]]

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_OFF = (
    "accelerometer", "autoplay", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
    "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip

SECURITY: Headers = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": ", ".join(["camera=(self)", *(f"{name}=()" for name in _OFF)]),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }.items()
)
# A browser that once saw this never goes back to http: on localhost that would break other people's servers.
HSTS: Headers = ((b"strict-transport-security", b"max-age=31536000"),)
_LOCAL = {b"localhost", b"127.0.0.1", b"[::1]", b""}


def security_headers(https: bool, host: bytes) -> Headers:
    """host: the Host header, with or without a port."""
    name = host if host.endswith(b"]") else host.rsplit(b":", 1)[0]
    return (*SECURITY, *HSTS) if https and name.lower() not in _LOCAL else SECURITY
