"""What one client was told of its model, and so what has to be there whatever was killed.

A client is the only one who changes its id, so what was acknowledged gives the state of that id exactly.  The one
change that was under way when a process died may have been made or not, but only as a whole.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

MOST_VERSIONS = 6
"""Of one id: each is loaded and asked after every kill."""
SURE, THERE, ABSENT, BROKEN = "nothing in doubt", "wholly there", "wholly absent", "neither"
STORED = "stored, not yet live"
"""The fate of an upload that was killed between its two promises: the version is whole, and not live."""


@dataclass(frozen=True)
class Register:
    """Upload a version that answers ``token``; as the default by ``/upload``, which also makes it live."""

    version: str
    token: int
    activate: bool = False
    default: bool = False


@dataclass(frozen=True)
class Activate:
    """Make a version live."""

    version: str


@dataclass(frozen=True)
class RollBack:
    """Make live what was live before."""


@dataclass(frozen=True)
class Delete:
    """Remove a version that nothing names."""

    version: str


@dataclass(frozen=True)
class Name:
    """Let an alias mean a version, or nothing where that is None."""

    alias: str
    version: str | None


Operation = Register | Activate | RollBack | Delete | Name


@dataclass(frozen=True)
class Shelf:
    """One id: the token of each version, which is live, what was live before it, and the aliases."""

    tokens: Mapping[str, int] = field(default_factory=dict)
    live: str | None = None
    past: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def before(self) -> str | None:
        """Where a roll-back leads; None where there is nothing to go back to."""
        earlier = (each for each in reversed(self.past[:-1]) if each != self.past[-1] and each in self.tokens)
        return next(earlier, None)

    @property
    def spare(self) -> list[str]:
        """The versions that may be deleted."""
        return [version for version in self.tokens if version != self.live and version not in self.aliases.values()]


@dataclass(frozen=True)
class Seen:
    """One id as the service shows it: what each listed version answers, which is live, and the aliases.

    ``tokens`` has None for a version that does not answer.
    """

    tokens: Mapping[str, int | None] = field(default_factory=dict)
    live: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """``fate`` is what became of the change in doubt, ``losses`` what is wrong, ``shelf`` what is there now."""

    shelf: Shelf
    fate: str
    losses: tuple[str, ...] = ()


def after(shelf: Shelf, operation: Operation) -> Shelf:
    """The shelf once ``operation`` has been made."""
    match operation:
        case Register(version, token):
            stored = replace(shelf, tokens={**shelf.tokens, version: token})
            goes_live = operation.activate or operation.default or shelf.live is None
            return _with_live(stored, version) if goes_live else stored
        case Activate(version):
            return _with_live(shelf, version)
        case RollBack():
            assert shelf.before is not None
            kept = len(shelf.past) - shelf.past[::-1].index(shelf.before)
            return replace(shelf, live=shelf.before, past=shelf.past[:kept])
        case Delete(version):
            return replace(shelf, tokens={each: token for each, token in shelf.tokens.items() if each != version})
        case Name(alias, version):
            rest = {each: meant for each, meant in shelf.aliases.items() if each != alias}
            return replace(shelf, aliases=rest if version is None else {**rest, alias: version})


def judge(shelf: Shelf, in_doubt: Operation | None, seen: Seen) -> Verdict:
    """Compare what has to be there with what is."""
    for fate, possible in _possible(shelf, in_doubt):
        if _shows(possible, seen):
            return Verdict(possible, fate)
    losses, nearest = min(
        ((tuple(_differences(possible, seen)), possible) for _, possible in _possible(shelf, in_doubt)),
        key=lambda each: len(each[0]),
    )
    return Verdict(_as_seen(nearest, seen), BROKEN, losses)


def choose(shelf: Shelf, number: int, token: int, chance: random.Random) -> Operation:
    """A change that is allowed on this shelf; ``number`` is of the version that it makes, if it makes one."""
    version = f"v{number}"
    register = Register(version, token, activate=chance.random() < 0.5, default=chance.random() < 0.4)
    if len(shelf.tokens) < 2:
        return register
    choices: list[Operation] = [Activate(chance.choice(list(shelf.tokens))), _naming(shelf, chance)]
    if len(shelf.tokens) < MOST_VERSIONS:
        choices.append(register)
    if shelf.before is not None:
        choices.append(RollBack())
    if shelf.spare:
        choices.append(Delete(chance.choice(shelf.spare)))
    return chance.choice(choices)


@dataclass(frozen=True)
class Move:
    """A change of the default to ``id``, between two moments; ``ended`` is infinite where nobody was told its end."""

    id: str
    began: float
    ended: float


def possible_defaults(moves: Iterable[Move]) -> set[str]:
    """The ids that may answer by default: of every move that no acknowledged one followed."""
    moves = list(moves)
    last_begin = max((move.began for move in moves if move.ended != float("inf")), default=float("-inf"))
    return {move.id for move in moves if move.ended >= last_begin}


def _with_live(shelf: Shelf, version: str) -> Shelf:
    past = shelf.past if shelf.past[-1:] == (version,) else (*shelf.past, version)
    return replace(shelf, live=version, past=past)


def _possible(shelf: Shelf, in_doubt: Operation | None) -> Iterator[tuple[str, Shelf]]:
    if in_doubt is None:
        yield SURE, shelf
        return
    done = after(shelf, in_doubt)
    yield THERE, done
    if done.live != shelf.live and done.tokens != shelf.tokens:
        yield STORED, replace(shelf, tokens=done.tokens)
    yield ABSENT, shelf


def _shows(shelf: Shelf, seen: Seen) -> bool:
    return (dict(shelf.tokens), shelf.live, dict(shelf.aliases)) == (
        dict(seen.tokens),
        seen.live,
        dict(seen.aliases),
    )


def _differences(shelf: Shelf, seen: Seen) -> Iterator[str]:
    for version, token in shelf.tokens.items():
        if version not in seen.tokens:
            yield f"{version} was acknowledged and is gone"
        elif seen.tokens[version] != token:
            yield f"{version} answers {seen.tokens[version]} and not {token}"
    yield from (f"{version} is listed and nobody stored it" for version in seen.tokens if version not in shelf.tokens)
    if shelf.live != seen.live:
        yield f"{seen.live} is live and not {shelf.live}"
    if dict(shelf.aliases) != dict(seen.aliases):
        yield f"the aliases are {dict(seen.aliases)} and not {dict(shelf.aliases)}"


def _as_seen(shelf: Shelf, seen: Seen) -> Shelf:
    """What to go on from after a loss, so that it is told once."""
    tokens = {version: token for version, token in seen.tokens.items() if token is not None}
    past = (*shelf.past, seen.live) if seen.live and shelf.live != seen.live else shelf.past
    return Shelf(tokens, seen.live, past, dict(seen.aliases))


def _naming(shelf: Shelf, chance: random.Random) -> Name:
    alias = chance.choice(["champion", "challenger"])
    taken_away = alias in shelf.aliases and chance.random() < 0.3
    return Name(alias, None if taken_away else chance.choice(list(shelf.tokens)))
