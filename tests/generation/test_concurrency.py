"""Any number of texts at once, in any threads: each is what its seed gives alone.

This is what a bot does in its first hour: two people write at the same moment.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import zip_longest
from typing import Any

import pytest

from pi_runtime import BackendError, TextGenerator
from tests.helpers.backends import skip_without
from tests.helpers.checkpoints import small_network
from tests.helpers.conversion import Converter

# Wide enough for most of their weights to be quantized.
NETWORKS = {
    "forward": small_network(1, classes=30, embedding=16, units=32),
    "bidirectional": small_network(2, classes=30, embedding=16, units=32, bidirectional=True),
}
LENGTH = 7

SETTINGS: dict[str, Any] = {"temperature": [1.0, 0.5], "max_gen_length": 30}


@pytest.fixture(
    scope="module",
    params=[
        (backend, direction, quantization)
        for backend in ("numpy", "onnx", "tflite")
        for direction in NETWORKS
        for quantization in ("float32", "int8")
    ],
    ids="-".join,
)
def load(request: pytest.FixtureRequest, converted: Converter) -> Callable[[], TextGenerator]:
    """What loads a model, on one of the backends."""
    backend, direction, quantization = request.param
    skip_without(backend)
    options = () if quantization == "float32" else ("--quantize", quantization)
    name = f"talkative-{direction}-{quantization}"
    path = converted.small(name, NETWORKS[direction], LENGTH, *options)
    try:
        TextGenerator.load(path, backend)
    except BackendError:
        if quantization == "float32":
            raise
        pytest.skip("the interpreter here is too old for int8")
    return lambda: TextGenerator.load(path, backend)


@pytest.fixture
def texts(load: Callable[[], TextGenerator]) -> TextGenerator:
    """A model that nobody has used yet."""
    return load()


@pytest.fixture(scope="module")
def alone(load: Callable[[], TextGenerator]) -> Callable[..., str]:
    """What makes a text by its seed and number, with nothing else going on."""
    texts = load()

    @cache
    def alone(seed: int, index: int = 0) -> str:
        return "".join(texts.stream(seed=seed, index=index, **SETTINGS))

    return alone


Alone = Callable[..., str]


def test_seeds_give_texts_that_differ(alone: Alone) -> None:
    """Or the tests below would not see one in place of another."""
    texts = [alone(seed) for seed in range(40)]
    assert len(set(texts)) > 30
    assert sum(map(len, texts)) > 300


@pytest.mark.parametrize("count", [2, 5])
def test_streams_that_take_turns(texts: TextGenerator, alone: Alone, count: int) -> None:
    streams = [texts.stream(seed=seed, **SETTINGS) for seed in range(count)]
    turns = [*zip_longest(*streams, fillvalue="")]
    for seed, pieces in enumerate(zip(*turns, strict=True)):
        assert "".join(pieces) == alone(seed)


def test_eight_threads(texts: TextGenerator, alone: Alone) -> None:
    together = threading.Barrier(8)

    def twenty(thread: int) -> list[str]:
        together.wait(60)
        return [
            texts.generate(seed=seed, **SETTINGS)[0]
            for seed in range(20 * thread, 20 * thread + 20)
        ]

    with ThreadPoolExecutor(8) as pool:
        found = [text for made in pool.map(twenty, range(8)) for text in made]
    assert found == [alone(seed) for seed in range(160)]


def test_threads_with_batches_of_every_size(texts: TextGenerator, alone: Alone) -> None:
    """Interpreters are made for a number of streams, and lent to whoever comes."""
    sizes = [1, 2, 3, 4, 5, 9, 1, 2]
    together = threading.Barrier(len(sizes))

    def batches(size: int) -> list[list[str]]:
        together.wait(60)
        return [texts.generate(size, seed=seed, **SETTINGS) for seed in range(6)]

    with ThreadPoolExecutor(len(sizes)) as pool:
        for size, found in zip(sizes, pool.map(batches, sizes), strict=True):
            expected = [[alone(seed, index) for index in range(size)] for seed in range(6)]
            assert found == expected


def test_asyncio_to_thread(texts: TextGenerator, alone: Alone) -> None:
    async def main() -> list[list[str]]:
        calls = (asyncio.to_thread(texts.generate, seed=seed, **SETTINGS) for seed in range(20))
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == [[alone(seed)] for seed in range(20)]


def test_streams_handed_from_thread_to_thread(texts: TextGenerator, alone: Alone) -> None:
    """One step at a time, each in whatever thread is free: how an event loop streams."""

    async def read(seed: int) -> str:
        stream = texts.stream(seed=seed, **SETTINGS)
        pieces = []
        while piece := await asyncio.to_thread(next, stream, ""):
            pieces.append(piece)
        return "".join(pieces)

    async def main() -> list[str]:
        return await asyncio.gather(*map(read, range(8)))

    assert asyncio.run(main()) == [alone(seed) for seed in range(8)]


def first(pieces: Iterator[str], count: int) -> str:
    """Read so many pieces of a stream, or all that there are."""
    return "".join(piece for _, piece in zip(range(count), pieces, strict=False))


def rest(pieces: Iterable[str]) -> str:
    return "".join(pieces)


def test_a_stream_left_unfinished_goes_on_where_it_was(texts: TextGenerator, alone: Alone) -> None:
    streams = {seed: texts.stream(seed=seed, **SETTINGS) for seed in (0, 1)}
    begun = {seed: first(stream, 3) for seed, stream in streams.items()}
    for seed in range(2, 6):
        assert texts.generate(seed=seed, **SETTINGS) == [alone(seed)]
    for seed, stream in streams.items():
        assert begun[seed] + rest(stream) == alone(seed)


@pytest.mark.parametrize("how", ["dropped", "closed", "kept in a circle"])
def test_a_stream_that_is_never_finished(texts: TextGenerator, alone: Alone, how: str) -> None:
    open_ = texts.stream(seed=9, **SETTINGS)
    begun = first(open_, 2)
    left: Any = texts.stream(seed=0, **SETTINGS)
    first(left, 3)
    if how == "closed":
        left.close()
    elif how == "kept in a circle":
        circle = [left]
        circle.append(circle)
        del circle
    del left
    assert texts.generate(seed=1, **SETTINGS) == [alone(1)]
    gc.collect()
    assert texts.generate(seed=2, **SETTINGS) == [alone(2)]
    assert begun + rest(open_) == alone(9)


def test_streams_dropped_while_threads_run(texts: TextGenerator, alone: Alone) -> None:
    together = threading.Barrier(4)

    def begin_and_drop(thread: int) -> None:
        together.wait(60)
        for seed in range(20):
            first(texts.stream(seed=seed, **SETTINGS), 2 + thread)
            gc.collect(0)

    def finish(thread: int) -> list[str]:
        together.wait(60)
        return [rest(texts.stream(seed=seed, **SETTINGS)) for seed in range(10)]

    with ThreadPoolExecutor(4) as pool:
        dropped = [pool.submit(begin_and_drop, thread) for thread in range(2)]
        finished = [pool.submit(finish, thread) for thread in range(2)]
        for done in dropped:
            done.result()
        for texts_made in finished:
            assert texts_made.result() == [alone(seed) for seed in range(10)]


def test_a_batch_beside_an_open_stream(texts: TextGenerator, alone: Alone) -> None:
    stream = texts.stream(seed=1, **SETTINGS)
    begun = first(stream, 3)
    batch = texts.generate(64, seed=2, **SETTINGS)
    assert begun + rest(stream) == alone(1)
    assert batch == [alone(2, index) for index in range(64)]


def test_batches_and_streams_that_take_turns(texts: TextGenerator, alone: Alone) -> None:
    """70 texts: more than are computed at once, so that slots are taken again."""
    batches = [texts.texts(70, seed=seed, **SETTINGS) for seed in (3, 4)]
    stream = texts.stream(seed=5, **SETTINGS)
    pieces = []
    found: list[list[str]] = [[], []]
    for one, other in zip(*batches, strict=True):
        found[0].append(one)
        found[1].append(other)
        pieces.append(next(stream, ""))
    assert "".join(pieces) + rest(stream) == alone(5)
    assert found == [[alone(seed, index) for index in range(70)] for seed in (3, 4)]


def test_an_interactive_text_beside_others(texts: TextGenerator, alone: Alone) -> None:
    from pi_runtime.generation.interactive import InteractiveText

    text, again = InteractiveText(texts, "e"), InteractiveText(texts, "e")
    stream = texts.stream(seed=0, **SETTINGS)
    begun = first(stream, 2)
    for token in "aton":
        text.add(token)
        again.add(token)
        assert text.options(30) == again.options(30)
    assert begun + rest(stream) == alone(0)
