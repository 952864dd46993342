"""Every setting as a row: name, type, default, help.

``load_settings()`` reads them once; nothing else in the project looks at the environment.
Precedence: ``LENS_*`` variables, then the older names, then the same in a ``.env`` file, then the default.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Network = IPv4Network | IPv6Network


def _names(name: str, *older: str) -> Any:
    return AliasChoices(f"LENS_{name}", *older)


def cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """All settings of one Lens process; frozen once read."""

    # Not populate_by_name: a shell's HOME and HOST would then be settings too.
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(Path(".lens"), alias="LENS_HOME", description="Folder of all state.")
    port: int = Field(3000, validation_alias=_names("PORT", "PORT"), ge=0, le=65535, description="Port to serve on.")
    grpc_port: int = Field(
        0,
        alias="LENS_GRPC_PORT",
        ge=0,
        le=65535,
        description="Port of the inference protocol over gRPC (requirements-grpc.txt); 0 is off.",
    )
    host: str = Field("127.0.0.1", alias="LENS_HOST", description="Address to bind; 0.0.0.0 opens it to the network.")
    workers: int = Field(
        default_factory=cores, alias="LENS_WORKERS", ge=1, description="API worker processes; default: CPU cores."
    )
    threads: int = Field(
        1,
        validation_alias=_names("NUM_THREADS", "NUM_THREADS"),
        ge=1,
        description="ONNX Runtime threads of one session.",
    )
    wide_mb: float = Field(
        256,
        alias="LENS_WIDE_MB",
        ge=0,
        description="Models that a worker loads a second time, on all cores for when nothing else is under way, "
        "MiB of files; 0 turns it off.",
    )
    runner: Literal["worker", "service"] = Field(
        "worker", alias="LENS_RUNNER", description="Where models run: in each API worker, or in a service of their own."
    )
    providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("CPUExecutionProvider",), alias="LENS_PROVIDERS", description="ONNX Runtime providers, best first."
    )
    database_url: SecretStr | None = Field(
        None, alias="LENS_DATABASE_URL", description="SQLAlchemy URL of the registry; default: SQLite in LENS_HOME."
    )
    model_path: Path | None = Field(
        None, validation_alias=_names("MODEL_PATH", "MODEL_PATH"), description="ONNX file to seed and serve."
    )
    labels_path: Path | None = Field(
        None, validation_alias=_names("LABELS_PATH", "LABELS_PATH"), description="Its labels."
    )
    top_k: int = Field(3, validation_alias=_names("TOP_K", "TOP_K"), ge=1, description="Predictions listed by default.")
    threshold: float | None = Field(
        None,
        alias="LENS_THRESHOLD",
        ge=0,
        le=1,
        description='Confidence below which class_label is "unknown", for models without a threshold of their own.',
    )
    log_level: str = Field("INFO", validation_alias=_names("LOG_LEVEL", "LOG_LEVEL"), description="Log level.")
    max_body_mb: float = Field(32, alias="LENS_MAX_BODY_MB", gt=0, description="Largest body of a prediction, MiB.")
    max_upload_mb: float = Field(1024, alias="LENS_MAX_UPLOAD_MB", gt=0, description="Largest upload of a model, MiB.")
    deadline_s: float = Field(30, alias="LENS_DEADLINE_S", gt=0, description="Deadline of a prediction, seconds.")
    upload_deadline_s: float = Field(
        600, alias="LENS_UPLOAD_DEADLINE_S", gt=0, description="Deadline of an upload, seconds."
    )
    keep_alive_s: float = Field(
        75,
        alias="LENS_KEEP_ALIVE_S",
        gt=0,
        description="Time a connection may be idle: longer than clients and proxies keep theirs.",
    )
    drain_s: float = Field(15, alias="LENS_DRAIN_S", ge=0, description="Time in-flight requests get after SIGTERM.")
    max_queue: int = Field(256, alias="LENS_MAX_QUEUE", ge=64, description="Items that may wait for one model.")
    max_batch: int = Field(8, alias="LENS_MAX_BATCH", ge=1, description="Largest batch that is run at once.")
    max_loaded: int = Field(
        8, alias="LENS_MAX_LOADED", ge=1, description="Versions kept loaded beside the live ones, per worker."
    )
    models_mb: float | None = Field(
        None,
        alias="LENS_MODELS_MB",
        gt=0,
        description="Memory for loaded models, per worker, MiB; half of the machine's, shared, where not set. The "
        "least recently used leave when another needs the room.",
    )
    pinned: Annotated[tuple[str, ...], NoDecode] = Field(
        (), alias="LENS_PINNED", description="Ids that are loaded at the start and stay, beside the default; * for all."
    )
    max_megapixels: float = Field(50, alias="LENS_MAX_MEGAPIXELS", gt=0, description="Largest picture decoded.")
    proof_s: float = Field(18, alias="LENS_PROOF_S", gt=0, description="Time an uploaded model has to prove itself.")
    proof_memory_mb: int = Field(
        4096, alias="LENS_PROOF_MEMORY_MB", ge=256, description="Memory it may use for that, MiB."
    )
    optimize_s: float = Field(
        120, alias="LENS_OPTIMIZE_S", gt=0, description="Time that optimize=auto has to try other modes of execution."
    )
    optimize_agreement: float = Field(
        0.99, alias="LENS_OPTIMIZE_AGREEMENT", ge=0, le=1, description="Top-1 agreement with fp32 that a mode needs."
    )
    optimize_speedup: float = Field(
        1.1, alias="LENS_OPTIMIZE_SPEEDUP", gt=0, description="How many times as fast as fp32 a mode has to be."
    )
    fetch_allow: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), alias="LENS_FETCH_ALLOW", description="Networks that URL fetching may reach although not global."
    )
    fetch_timeout_s: float = Field(4.5, alias="LENS_FETCH_TIMEOUT_S", gt=0, description="One URL fetch, all in all.")
    fetch_ttl_s: float = Field(
        60, alias="LENS_FETCH_TTL_S", ge=0, description="How long a URL counts as seen where it states no max-age."
    )
    cache_mb: float = Field(64, alias="LENS_CACHE_MB", ge=0, description="Prediction cache, MiB; 0 turns it off.")
    cache_ttl_s: float = Field(3600, alias="LENS_CACHE_TTL_S", gt=0, description="Age at which a cached answer ends.")
    shadow_copies: int = Field(
        4,
        alias="LENS_SHADOW_COPIES",
        ge=0,
        description="Copies of requests for a shadow that a worker runs at a time; those beyond are dropped.",
    )
    record_rows: int = Field(
        1_000_000,
        alias="LENS_RECORD_ROWS",
        ge=0,
        description="Predictions kept on record for feedback and quality; 0 records none.",
    )
    record_days: float = Field(30, alias="LENS_RECORD_DAYS", gt=0, description="How long they are kept, days.")
    keep_pictures_mb: float = Field(
        0,
        alias="LENS_KEEP_PICTURES_MB",
        ge=0,
        description="Pictures kept for learning from feedback, MiB; the oldest go; 0 keeps none.",
    )
    retrain_s: float = Field(7200, alias="LENS_RETRAIN_S", gt=0, description="Time that one retraining may take.")
    retrain_memory_mb: int = Field(
        4096, alias="LENS_RETRAIN_MEMORY_MB", ge=256, description="Memory that it may use, MiB."
    )
    retrain_threads: int = Field(
        default_factory=cores,
        alias="LENS_RETRAIN_THREADS",
        ge=1,
        description="Threads that it may use; they run only while nothing else wants the CPU. Default: CPU cores.",
    )
    api_keys: SecretStr | None = Field(
        None, alias="LENS_API_KEYS", description="Comma-separated: key or key:scope+scope (predict, manage, admin)."
    )
    api_keys_file: Path | None = Field(None, alias="LENS_API_KEYS_FILE", description="The same, one a line.")
    require_key: bool = Field(False, alias="LENS_REQUIRE_KEY", description="Predicting needs a key too.")
    rate_limit: float = Field(
        0, alias="LENS_RATE_LIMIT", ge=0, description="Requests a second for one caller; 0 is no limit."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        alias="LENS_TRUSTED_PROXIES",
        description="Addresses of the reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), alias="LENS_CORS_ORIGINS", description="Origins whose pages may call, comma-separated; * for all."
    )

    @field_validator("fetch_allow", "trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part, strict=False) for part in _parts(value))
        return value

    @field_validator("providers", "cors_origins", "pinned", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return _parts(value) if isinstance(value, str) else value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        level = value.strip().upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        return level


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment and ``.env``; ``overrides`` (by field name) win.

    Raises:
        pydantic.ValidationError: naming each setting whose value is not allowed.
    """
    return Settings(**{_variable(name): value for name, value in overrides.items()})


def _variable(field: str) -> str:
    names = Settings.model_fields[field].validation_alias
    return str(names.choices[0] if isinstance(names, AliasChoices) else names)


def secret(value: SecretStr | None) -> str | None:
    """What a setting hides; None where it is not set."""
    return value.get_secret_value() if value is not None else None
