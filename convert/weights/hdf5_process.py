"""The child process that reads an HDF5 or .keras file: `python -m convert.weights.hdf5_process N`.

The file, of N bytes, is its stdin. It writes to stdout one byte when it begins, then the length of
a JSON head in eight bytes, the head, and the values of each array as little-endian float32:

    {"version": "2.2.4", "layers": [[name, [index of an array, …]], …], "shapes": [[…], …],
     "sidecars": {"vocab": sha256, "config": sha256}}
    {"refused": [what, todo]}, and no arrays

It limits its own memory and time first, where the system can do that. Its parent is `reading`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py

BEGUN = b"!"
LENGTH_BYTES = 8


def cpu_seconds(size: int) -> int:
    """Return how long reading a file may compute."""
    return 4 + size // 20_000_000


def _limit_resources(size: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime) + cpu_seconds(size)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    with contextlib.suppress(OSError, ValueError):
        pages = Path("/proc/self/statm").read_bytes().split()[0]
        used = int(pages) * os.sysconf("SC_PAGE_SIZE")
        most = used + (160 << 20) + 3 * size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _open(file: IO[bytes], size: int) -> tuple[h5py.File, int, dict[str, str] | None]:
    import h5py

    from convert.weights.keras_archive import read_archive

    start = file.read(2)
    file.seek(0)
    real_names = None
    if start == b"PK":
        content, real_names = read_archive(file, size)
        file, size = io.BytesIO(content), len(content)
    return h5py.File(file, "r"), size, real_names


def _main() -> int:
    size = int(sys.argv[1])
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that nothing else is written among the arrays
    from convert.errors import AGAIN
    from convert.weights.hdf5 import contents_of
    from convert.weights.hdf5_limits import Refused

    output.write(BEGUN)
    output.flush()
    _limit_resources(size)
    try:
        file, hdf5_size, real_names = _open(sys.stdin.buffer, size)
        contents = contents_of(file, hdf5_size, real_names)
    except Refused as refused:
        _send(output, {"refused": [refused.what, refused.todo]})
        return 0
    except Exception as error:  # whatever libhdf5 and h5py make of a damaged file
        if os.environ.get("RNN_DEBUG"):
            raise
        cut = "truncated" in str(error)
        what = "the file is cut short" if cut else "the HDF5 structure is damaged"
        _send(output, {"refused": [what, AGAIN]})
        return 0
    _send(
        output,
        {
            "version": contents.version,
            "layers": list(contents.layers.items()),
            "shapes": [array.shape for array in contents.arrays],
            "sidecars": contents.sidecars,
        },
    )
    for array in contents.arrays:
        _send_values(output, array)
    output.close()
    # Without h5py's clean-up, in which some damaged files crash.
    os._exit(0)


def _send(output: IO[bytes], head: dict[str, Any]) -> None:
    content = json.dumps(head).encode()
    output.write(len(content).to_bytes(LENGTH_BYTES, "little"))
    output.write(content)
    output.flush()


def _send_values(output: IO[bytes], array: h5py.Dataset) -> None:
    import numpy as np

    with np.errstate(over="ignore"):  # a float64 may become infinite, which the parent counts
        values = np.ascontiguousarray(array[()], "<f4")
    output.write(values.data)


if __name__ == "__main__":
    sys.exit(_main())
