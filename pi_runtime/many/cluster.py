"""Shards computed by dask.distributed, which hands them to workers and does again what one loses.

Workers need this package and no common disk: they are sent the model and send texts back.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from typing import Any

from pi_runtime._version import __version__
from pi_runtime.errors import Error, UsageError, shown
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.many.plan import Plan
from pi_runtime.many.shards import lines
from pi_runtime.model.file import ModelFile

LOCAL = "local"
"""Instead of an address: worker processes on this machine."""

RETRIES = 3
"""How often a shard is tried again: after an error, and on a local cluster after a worker's death,
which another cluster's scheduler decides for itself."""

CONNECT_SECONDS = 10

DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What the workers of a local cluster run first: Ctrl-C goes to every process of a terminal, and
each of them would print a traceback. This process ends them."""


def computed(
    address: str, model: bytes, plan: Plan, shards: Iterable[int], backend: str, threads: int
) -> Iterator[tuple[int, bytes, str]]:
    """Yield shards as they are done, in any order: number, lines, and the backend that made them.

    `address` is a scheduler's, or "local", or "local:3" for three worker processes. No more than
    two shards per thread of the workers are under way or wait to be taken.

    Raises:
        Error: the scheduler is not there; a shard cannot be computed.
    """
    with _client(address) as client:
        # A task and no scattered data, which would be gone with the worker that holds it.
        content = client.submit(_sent, model, key=f"model-{plan.model}", retries=RETRIES)
        todo = iter(shards)
        running: dict[str, int] = {}

        def start() -> list[Any]:
            at_once = 2 * max(1, sum(client.nthreads().values()))
            futures = []
            for shard in islice(todo, max(0, at_once - len(running))):
                future = client.submit(
                    _compute, content, json.dumps(plan.to_json()), shard, backend, threads,
                    __version__, key=f"texts-{plan.digest}-{shard}", retries=RETRIES,
                )  # fmt: skip
                running[future.key] = shard
                futures.append(future)
            return futures

        from distributed import as_completed

        under_way = as_completed(start(), loop=client.loop)
        for future in under_way:
            shard = running.pop(future.key)
            texts, name = _result(future, shard)
            future.release()
            under_way.update(start())
            yield shard, texts, name


def _sent(model: bytes) -> bytes:
    return model


def _compute(
    model: bytes, plan: str, shard: int, backend: str, threads: int, version: str
) -> tuple[bytes, str]:
    """Compute a shard on a worker."""
    if version != __version__:
        raise Error(
            f"a worker has textgenrnn-pi {__version__}, not {version}",
            "install the same version everywhere",
        )
    generator = _generator(model, backend, threads)
    texts = b"".join(lines(generator, Plan.from_json(json.loads(plan)), shard))
    return texts, generator.backend.name


@lru_cache(maxsize=1)
def _generator(model: bytes, backend: str, threads: int) -> TextGenerator:
    """Load a model once per worker."""
    return TextGenerator.of(ModelFile.from_bytes(model), backend, threads)


def _result(future: Any, shard: int) -> tuple[bytes, str]:
    from concurrent.futures import CancelledError

    try:
        texts, backend = future.result()
    except Error:
        raise
    except CancelledError:
        raise Error(
            "the Dask scheduler is gone", "start it again; the same command goes on from here"
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever a worker or Dask raises
        raise Error(
            f"Dask could not compute shard {shard} ({type(error).__name__}: {shown(error, 300)})",
            "see the logs of its workers; the same command goes on from here",
        ) from None
    return texts, str(backend)


def check_installed() -> None:
    """Check that Dask is there, before anything is written.

    Raises:
        UsageError: it is not.
    """
    if find_spec("distributed") is None:
        raise UsageError(
            "--dask needs dask.distributed", 'run: pip install "textgenrnn-pi[cluster]"'
        )


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    """Connect to a scheduler, or start one with its workers."""
    import logging

    import dask
    from distributed import Client, LocalCluster

    # What goes wrong comes as an exception; a worker that dies is no error.
    logging.disable(logging.CRITICAL)
    kind, _, workers = address.partition(":")
    with contextlib.ExitStack() as opened:
        if kind == LOCAL:
            opened.enter_context(
                dask.config.set({"distributed.scheduler.allowed-failures": RETRIES})
            )
            target: Any = opened.enter_context(
                LocalCluster(
                    n_workers=int(workers) if workers else None,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                    preload=[DEAF],
                )
            )
        else:
            target = address
        try:
            client = Client(target, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise Error(
                f"no Dask scheduler at {address} ({shown(error, 200)})",
                "start one with: dask scheduler",
            ) from None
        yield opened.enter_context(client)
