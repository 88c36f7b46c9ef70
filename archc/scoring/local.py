"""Scoring on this machine: threads that read pictures ahead of the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from archc.scoring.scored import to_bytes
from archc.scoring.scorer import Scorer, Tensor
from archc.scoring.work import Batch, Keep

_BATCHES_AHEAD = 2
"""Batches that are read while one runs: enough that the model does not wait, and no more memory."""


def score_here(scorer: Scorer, batches: Iterable[Batch], readers: int, keep: Keep) -> None:
    """Scores batches in their order, with so many threads that read and decode pictures.

    Raises:
        OSError: what was found cannot be kept.
    """
    waiting: deque[tuple[Batch, list[Future[Tensor | str]]]] = deque()
    pool = ThreadPoolExecutor(readers, thread_name_prefix="read")
    try:
        for batch in batches:
            waiting.append((batch, [pool.submit(scorer.read, path) for path in batch.paths]))
            if len(waiting) > _BATCHES_AHEAD:
                _score_first(scorer, waiting, keep)
        while waiting:
            _score_first(scorer, waiting, keep)
    finally:
        pool.shutdown(cancel_futures=True)


def _score_first(
    scorer: Scorer, waiting: deque[tuple[Batch, list[Future[Tensor | str]]]], keep: Keep
) -> None:
    batch, futures = waiting.popleft()
    keep(batch.number, to_bytes(scorer.score([future.result() for future in futures])))
