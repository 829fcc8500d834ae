"""TensorFlow's own messages, which are no use to who asked for a model."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow's messages off the terminal, unless the work fails, or RNN_DEBUG is set.

    Its libraries write to file descriptor 2 directly, some before they read the level that
    TF_CPP_MIN_LOG_LEVEL sets, so the descriptor is redirected.
    """
    if os.environ.get("RNN_DEBUG"):
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryFile() as messages:
        stderr = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except ImportError:  # it is not installed, which its caller says
            raise
        except Exception:
            messages.seek(0)
            os.write(stderr, messages.read()[-4000:])
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
