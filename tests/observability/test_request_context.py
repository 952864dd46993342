from __future__ import annotations

import gc
import weakref
from dataclasses import replace

from serving.observability.request_context import RequestContext


class Fact:
    """Something that a request holds."""


def test_what_is_left_for_afterwards_is_done_once_in_order() -> None:
    context = RequestContext("request-1")
    done: list[int] = []
    context.afterwards += [lambda: done.append(1), lambda: done.append(2)]

    context.finish()
    context.finish()

    assert done == [1, 2]


def test_the_request_does_what_its_parts_left() -> None:
    context = RequestContext("request-1")
    done: list[str] = []
    part = replace(context, request_id="request-1-1")
    part.afterwards.append(lambda: done.append(part.request_id))

    context.finish()

    assert done == ["request-1-1"]


def finished() -> weakref.ref[Fact]:
    """What a request held, whose work knew the request itself."""
    context, fact = RequestContext("request-1"), Fact()
    context.afterwards.append(lambda: vars(fact).update(of=context.request_id))
    context.finish()
    return weakref.ref(fact)


def test_a_request_that_is_over_is_gone_without_a_garbage_collection() -> None:
    gc.disable()
    try:
        assert finished()() is None
    finally:
        gc.enable()
