"""Runs what has queued for one model as soon as it is free: no timer, no neighbour's failure, no silent death."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Protocol

from runners.batch_size import BatchSize
from runners.errors import ModelNotLoaded, Overloaded, RunnerError
from runners.few import Few
from runners.inline import INLINE_BELOW, PATIENCE, Inline
from runners.item import Item, Outcome, Run, deliver, expired, slice_run
from runners.rows import Answer, Feed, Prepare, counts_rows, join_feeds
from runners.rush import Rush
from runners.turn import Turn, batches
from runners.waiting import Waiting

logger = logging.getLogger(__name__)


class RunModel(Protocol):
    """The model itself: ``OnnxSession.run``, or anything that keeps its promises."""

    def __call__(self, inputs: Feed, *, deadline: float) -> Answer:
        """Every output for ``inputs``; raises RunnerError, DeadlineExceeded once the deadline has passed."""


class Batcher:
    """The queue before one loaded model, and the threads that run it; callers wait on any number of event loops.

    Items are taken in order, in a rush several at once.  Where the rows of a batch do not influence each other
    (``batchable``), items of the same names, dtypes and shapes run together: in a rush as many as measurement finds
    worth it, else only where that makes a row much cheaper.  Each gets its own outcome: if the batch fails, or its
    answer cannot be sliced by row, its items run again alone.
    A short run starts in the caller's thread where nothing else waits or runs: same answers, no way to the thread.
    Those of callers who come in the same turn of an event loop go together.  What a few callers send to be prepared
    is prepared and run in their thread as well, one after the other.
    One run goes at a time; while cores are spare, as many side by side as there are lanes.

    Args:
        run: the model.
        batchable: whether items may run together.
        max_batch: most rows that are put together; a larger item runs alone, whole.
        max_queue: items that may wait.
        inline_below: runs expected to be shorter than so many seconds start in the caller's thread; 0 turns it off.
        on_batch: is told of every run that succeeded: rows, seconds.
        lanes: runs that may go side by side; each gets a thread when it is first needed.
        spare: whether another run would find a core idle.
        callers: how many there are, who each wait for their answer: a few do not mind what holds up the event loop.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        run: RunModel,
        *,
        batchable: bool,
        max_batch: int,
        max_queue: int,
        inline_below: float = INLINE_BELOW,
        on_batch: Callable[[int, float], None] | None = None,
        lanes: int = 1,
        spare: Callable[[], bool] = lambda: False,
        callers: Callable[[], int] = lambda: sys.maxsize,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = run
        self._batchable = batchable
        self._size = BatchSize(max_batch)
        self._on_batch = on_batch
        self._clock = clock
        self._inline = Inline(inline_below, PATIENCE, clock)
        self._turn = Turn(self._run_gathered)
        self._few = Few(callers, spare, clock)
        self._few_turn = Turn(self._serve_few)
        self._waiting = Waiting(max_queue, clock)
        self._rush = Rush(clock)
        self._running: set[Item] = set()
        self._runs = 0
        # The lock itself where nobody has to be told: a condition's costs a short run three times as much.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._free = threading.Condition(self._lock)
        self._refusal: Callable[[], RunnerError] | None = None
        self._lanes = lanes
        self._spare = spare
        self._threads: list[threading.Thread] = []
        self._open_lane()

    @property
    def healthy(self) -> bool:
        """Whether what is submitted will be run."""
        return self._refusal is None

    @property
    def depth(self) -> int:
        """Items that wait."""
        return len(self._waiting)

    async def submit(self, inputs: Feed, rows: int, deadline: float) -> Run:
        """Run ``inputs``, which have ``rows`` rows, in turn.

        Raises:
            Overloaded: too many items wait already.
            DeadlineExceeded: ``deadline`` (on the batcher's clock) passed before or during the run.
            InferenceFailed: the model failed on these inputs.
            ModelNotLoaded: the batcher was closed.
            RunnerError: a thread of it has died.
        """
        if self._inline.expects(rows * self._size.row_seconds()):
            if self._batchable and self._turn.crowded():
                item = Item(inputs, rows, deadline, batchable=True)
                if self._turn.join(item):
                    return await item.future
            answer = self._run_inline(self._inline, partial(self._run_feed, inputs, rows), deadline)
            if answer is not None:
                return answer
        return await self.enqueue(inputs, rows, deadline)

    async def enqueue(self, source: Feed | Prepare, rows: int, deadline: float) -> Run:
        """``submit``, through the queue and a thread of the batcher, which prepares what is not yet a feed.

        So whoever is first in the queue is prepared and run in one go, and nobody is prepared who is then refused.
        A row of one of a few callers is prepared and run in his own thread.

        Raises:
            Exception: as ``submit``, and whatever preparing this item raised.
        """
        if deadline <= self._clock():
            raise expired()
        item = Item(source, rows, deadline, batchable=self._batchable)
        if not (callable(source) and self._few.welcome(self._size.row_seconds()) and self._few_turn.join(item)):
            self._queue(item)
        return await item.future

    def close(self, *, now: bool = False) -> None:
        """Refuse new items and run those that wait; with ``now``, fail them, and do not wait for the one that runs."""
        with self._changed:
            self._refusal = self._refusal or _unloaded
            if now:
                self._fail_all(self._refusal)
            self._changed.notify_all()
        if not now:
            for thread in self._threads:
                thread.join()
            with self._changed:  # an inline run may still be on its way
                self._free.wait_for(lambda: not self._runs)

    # In the caller's thread.

    def _run_inline(
        self, inline: Inline, run: Callable[[float], Run], deadline: float, patience: float = 0.0
    ) -> Run | None:
        """The answer, or None where the queue has to give it: the caller's event loop stands still meanwhile.

        A run that is under way in a thread may take ``patience`` seconds to end.
        """
        if not self._begin_alone(patience):
            return None
        try:
            return inline.run(run, deadline) if self.healthy else None
        finally:
            self._end_alone()

    def _run_feed(self, inputs: Feed, rows: int, deadline: float, prepared: float = 0.0) -> Run:
        outputs, seconds = self._timed(inputs, rows, deadline, prepared)
        return Run(outputs, seconds, rows)

    def _serve_few(self, items: list[Item]) -> None:
        """Answer the first who came in this turn here and now, and the next one after he has been told.

        Where there are more items than callers, one has sent several: the queue's lanes may run them side by side.
        """
        if len(items) <= self._few.callers():
            self._answer_here(items[0])
            items = [items[0], *(item for item in items[1:] if not self._few_turn.join(item))]
        for item in items:
            if not item.abandoned:
                self._queue_or_settle(item)

    def _answer_here(self, item: Item) -> None:
        if item.abandoned:
            return
        run, patience = partial(self._prepare_and_run, item), self._few.row_seconds(self._size.row_seconds())
        try:
            answer = self._run_inline(self._few.inline, run, item.deadline, patience)
        except Exception as error:
            item.settle(error)
        else:
            if answer is not None:
                item.settle(answer)

    def _prepare_and_run(self, item: Item, deadline: float) -> Run:
        began = self._clock()
        if (failure := item.prepare(began)) is not None:
            raise failure
        answer = self._run_feed(item.inputs, item.rows, deadline, self._clock() - began)
        self._few.record(self._clock() - began)
        return answer

    def _run_gathered(self, items: list[Item]) -> None:
        """Run them together, here and now; those that this does not answer go to the queue."""
        waiting = [item for item in items if not item.abandoned]
        for batch in batches(waiting, self._size.choose(len(waiting))):
            for item, outcome in self._run_together_inline(batch):
                item.settle(outcome)
            for item in batch:
                if not item.abandoned:
                    self._queue_or_settle(item)

    def _run_together_inline(self, batch: list[Item]) -> list[tuple[Item, Outcome]]:
        """The batch's outcomes; none where it has to be seen whose fault a failure is, or where the model is taken."""
        rows, deadline = sum(item.rows for item in batch), max(item.deadline for item in batch)
        try:
            joined = join_feeds([item.inputs for item in batch])
            run = self._run_inline(self._inline, partial(self._run_feed, joined, rows), deadline)
        except Exception:
            return []
        if run is None or not counts_rows(run.outputs, rows):
            return []
        return slice_run(batch, run.outputs, run.seconds)

    def _queue_or_settle(self, item: Item) -> None:
        try:
            self._queue(item)
        except RunnerError as refused:
            item.settle(refused)

    def _queue(self, item: Item) -> None:
        self._append(item)
        # The item may stand behind a long run of somebody who has more time.
        timer = item.future.get_loop().call_later(item.deadline - self._clock(), item.settle, expired())
        item.future.add_done_callback(lambda _: timer.cancel())

    def _append(self, item: Item) -> None:
        with self._changed:
            if self._refusal is not None:
                raise self._refusal()
            if not self._waiting.append(item):
                raise Overloaded("Too many requests wait for this model.", retry_after=self._retry_after())
            self._call_lane()

    def _retry_after(self) -> int:
        seconds = len(self._waiting) * self._size.row_seconds()
        return max(1, math.ceil(seconds)) if seconds < math.inf else 1

    def _begin_alone(self, patience: float = 0.0) -> bool:
        with self._lock:
            if patience and self._runs and not self._waiting:
                self._free.wait_for(lambda: not self._runs, patience)
            alone = not self._waiting and not self._runs
            self._runs += alone
            return alone

    def _end_alone(self) -> None:
        with self._lock:
            self._end_run()
            if self._waiting:
                self._changed.notify_all()

    # In the batcher's own threads.

    def _work(self) -> None:
        try:
            while (taken := self._begin_next()) is not None:
                try:
                    outcomes = [outcome for batch in taken for outcome in self._run_batch(batch)]
                finally:
                    with self._changed:
                        self._end_run()
                        if not self._runs:
                            self._rush.end()
                # After the run has ended: a caller that comes again at once finds the model free.
                deliver(outcomes)
                self._running.difference_update(chain(*taken))
        except BaseException:
            logger.exception("a thread of a model has died")
            with self._changed:
                self._refusal = self._refusal or _died
                self._fail_all(self._refusal)
        finally:
            with self._changed:
                self._changed.notify_all()

    def _begin_next(self) -> list[list[Item]] | None:
        """Sleep until something waits and may be run, and take it, a list a run; None once closed and drained."""
        with self._changed:
            while not (self._waiting and self._may_run()):
                if self._refusal is not None and not self._waiting:
                    return None
                self._changed.wait()
            taken = self._take()
            self._running.update(chain(*taken))
            self._runs += 1
            if self._waiting:
                self._call_lane()
            return taken

    def _take(self) -> list[list[Item]]:
        waiting = len(self._waiting)
        rush = self._rush.begin(self._size.row_seconds(), waiting)
        at_once, in_a_run = self._size.stint(waiting if self._batchable else 1, rush=rush)
        if at_once > in_a_run and self._spare():  # the other cores' share is theirs
            at_once = max(in_a_run, min(at_once, waiting // self._lanes))
        taken = self._waiting.take(at_once)
        self._rush.took(sum(item.rows for item in taken))
        return batches(taken, in_a_run if self._batchable else 1)

    def _run_batch(self, taken: list[Item]) -> list[tuple[Item, Outcome]]:
        began = self._clock()
        batch = [item for item in taken if not item.abandoned]  # since it was taken, others have run
        failures = {item: failure for item in batch if (failure := item.prepare(self._clock())) is not None}
        ready, prepared = [item for item in batch if item not in failures], self._clock() - began
        if len(ready) > 1:
            return [*failures.items(), *self._run_together(ready, prepared)]
        return [*failures.items(), *((item, self._run_alone(item, prepared)) for item in ready)]

    def _run_together(self, batch: list[Item], prepared: float) -> list[tuple[Item, Outcome]]:
        rows = sum(item.rows for item in batch)
        try:
            joined = join_feeds([item.inputs for item in batch])
            outputs, seconds = self._timed(joined, rows, max(item.deadline for item in batch), prepared)
        except Exception:
            return self._run_apart(batch, prepared)
        if counts_rows(outputs, rows):
            return slice_run(batch, outputs, seconds)
        logger.warning("a model's answer cannot be sliced by row: its requests run one at a time from now on")
        self._batchable = False
        return self._run_apart(batch, prepared)

    def _run_apart(self, batch: list[Item], prepared: float) -> list[tuple[Item, Outcome]]:
        """Run each item alone and tell it at once; nothing is left to deliver."""
        for item in batch:
            deliver([(item, self._run_alone(item, prepared / len(batch)))])
        return []

    def _run_alone(self, item: Item, prepared: float) -> Outcome:
        if item.deadline <= self._clock():
            return expired()
        try:
            return self._run_feed(item.inputs, item.rows, item.deadline, prepared)
        except Exception as error:
            return error

    # In either, with the lock.

    def _end_run(self) -> None:
        self._runs -= 1
        if not self._runs:
            self._free.notify_all()

    def _may_run(self) -> bool:
        return not self._runs or self._spare()

    def _call_lane(self) -> None:
        """Have what waits run, where it may: by a thread that sleeps, else by a new one."""
        if not self._may_run():
            return
        if self._runs < len(self._threads):
            self._changed.notify()
        elif self._runs < self._lanes:
            self._open_lane()

    def _open_lane(self) -> None:
        thread = threading.Thread(target=self._work, name="lens-batcher", daemon=True)
        self._threads.append(thread)
        thread.start()

    # In either.

    def _timed(self, inputs: Feed, rows: int, deadline: float, prepared: float = 0.0) -> tuple[Answer, float]:
        """The model's outputs and its seconds; a row's cost has the ``prepared`` seconds as well.

        Pictures that are decoded one after the other, and run together after that, cost less than their runs show.
        """
        started = self._clock()
        outputs = self._model(inputs, deadline=deadline)
        seconds = self._clock() - started
        self._size.record(rows, prepared + seconds)
        if self._on_batch is not None:
            try:
                self._on_batch(rows, seconds)
            except Exception:
                logger.exception("an observer of batches failed")
        return outputs, seconds

    def _fail_all(self, refusal: Callable[[], RunnerError]) -> None:
        deliver([(item, refusal()) for item in (*self._running, *self._waiting.take_all())])


def _unloaded() -> ModelNotLoaded:
    return ModelNotLoaded("This model version is no longer loaded.")


def _died() -> RunnerError:
    return RunnerError("The thread that runs this model has died.")
