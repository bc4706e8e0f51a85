r"""Download Google's Speech Commands, from which SC09 is made, and unpack it.

    python tools/download_speech_commands.py --out_dir=data/speech_commands
    python paper_repro/wavegan_table1.py --data_dir=data/speech_commands

The paper uses the first release (--release=v0.01, 1.5 GB), the default. An interrupted download
continues where it stopped when the same command is given again. The archive's SHA-256 is compared
with the published one before anything is unpacked.
"""

import contextlib
import errno
import gzip
import hashlib
import logging
import os
import shutil
import sys
import tarfile
import tempfile
import time
import zlib

import requests
import tqdm
from absl import flags

from tfwave import cli
from tfwave.errors import UserError

_BASE = "http://download.tensorflow.org/data/"
# Bytes and SHA-256 as the dataset loaders of torchaudio (both) and TensorFlow Datasets (v0.02)
# list them.
RELEASES = {
    "v0.01": (
        "speech_commands_v0.01.tar.gz",
        1_489_096_277,
        "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "v0.02": (
        "speech_commands_v0.02.tar.gz",
        2_428_923_189,
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}
_CHUNK = 1 << 14  # The most that a broken connection loses.
_TIMEOUT = (20, 60)

_OUT_DIR = flags.DEFINE_string("out_dir", None, "Folder to unpack into; created when missing.")
_RELEASE = flags.DEFINE_enum("release", "v0.01", sorted(RELEASES), "Release of the data set.")
_URL = flags.DEFINE_string("url", None, "Another address of the archive, such as a mirror.")
_SHA256 = flags.DEFINE_string("sha256", None, "SHA-256 to expect in place of the published one.")
_KEEP_ARCHIVE = flags.DEFINE_bool("keep_archive", False, "Keep the archive after unpacking.")
_RETRIES = flags.DEFINE_integer("retries", 5, "Attempts after a broken connection.", lower_bound=0)


class DownloadError(OSError):
    """A download that cannot be completed, in one sentence."""


def download(url, path, size=None, retries=5, wait=1.0, progress=True):
    """Download a file, continuing a partial one that an earlier attempt left.

    Args:
      url: http or https address.
      path: where the complete file goes; `path` + '.part' holds what has arrived.
      size: bytes that the whole file must have, or None.
      retries: attempts after a broken connection that made no headway.
      wait: seconds before the second attempt, doubled for each further one.
      progress: show a progress bar.

    Raises:
      DownloadError: the address does not answer as it should, or breaks off too often.
      OSError: the disk is full or not writable.
    """
    part, failures = path + ".part", 0
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    while True:
        before = _size(part)
        try:
            _receive(url, part, size, progress)
            break
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            failures = 0 if _size(part) > before else failures + 1
            if failures > retries:
                raise DownloadError(
                    f"{url}: the connection fails ({_cause(error)}); the same "
                    "command continues the download"
                ) from None
            time.sleep(min(wait * 2 ** max(0, failures - 1), 30))
        except requests.RequestException as error:
            raise DownloadError(f"{url}: {_cause(error)}") from None
        except OSError as error:
            raise _disk_full(error, part) from None
    os.replace(part, path)


def _receive(url, part, size, progress):
    """Append what is missing to the partial file; raise ConnectionError when it stays short."""
    have = _size(part)
    if size is not None and have > size:
        os.unlink(part)
        have = 0
    if size is not None and have == size:
        return
    headers = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "identity"}
    )
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416 and have:
            # Nothing follows that position: the download is complete or the file is another one.
            if _total_of_range(response) == have:
                return
            os.unlink(part)
            raise requests.ConnectionError("the partial file does not belong to this address")
        if response.status_code in (429, 500, 502, 503, 504):
            raise requests.ConnectionError(f"the server answers {response.status_code}")
        if response.status_code not in (200, 206):
            raise DownloadError(
                f"{url}: the server answers {response.status_code} {response.reason}"
            )
        if response.status_code == 206 and _start_of_range(response) != have:
            raise DownloadError(f"{url}: the server sends another part than was asked for")
        have = have if response.status_code == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        if size is not None and total is not None and total != size:
            raise DownloadError(f"{url}: the file there has {total:,} bytes, not {size:,}")
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm.tqdm(
                total=total or size,
                initial=have,
                unit="B",
                unit_scale=True,
                mininterval=0.5,
                desc=os.path.basename(part)[:-5],
                disable=not progress,
            ) as bar,
        ):
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    wanted = size if size is not None else total
    if wanted is not None and _size(part) < wanted:
        raise requests.ConnectionError(f"it ended after {_size(part):,} of {wanted:,} bytes")


def _disk_full(error, path):
    if error.errno == errno.ENOSPC:
        return DownloadError(f"{path}: the disk is full")
    return error


def _size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def _start_of_range(response):
    text = response.headers.get("Content-Range", "")
    number = text.removeprefix("bytes ").split("-")[0]
    return int(number) if number.isdigit() else -1


def _total_of_range(response):
    number = response.headers.get("Content-Range", "").split("/")[-1]
    return int(number) if number.isdigit() else -1


def _cause(error):
    """Find the innermost reason of a requests exception: its own text is a page long."""
    inner = error
    while True:
        reason = getattr(inner, "reason", None)
        following = (
            reason
            if isinstance(reason, Exception)
            else inner.__cause__
            or (inner.args[-1] if inner.args and isinstance(inner.args[-1], Exception) else None)
        )
        if following is None or following is inner:
            break
        inner = following
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return " ".join(text.split()) or type(inner).__name__


def sha256_of(path, progress=True):
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with (
        open(path, "rb") as file,
        tqdm.tqdm(
            total=_size(path),
            unit="B",
            unit_scale=True,
            desc="checking",
            mininterval=0.5,
            disable=not progress,
        ) as bar,
    ):
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def unpack(archive, folder, progress=True):
    """Unpack a .tar.gz into a folder that must not exist yet or be empty, all or nothing.

    Only plain files and folders inside the folder are taken; an archive with anything else (links,
    devices, absolute names, '..') is refused.

    Raises:
      UserError: the archive is damaged or holds something that does not belong in one.
      OSError: the folder has content, or the disk is full.
    """
    folder = os.path.abspath(folder)
    parent = os.path.dirname(folder)
    os.makedirs(parent, exist_ok=True)
    if os.path.isdir(folder) and os.listdir(folder):
        raise FileExistsError(f"{folder}: the folder is not empty")
    unpacking = tempfile.mkdtemp(prefix=f".{os.path.basename(folder)}-", dir=parent)
    try:
        bar = tqdm.tqdm(
            total=_size(archive),
            unit="B",
            unit_scale=True,
            desc="unpacking",
            mininterval=0.5,
            disable=not progress,
        )
        with open(archive, "rb") as file, bar, gzip.open(file) as content:
            with tarfile.open(fileobj=content, mode="r|") as tar:
                for member in tar:
                    _unpack_member(tar, member, unpacking, archive)
                    bar.update(file.tell() - bar.n)
            while content.read(1 << 20):  # The checksum stands at the very end.
                pass
        os.chmod(unpacking, 0o755)
        if os.path.isdir(folder):
            os.rmdir(folder)
        os.rename(unpacking, folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{archive}: the archive is damaged ({error})") from None
    except OSError as error:
        raise _disk_full(error, folder) from None
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def _unpack_member(tar, member, folder, archive):
    name = os.path.normpath(member.name)
    inside = not os.path.isabs(name) and name.split(os.sep)[0] != os.pardir
    if not inside or not (member.isfile() or member.isdir()):
        raise UserError(
            f"{archive}: refuses to unpack {member.name!r}, which is not a plain file "
            "inside the folder"
        )
    target = os.path.join(folder, name)
    if member.isdir():
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with tar.extractfile(member) as source, open(target, "wb") as file:
        shutil.copyfileobj(source, file)


def main(argv):
    """Run the script."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: the folder is given as --out_dir")
    if not _OUT_DIR.value:
        raise UserError("--out_dir is required: the folder to unpack into")
    name, size, digest = RELEASES[_RELEASE.value]
    url = _URL.value or _BASE + name
    folder = os.path.abspath(_OUT_DIR.value)
    if os.path.isdir(folder) and os.listdir(folder):
        raise FileExistsError(f"--out_dir {folder}: the folder is not empty")
    archive = os.path.join(os.path.dirname(folder), name)
    if _URL.value or _SHA256.value:
        size = None
    digest = (_SHA256.value or digest).lower()
    progress = sys.stderr.isatty()
    if not os.path.exists(archive):
        print(f"downloading {url}")
        download(url, archive, size, _RETRIES.value, progress=progress)
    got = sha256_of(archive, progress)
    if got != digest:
        with contextlib.suppress(OSError):
            os.replace(archive, archive + ".bad")
        raise UserError(
            f"{archive}: the SHA-256 is {got}, not {digest}; the file was put aside "
            f"as {os.path.basename(archive)}.bad"
        )
    print(f"checksum is right, unpacking into {folder}")
    unpack(archive, folder, progress)
    if not _KEEP_ARCHIVE.value:
        os.unlink(archive)
    print(f"done; check it with: python tools/doctor.py {_OUT_DIR.value}")
    return 0


if __name__ == "__main__":
    logging.captureWarnings(True)
    cli.run(main)
