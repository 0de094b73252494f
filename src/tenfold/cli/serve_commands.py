"""tenfold serve and feedback export."""

import dataclasses
import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import app, feedback_app
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given, switch
from tenfold.errors import FeedbackError, UsageError


@app.command
def serve(
    *,
    host: Annotated[str | None, given("Address to listen on. [default: 127.0.0.1; with --https 0.0.0.0]")] = None,
    port: Annotated[int, Parameter(help="Port to listen on; 0 picks a free one.")] = 8000,
    model: Annotated[
        tuple[str, ...],
        Parameter(
            show_default=False,
            negative="",
            help="Another model to serve: a run, or an .onnx file with a .10fd of the same name; repeatable.",
        ),
    ] = (),
    https: Annotated[bool, switch("Serve HTTPS with a local certificate, and show a QR code for phones.")] = False,
    database: Annotated[
        str | None, given("Database URL for feedback. [default: TENFOLD_DATABASE_URL, or a SQLite file]")
    ] = None,
    feedback: Annotated[
        bool, Parameter(negative="--no-feedback", show_default=False, help="Accept feedback. [default: yes]")
    ] = True,
    token: Annotated[
        str | None, given("Bearer token required for feedback; generated when listening on a public address.")
    ] = None,
    allow_origin: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Origin whose pages may call the API, such as https://example.org, or *; repeatable.",
        ),
    ] = (),
    trust_proxy: Annotated[
        bool, switch("Trust X-Forwarded-For and X-Forwarded-Proto. Use it only behind a reverse proxy.")
    ] = False,
    screen: Screen = PLAIN,
) -> None:
    """Serve the web app and the HTTP API."""
    if not 0 <= port <= 65535:
        raise UsageError(f"--port is {port}; it must be from 0 to 65535")
    if token is not None and (not token.isascii() or not token.isprintable() or " " in token or not token):
        raise UsageError("--token must be printable ASCII without spaces")
    import logging
    import secrets

    from tenfold.serve import server
    from tenfold.serve.settings import ServeSettings

    logging.basicConfig(format="%(levelname)s: %(message)s", level="DEBUG" if screen.debug else "WARNING")
    logging.getLogger("asyncio").setLevel("WARNING")
    host = host or ("0.0.0.0" if https else "127.0.0.1")
    all_addresses, is_local = host in ("0.0.0.0", "::"), server.is_loopback(host)
    lan = [] if is_local else server.lan_addresses() if all_addresses else [host]
    # Behind a proxy everybody can reach the server, whatever address it listens on.
    if token is None and feedback and (trust_proxy or not is_local):
        token = secrets.token_urlsafe(16)
    if wrong := [one for one in allow_origin if one != "*" and not re.fullmatch(r"https?://[^/\s]+", one)]:
        raise UsageError(f"--allow-origin is {wrong[0]!r}; it takes https://example.org or *")
    settings = ServeSettings(models=model, database=database, feedback=feedback, trust_proxy=trust_proxy, token=token,
                             allow_origins=allow_origin)  # fmt: skip
    hosts = ["127.0.0.1" if all_addresses else host, *lan]
    with server.listen(host, port) as listener:
        urls = _urls(hosts, listener.getsockname()[1], https, token)
        tls = None
        if https:
            import platformdirs

            from tenfold.serve.certificate import local_certificate

            tls, ca = local_certificate(platformdirs.user_data_path("tenfold") / "https", lan)
            settings = dataclasses.replace(settings, ca=ca)

        def on_started() -> None:
            for url in urls:
                screen.say(url)
            if lan:
                screen.say(_qr_code(urls[-1]))
            if https:
                screen.say(_INSTALL.format(url=urls[-1].partition("#")[0]))
            screen.say("Press Ctrl-C to stop.", style="dim")
            screen.result({"urls": urls, "token": token})

        server.serve(settings, listener, on_started, tls)


_INSTALL = """\
Phones warn about this server until they trust {url}tenfold-ca.crt:
  Android: open that address, then Settings > Security > Install a certificate > CA certificate, and choose the file.
  iPhone: open that address, then Settings > Profile Downloaded > Install, then General > About > Certificate Trust
  Settings, and switch it on.
The certificate is valid for private addresses and this machine only."""


def _urls(hosts: list[str], port: int, https: bool, token: str | None) -> list[str]:
    """URLs of the server; the last one is for phones."""
    names = [f"[{host}]" if ":" in host else host for host in dict.fromkeys(hosts)]
    end = f"#token={token}" if token else ""
    return [f"http{'s' if https else ''}://{name}:{port}/{end}" for name in names]


def _qr_code(url: str) -> str:
    import io

    import segno

    text = io.StringIO()
    segno.make(url, error="l").terminal(text, compact=True)
    return text.getvalue()


@feedback_app.command
def export(
    folder: Annotated[Path, Parameter(help="Folder to write the data set to.")],
    /,
    *,
    database: Annotated[str | None, given("Database URL. [default: TENFOLD_DATABASE_URL, or a SQLite file]")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Export feedback as a data set for fine-tuning; a fifth is held out for testing."""
    from tenfold.serve.feedback import FeedbackStore
    from tenfold.serve.feedback.sample_export import export_samples

    with FeedbackStore(database) as store:
        if not store.count():
            raise FeedbackError(
                f"{store.url_without_password} holds no feedback yet: collect it with tenfold serve, or name another "
                "database with --database"
            )
        written = export_samples(store, folder)
    screen.say(f"{written.folder}: {written.train:,} samples for training, {written.test:,} held out")
    if written.duplicates or written.contradictory:
        screen.say(f"left out: {written.duplicates} duplicates, {written.contradictory} with contradictory labels")
    screen.say(f"next: tenfold train --from RUN --data {written.folder}")
    screen.result({**dataclasses.asdict(written), "folder": str(written.folder)})
