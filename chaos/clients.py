"""Callers who change their own model as fast as they can, and remember what they were told."""

from __future__ import annotations

import random
import time
from collections import Counter
from threading import Event

from chaos.book import Move, Operation, Register, Seen, Shelf, Verdict, after, choose, judge
from chaos.calls import Done, Lost, Refused, perform
from chaos.look import View
from chaos.models import token_digest

PREFIX = "beaten-"
_AFTER_REFUSAL_S = 0.1
_EXPECTED_AT_A_KILL = {"model_rejected", "invalid_model"}
"""What an upload is answered when the child that proves it is killed."""


class Client:
    """One caller and its id; ``work`` runs in a thread, everything else between its runs.

    Attributes:
        under_way: the change that it waits for now.
        in_doubt: the change that it got no answer to.
        moves: its changes of the default since they were last taken.
        acknowledged: how many changes of each kind were.
        refused: how many of each code were refused.
        losses: answers that must not be.
    """

    def __init__(self, number: int, seed: int) -> None:
        self.id = f"{PREFIX}{number}"
        self._chance = random.Random(f"{seed}-{number}")  # noqa: S311 - not for secrets
        self._tokens = number * 100_000
        self._made = 0
        self._shelf = Shelf()
        self.under_way: Operation | None = None
        self.in_doubt: Operation | None = None
        self.moves: list[Move] = []
        self.acknowledged: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.losses: list[str] = []

    def work(self, url: str, stop: Event) -> None:
        """Make one change after another until ``stop`` is set or an answer fails to come."""
        while not stop.is_set() and self.in_doubt is None:
            self._made += 1
            operation = choose(self._shelf, self._made, self._tokens + self._made, self._chance)
            self._make(url, operation, stop)
        self.under_way = None

    def compare(self, view: View) -> Verdict:
        """Hold what was acknowledged against what is there, and go on from that."""
        verdict = judge(self._shelf, self.in_doubt, view.ids.get(self.id, Seen()))
        self._shelf, self.in_doubt = verdict.shelf, None
        wrong = [
            f"{self.id}@{version} is listed with another digest"
            for version, token in verdict.shelf.tokens.items()
            if view.digests.get((self.id, version)) != token_digest(token)
        ]
        told, self.losses = self.losses, []
        losses = (*told, *(f"{self.id}: {each}" for each in verdict.losses), *wrong)
        return Verdict(verdict.shelf, verdict.fate, losses)

    def _make(self, url: str, operation: Operation, stop: Event) -> None:
        self.under_way = operation
        began = time.monotonic()
        reply = perform(url, self.id, operation)
        match reply:
            case Done():
                self._shelf = after(self._shelf, operation)
                self.acknowledged[kind(operation)] += 1
                self._note_move(operation, began, time.monotonic())
            case Refused():
                self._note_refusal(operation, reply)
                stop.wait(_AFTER_REFUSAL_S)
            case Lost():
                self.in_doubt = operation
                self._note_move(operation, began, float("inf"))

    def _note_refusal(self, operation: Operation, reply: Refused) -> None:
        self.refused[reply.code] += 1
        if not reply.is_for_later and reply.code not in _EXPECTED_AT_A_KILL:
            self.losses.append(f"{self.id}: {operation} was answered {reply.status} {reply.code}")

    def _note_move(self, operation: Operation, began: float, ended: float) -> None:
        if isinstance(operation, Register) and operation.default:
            self.moves.append(Move(self.id, began, ended))


def kind(operation: Operation) -> str:
    """The change in a word."""
    if isinstance(operation, Register):
        return "upload" if operation.default else "models/upload"
    return type(operation).__name__.lower()
