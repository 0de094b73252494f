"""The command that serves: the page, and the HTTP API."""

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.flags import PLAIN, EverywhereFlags
from tenfold.errors import UsageError


@app.command(sort_key=3)
def serve(
    *,
    host: Annotated[
        str | None, Parameter(show_default=False, help="Address to listen on; 127.0.0.1, or with --https 0.0.0.0.")
    ] = None,
    port: Annotated[int, Parameter(help="Port to listen on; 0 for any that is free.")] = 8000,
    model: Annotated[
        tuple[str, ...],
        Parameter(show_default=False, negative="", help="A run, or an .onnx with a .10fd beside it; may be repeated."),
    ] = (),
    https: Annotated[
        bool, Parameter(negative="", help="With a certificate of this machine's own, and a QR code for a phone.")
    ] = False,
    database: Annotated[
        str | None,
        Parameter(show_default=False, help="Where corrections go, as a URL; else TENFOLD_DATABASE_URL, else SQLite."),
    ] = None,
    feedback: Annotated[bool, Parameter(negative="--no-feedback", help="Take corrections.")] = True,
    token: Annotated[
        str | None, Parameter(show_default=False, help="What corrections must carry; else made up beyond this machine.")
    ] = None,
    trust_proxy: Annotated[
        bool, Parameter(negative="", help="A proxy in front tells clients' addresses; needed, and only right, there.")
    ] = False,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Serve the page and the HTTP API."""
    screen = everywhere.screen()
    if not 0 <= port <= 65535:
        raise UsageError(f"--port is {port}; ports go from 0 to 65535")
    if token is not None and (not token.isascii() or not token.isprintable() or " " in token or not token):
        raise UsageError("--token takes letters, digits and signs of ASCII, without spaces")
    import logging
    import secrets

    from tenfold.serve.addresses import is_loopback, lan_addresses
    from tenfold.serve.run import listen
    from tenfold.serve.run import serve as run
    from tenfold.serve.settings import ServeSettings

    logging.basicConfig(format="%(levelname)s: %(message)s", level="DEBUG" if everywhere.debug else "WARNING")
    logging.getLogger("asyncio").setLevel("WARNING")
    host = host or ("0.0.0.0" if https else "127.0.0.1")
    lan = [] if is_loopback(host) else lan_addresses() if host in ("0.0.0.0", "::") else [host]
    settings = ServeSettings(models=model, database=database, feedback=feedback, trust_proxy=trust_proxy)
    # Behind a proxy it is the world that asks, whatever address this listens on.
    if token is None and settings.feedback and (trust_proxy or not is_loopback(host)):
        token = secrets.token_urlsafe(16)
    settings = dataclasses.replace(settings, token=token)
    hosts = ["127.0.0.1" if host in ("0.0.0.0", "::") else host, *lan]

    def tell(port: int, *notes: str) -> None:
        urls = _urls(hosts, port, https, token)
        for url in urls:
            screen.say(url)
        if lan:
            screen.say(_qr(urls[-1]))
        for note in notes:
            screen.say(note)
        screen.say("Ctrl-C ends it.", style="dim")
        screen.result({"urls": urls, "token": token})

    with listen(host, port) as listener:
        tls, notes = None, []
        if https:
            certificate, key, ca = _certificate(lan)
            tls, settings = (certificate, key), dataclasses.replace(settings, ca=ca.read_bytes())
            notes = [_INSTALL.format(url=_urls(hosts, listener.getsockname()[1], https, None)[-1])]
        run(settings, listener, lambda: tell(listener.getsockname()[1], *notes), tls)


_INSTALL = """\
A phone warns until it trusts {url}tenfold-ca.crt.
  Android: open that address, then Settings > Security > Install a certificate > CA certificate, and choose it.
  iPhone: open that address, then Settings > Profile downloaded > Install, then General > About > Certificate Trust
  Settings, and switch it on.
It vouches for private addresses and this machine alone."""


def _urls(hosts: list[str], port: int, https: bool, token: str | None) -> list[str]:
    """The last of them is the one for a phone."""
    names = [f"[{host}]" if ":" in host else host for host in dict.fromkeys(hosts)]
    end = f"#token={token}" if token else ""
    return [f"http{'s' if https else ''}://{name}:{port}/{end}" for name in names]


def _certificate(lan: list[str]) -> tuple[Path, Path, Path]:
    import platformdirs

    from tenfold.serve.certificate import local_certificate

    made = local_certificate(platformdirs.user_data_path("tenfold") / "https", lan)
    return made.certificate, made.key, made.ca


def _qr(url: str) -> str:
    import io

    import segno

    drawn = io.StringIO()
    segno.make(url, error="l").terminal(drawn, compact=True)
    return drawn.getvalue()
