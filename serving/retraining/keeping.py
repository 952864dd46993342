"""A predictor that keeps the pictures it classifies, so that feedback on its answers can be learned from."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

from serving.inputs.pictures import BytesPicture
from serving.observability.request_context import RequestContext
from serving.predictor import Options, Picture, Predictor
from serving.retraining.pictures import KeptPictures

MAX_WAITING = 32
"""Pictures that may wait to be written; what comes while the disk is that slow is not kept."""

_log = logging.getLogger(__name__)


class KeepingPredictor(Predictor):
    """Keeps what it classified, after the answer and off the event loop."""

    def __init__(self, *parts: Any, pictures: KeptPictures) -> None:
        """``parts`` are the predictor's own."""
        super().__init__(*parts)
        self._pictures = pictures
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="lens-pictures")
        self._places = BoundedSemaphore(MAX_WAITING)

    async def classify(self, picture: Picture, options: Options, context: RequestContext) -> dict[str, Any]:
        """See ``Predictor.classify``."""
        seen = _Seen(picture)
        answer = await super().classify(seen, options, context)
        data = seen.data or (await picture.read() if isinstance(picture, BytesPicture) else None)
        if data is not None and self._places.acquire(blocking=False):
            self._writer.submit(self._keep, await picture.digest(), data)
        return answer

    def _keep(self, digest: str, data: bytes) -> None:
        try:
            if not self._pictures.has(digest):
                self._pictures.keep(digest, data)
        except OSError as error:  # nobody's prediction fails for it
            _log.warning("a picture was not kept: %s", error.strerror)
        finally:
            self._places.release()

    def close(self) -> None:
        """Write what waits; blocks."""
        self._writer.shutdown()


class _Seen:
    """A picture that remembers whether it was read; one that was not, a URL answered from the cache, is not kept."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.data: bytes | None = None

    async def digest(self) -> str:
        return await self._picture.digest()

    async def read(self) -> bytes:
        self.data = await self._picture.read()
        return self.data
