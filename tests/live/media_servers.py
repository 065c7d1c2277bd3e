"""A real media server, Debian's nginx with its RTMP module, on loopback; and encoders that push a test picture.

Nothing is installed here: `.ci/run` does that. Whoever asks for one where it is missing gets the reason as a text.
"""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.eventually import eventually

MODULES: Final = Path("/usr/lib/nginx/modules")
RTMP: Final = MODULES / "ngx_rtmp_module.so"
STOP_MAX_S: Final = 10.0


def missing() -> str:
    """What of it is not on this machine; empty where all is."""
    wanted = {"nginx": shutil.which("nginx"), "libnginx-mod-rtmp": RTMP.exists(), "ffmpeg": shutil.which("ffmpeg")}
    names = [name for name, there in wanted.items() if not there]
    return f"no real media server here: apt-get install {' '.join(names)}" if names else ""


@dataclass(frozen=True)
class Ports:
    """Where it listens."""

    rtmp: int
    http: int


def free_ports() -> Ports:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return Ports(one.getsockname()[1], two.getsockname()[1])


@contextmanager
def media_server(folder: Path, ports: Ports, hook_url: str) -> Iterator[None]:
    """nginx until the block ends: takes RTMP, cuts it into HLS, and asks at `hook_url`."""
    (folder / "hls").mkdir()
    (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, module=RTMP, ports=ports, hook_url=hook_url))
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _answers(ports.rtmp) and _answers(ports.http))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_MAX_S)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def encoder(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """ffmpeg that pushes a small moving picture in real time, as an encoder does."""
    picture = ["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p", "-threads", "1"]
    command = ["ffmpeg", "-loglevel", "error", "-nostdin", *picture, *codec, "-f", "flv", url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(STOP_MAX_S)


# As docs/live.md shows it, but for the ports, and for signs of life every second.
_CONFIG: Final = """
load_module {module};
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
rtmp {{
    server {{
        listen 127.0.0.1:{ports.rtmp};
        notify_method post;
        application live {{
            live on;
            hls on;
            hls_path {folder}/hls;
            hls_fragment 500ms;
            on_publish {hook_url};
            on_publish_done {hook_url};
            on_update {hook_url};
            notify_update_timeout 1s;
        }}
    }}
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{ports.http};
        location /live/ {{
            alias {folder}/hls/;
            types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
        }}
    }}
}}
"""
