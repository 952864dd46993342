"""Two services on one database and store: versions that both make at once, and one that dies beside the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.calls import Done, Reply, ask, token_of
from chaos.findings import Findings
from chaos.look import Silent, look, store_losses
from chaos.models import token_model
from chaos.plan import Plan
from chaos.service import Service, Unwell, running

TITLE = "Two services, one store"
UPLOADS = 8
_ID = "shared"


def beat(plan: Plan, folder: Path) -> Findings:
    """Eight uploads of one name at once over both, activations heard on the other, and a kill of one."""
    home = folder / "lens"
    losses: list[str] = []
    try:
        with running(home, folder / "a", workers=1) as here, running(home, folder / "b", workers=1) as there:
            losses += _uploads_at_once(here, there)
            losses += _changes_heard(here, there)
            losses += _one_dies(here, there)
            losses += store_losses(home, swept=True)
    except (Unwell, Silent) as error:
        losses.append(str(error))
    body = (
        f"{UPLOADS} uploads of one name without a version, half of them to each service at the same time: each made a "
        f"version of its own, numbered 1 to {UPLOADS}, and both services answer with all of them. "
        "Then each activation by one service is what the other's next request meets, and one of the two is killed "
        "amid uploads while the other goes on."
    )
    return Findings(TITLE, body if not losses else "See the losses.", tuple(losses))


def _uploads_at_once(here: Service, there: Service) -> list[str]:
    urls = [here.url, there.url] * (UPLOADS // 2)
    tokens = range(1, UPLOADS + 1)
    with ThreadPoolExecutor(UPLOADS) as pool:
        replies = list(pool.map(_upload, urls, tokens))
    made = _made(replies, tokens)
    losses = [f"an upload beside seven others: {reply}" for reply in replies if not _ok(reply)]
    if set(made) != {f"v{number}" for number in tokens}:
        losses.append(f"{UPLOADS} uploads at once made {sorted(made)}")
    for service in (here, there):
        seen = look(service.url, _ID).ids[_ID].tokens
        losses += [] if seen == made else [f"the versions answer {seen} and not {made}"]
    return losses


def _changes_heard(here: Service, there: Service) -> list[str]:
    losses = []
    for number in range(1, UPLOADS + 1):
        first, second = (here, there) if number % 2 else (there, here)
        version = f"v{number}"
        reply = ask("POST", f"{first.url}/models/activate", json={"id": _ID, "version": version})
        wanted, answered = token_of(first.url, f"{_ID}@{version}"), token_of(second.url, _ID)
        if not isinstance(reply, Done) or answered != wanted:
            losses.append(f"activated {version} ({reply}), and the other service answers {answered}, not {wanted}")
    return losses


def _one_dies(here: Service, there: Service) -> list[str]:
    """Kill one service while both take uploads; what was acknowledged by either has to be there."""
    urls, tokens = [here.url, there.url] * 2, range(100, 104)
    with ThreadPoolExecutor(len(tokens)) as pool:
        replies = [pool.submit(_upload, url, token) for url, token in zip(urls, tokens, strict=True)]
        there.kill()
        ended = [reply.result() for reply in replies]
    there.launch()
    there.wait_until_ready()
    seen = look(there.url, _ID).ids[_ID].tokens
    made = _made(ended, tokens)
    losses = [f"{version} was acknowledged and is gone" for version in made if seen.get(version) != made[version]]
    losses += [f"{version} does not answer" for version, token in seen.items() if token is None]
    return losses + [f"the other service died, and this one: {reply}" for reply in ended[::2] if not _ok(reply)]


def _upload(url: str, token: int) -> Reply:
    return ask("POST", f"{url}/upload", data={"name": _ID}, files={"model": ("m.onnx", token_model(token))})


def _made(replies: Sequence[Reply], tokens: Iterable[int]) -> dict[str, int]:
    """The versions that were acknowledged, with what each answers."""
    both = zip(replies, tokens, strict=True)
    return {reply.body["model"]["version"]: token for reply, token in both if isinstance(reply, Done)}


def _ok(reply: Reply) -> bool:
    return isinstance(reply, Done)
