from __future__ import annotations

import asyncio

from serving.api.frugal_transport import FrugalTransport, be_frugal


class Transport:
    """Remembers what was sent, and the calls that stop and start reading."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.reading: list[bool] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading.append(False)

    def resume_reading(self) -> None:
        self.reading.append(True)

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def joined() -> tuple[Transport, FrugalTransport]:
    transport = Transport()
    return transport, FrugalTransport(transport, asyncio.get_running_loop())  # type: ignore[arg-type]


async def next_turn() -> None:
    await asyncio.sleep(0)


async def test_head_and_body_leave_together() -> None:
    transport, writer = joined()

    writer.write(b"head")
    assert transport.sent == []
    writer.write(b"body")

    assert transport.sent == [b"headbody"]
    await next_turn()
    assert transport.sent == [b"headbody"]


async def test_a_head_whose_body_takes_its_time_does_not_wait_for_it() -> None:
    transport, writer = joined()

    writer.write(b"head")
    await next_turn()

    assert transport.sent == [b"head"]


async def test_a_body_without_bytes_sends_the_head() -> None:
    transport, writer = joined()

    writer.write(b"head")
    writer.write(b"")
    writer.write(b"")
    await next_turn()

    assert transport.sent == [b"head"]


async def test_closing_sends_what_is_held_first() -> None:
    transport, writer = joined()

    writer.write(b"head")
    writer.close()
    await next_turn()

    assert (transport.sent, transport.closed) == ([b"head"], True)


async def test_what_is_held_when_the_connection_is_lost_is_dropped() -> None:
    transport, writer = joined()

    writer.write(b"head")
    transport.close()
    await next_turn()

    assert transport.sent == []


async def test_reading_that_goes_on_in_the_same_turn_was_never_paused() -> None:
    transport, reader = joined()

    reader.pause_reading()
    reader.resume_reading()
    await next_turn()

    assert transport.reading == []


async def test_reading_that_does_not_go_on_is_paused_until_it_does() -> None:
    transport, reader = joined()

    reader.pause_reading()
    await next_turn()
    assert transport.reading == [False]
    reader.pause_reading()
    await next_turn()
    assert transport.reading == [False]
    reader.resume_reading()
    reader.resume_reading()

    assert transport.reading == [False, True]


async def test_the_last_word_of_a_turn_counts() -> None:
    transport, reader = joined()

    reader.pause_reading()
    reader.resume_reading()
    reader.pause_reading()
    await next_turn()

    assert transport.reading == [False]


async def test_a_connection_that_is_lost_is_not_paused() -> None:
    transport, reader = joined()

    reader.pause_reading()
    transport.close()
    await next_turn()

    assert transport.reading == []


async def test_a_protocol_meets_its_transport_through_it_and_everything_else_is_the_transports() -> None:
    transport, made = Transport(), []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    protocol = Protocol()
    be_frugal(protocol, asyncio.get_running_loop())
    protocol.connection_made(transport)  # type: ignore[arg-type]

    (seen,) = made
    assert isinstance(seen, FrugalTransport)
    assert seen.get_extra_info("peername") == "the peername"
