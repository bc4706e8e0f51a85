"""The downloader against a server of its own: broken connections, lies, damaged archives."""

import errno
import gzip
import hashlib
import http.server
import io
import os
import tarfile
import threading

import pytest

SCRIPT = "tools/download_speech_commands.py"


def archive_of(members):
    """Return a .tar.gz of {name: bytes or TarInfo}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


CONTENT = {"./zero/a_nohash_0.wav": os.urandom(300_000), "./validation_list.txt": b"zero/b.wav\n"}
ARCHIVE = archive_of(CONTENT)


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; its behaviour is set by attributes.

    Attributes:
      data: the file.
      ranges: whether Range is honoured.
      cuts: bytes after which each of the next connections breaks.
      statuses: status codes that the next requests get.
      requests: Range header of each request so far.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.ranges, self.cuts, self.statuses = ARCHIVE, True, [], []
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/speech.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        start = 0
        if wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(server.data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            last = len(server.data) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.data)}")
        else:
            self.send_response(200)
        body = server.data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            body = body[: server.cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def script(load_script):
    return load_script(SCRIPT)


def fetch(script, server, path, **options):
    script.download(server.url, str(path), **{"wait": 0, "progress": False, **options})
    return path.read_bytes()


def test_downloads_in_one_go(script, server, tmp_path):
    assert fetch(script, server, tmp_path / "new" / "a", size=len(ARCHIVE)) == ARCHIVE
    assert server.requests == [None] and os.listdir(tmp_path / "new") == ["a"]


def test_broken_connections_are_continued(script, server, tmp_path):
    server.cuts = [98_304, 49_152, 0]
    assert fetch(script, server, tmp_path / "a") == ARCHIVE
    assert server.requests == [None, "bytes=98304-", "bytes=147456-", "bytes=147456-"]


def test_a_later_command_continues(script, server, tmp_path):
    server.cuts = [98_304, 0]
    with pytest.raises(OSError, match="the same command continues"):
        fetch(script, server, tmp_path / "a", retries=0)
    assert os.listdir(tmp_path) == ["a.part"]
    assert fetch(script, server, tmp_path / "a") == ARCHIVE
    assert server.requests[-1] == "bytes=98304-" and os.listdir(tmp_path) == ["a"]


def test_a_server_without_ranges_starts_again(script, server, tmp_path):
    server.cuts, server.ranges = [100_000], False
    assert fetch(script, server, tmp_path / "a") == ARCHIVE


@pytest.mark.parametrize("size", [None, len(ARCHIVE)], ids=["unknown size", "known size"])
def test_a_complete_partial_file_is_taken(script, server, tmp_path, size):
    (tmp_path / "a.part").write_bytes(ARCHIVE)
    assert fetch(script, server, tmp_path / "a", size=size) == ARCHIVE


def test_a_partial_file_of_something_longer_starts_again(script, server, tmp_path):
    (tmp_path / "a.part").write_bytes(ARCHIVE + b"more")
    assert fetch(script, server, tmp_path / "a") == ARCHIVE


def test_busy_servers_are_asked_again(script, server, tmp_path):
    server.statuses = [503, 500]
    assert fetch(script, server, tmp_path / "a") == ARCHIVE


def test_refusals_are_one_sentence(script, server, tmp_path):
    server.statuses = [404]
    with pytest.raises(OSError, match=r"speech\.tar\.gz: the server answers 404 Not Found"):
        fetch(script, server, tmp_path / "a")
    with pytest.raises(OSError, match="the file there has .* bytes, not 5"):
        fetch(script, server, tmp_path / "a", size=5)
    with pytest.raises(OSError, match="the connection fails .*Connection refused"):
        script.download("http://127.0.0.1:9/x", str(tmp_path / "a"), retries=1, wait=0)
    with pytest.raises(OSError, match="nonsense"):
        script.download("nonsense", str(tmp_path / "a"))


def test_a_full_disk_keeps_what_has_arrived(script, server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(script, "open", lambda path, mode: Full(path, mode), raising=False)
    with pytest.raises(OSError, match=r"a\.part: the disk is full"):
        fetch(script, server, tmp_path / "a")


def test_unpacks_everything_or_nothing(script, tmp_path):
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(ARCHIVE)
    script.unpack(archive, tmp_path / "out", progress=False)
    for name, content in CONTENT.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    with pytest.raises(FileExistsError, match="not empty"):
        script.unpack(archive, tmp_path / "out", progress=False)


def evil(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "members",
    [
        {"ok.txt": b"1", "../evil.txt": b"2"},
        {"/tmp/evil.txt": b"2"},
        {"a/../../evil.txt": b"2"},
        {"l": evil("l", tarfile.SYMTYPE, "/etc"), "l/evil.txt": b"2"},
        {"l": evil("l", tarfile.LNKTYPE, "/etc/passwd")},
        {"p": evil("p", tarfile.FIFOTYPE)},
        {"d": evil("d", tarfile.CHRTYPE)},
    ],
)
def test_what_leads_outside_is_refused(script, tmp_path, members):
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(archive_of(members))
    with pytest.raises(ValueError, match="refuses to unpack"):
        script.unpack(archive, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == ["a.tar.gz"]


@pytest.mark.parametrize(
    "data",
    [
        ARCHIVE[: len(ARCHIVE) // 2],
        b"no archive",
        ARCHIVE[:5000] + b"\0" * 500 + ARCHIVE[5500:],
        gzip.compress(b"no tar file" * 100),
    ],
    ids=["half", "no archive", "a hole", "no tar file"],
)
def test_damaged_archives_are_named(script, tmp_path, data):
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.tar\.gz: the archive is damaged"):
        script.unpack(archive, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == ["a.tar.gz"]


def test_the_command(run_script, server, tmp_path):
    out = tmp_path / "data" / "speech"
    digest = hashlib.sha256(ARCHIVE).hexdigest()
    source = (f"--out_dir={out}", f"--url={server.url}")
    done = run_script(SCRIPT, *source, f"--sha256={digest}", fresh=True)
    assert done.returncode == 0, done.stderr
    assert (out / "zero" / "a_nohash_0.wav").exists() and os.listdir(out.parent) == ["speech"]
    again = run_script(SCRIPT, *source, fresh=True)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "the folder is not empty" in again.stderr


def test_the_command_with_another_file_there(run_script, server, tmp_path):
    out = tmp_path / "speech"
    done = run_script(SCRIPT, f"--out_dir={out}", f"--url={server.url}", fresh=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"the SHA-256 is {hashlib.sha256(ARCHIVE).hexdigest()}, not 743935421" in done.stderr
    assert not out.exists()
    missing = run_script(SCRIPT, fresh=True)
    assert missing.returncode == 2 and "--out_dir" in missing.stderr
