"""FastAPI and ONNX Runtime: what one would write by hand.

``in_line`` runs the picture's model on the event loop, ``pooled`` in FastAPI's thread pool as its documentation advises
for blocking calls; which is better depends on the load, so both are measured.  uvicorn serves them with uvloop and
httptools, without access log.
"""

from __future__ import annotations

from benchmarks.peers.classifier import Iris, PictureClassifier
from benchmarks.peers.fastapi_routes import Features, Prediction, application

iris = Iris()
pictures = PictureClassifier()


async def predict(body: Features) -> Prediction:
    """Run the iris model."""
    return Prediction(model_id=body.model_id, prediction=iris.predict(body.features))


in_line = application(pictures.classify, pooled=False)
pooled = application(pictures.classify, pooled=True)
for app in (in_line, pooled):
    app.post("/predict")(predict)
