"""What the server reads from its environment, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class SettingsError(Exception):
    """A setting is missing or unusable; the message is one sentence for the person who starts the server."""


@dataclass(frozen=True)
class Settings:
    """Access data and names; the secret stays out of `repr`."""

    access_key: str
    secret_key: str = field(repr=False)
    buckets: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ("*",)


def names(value: str) -> tuple[str, ...]:
    """The non-empty parts of a comma-separated list."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Settings from OBJECTSTORE_* variables. Raises SettingsError when the access data is missing."""
    access_key = environment.get("OBJECTSTORE_ACCESS_KEY", "")
    secret_key = environment.get("OBJECTSTORE_SECRET_KEY", "")
    if not access_key or not secret_key:
        raise SettingsError("Set OBJECTSTORE_ACCESS_KEY and OBJECTSTORE_SECRET_KEY; the store serves nobody without.")
    return Settings(
        access_key=access_key,
        secret_key=secret_key,
        buckets=names(environment.get("OBJECTSTORE_BUCKET", "framesift")),
        cors_origins=names(environment.get("OBJECTSTORE_CORS_ORIGINS", "*")),
    )
