"""structlog set-up shared by the web process, the workers and the commands."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

_SIGNATURE = re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+")


def cut_signatures(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Presigned URLs are passwords for a while: their signatures never reach a log."""
    for key, value in event.items():
        if isinstance(value, str) and "X-Amz-" in value:
            event[key] = _SIGNATURE.sub(r"\1***", value)
    return event


PRE_CHAIN: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
RENDER: list[Processor] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    structlog.processors.format_exc_info,
    cut_signatures,
    structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "logger", "event"]),
]


def configure() -> None:
    structlog.configure(
        processors=[
            *PRE_CHAIN,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
