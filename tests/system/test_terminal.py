"""The command in a real process and a real terminal."""

import os
import subprocess
import sys
import time

from tenfold.runs.run_folder import latest_run


def test_training_in_a_terminal_shows_a_bar(quick, tmp_path):
    """Most people have a terminal, and tests have none: this one makes one."""
    import pty

    (tmp_path / "quick.toml").write_text(quick.to_toml())
    shown, terminal = pty.openpty()
    command = [sys.executable, "-m", "tenfold", "walk", "quick.toml", "--epochs", "20"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        output = b""
        while True:
            try:
                output += os.read(shown, 65536)
            except OSError:  # the terminal is closed when the command has ended
                break
    assert process.returncode == 0, output.decode()
    assert b"images/s" in output
    assert b"of 20" in output
    assert b"The report:" in output


def test_ctrl_c_says_how_to_continue(quick, tmp_path):
    import signal

    (tmp_path / "slow.toml").write_text(quick.replace(epochs=500).to_toml())
    command = [sys.executable, "-m", "tenfold", "train", "slow.toml"]
    # What a shell starts in the background is deaf to Ctrl-C, and so are its children.
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/*/checkpoint.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert f"--resume {latest_run(tmp_path / 'runs').relative_to(tmp_path)}" in err
    assert "Traceback" not in err
