"""AWS Signature Version 4, in the Authorization header and in the query of a presigned URL.

Any region is accepted: the region is part of what is signed, and a single server has none of its own.
"""

import calendar
import hashlib
import hmac
import re
import time
from dataclasses import dataclass, field
from urllib.parse import quote

from objectstore.errors import S3Error
from objectstore.request import Request
from objectstore.settings import Settings

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
MAX_SKEW_S = 15 * 60
MAX_EXPIRES_S = 7 * 24 * 3600
AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
# Browsers' SDKs add it after signing, and the server never reads it.
UNSIGNED_HEADERS = {"x-amz-user-agent"}


@dataclass(frozen=True)
class Claim:
    """What a request says about who signed it, not believed yet."""

    access_key: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    payload_hash: str
    expires_s: int | None


@dataclass(frozen=True)
class Signed:
    """A request whose signature holds; the rest is what the signatures of its chunks are chained to."""

    payload_hash: str
    signature: str
    timestamp: str
    scope: str
    signing_key: bytes = field(repr=False)


def verify(request: Request, settings: Settings, *, now_s: float | None = None) -> Signed:
    """Check who sent this and that nothing was changed on the way. Raises S3Error (403 or 400) otherwise."""
    claim = read_claim(request)
    check_time(claim, time.time() if now_s is None else now_s)
    check_coverage(request, claim)
    if not hmac.compare_digest(claim.access_key.encode(), settings.access_key.encode()):
        raise S3Error("InvalidAccessKeyId", "The access key ID you provided does not exist in our records.")
    key = signing_key(settings.secret_key, claim.scope)
    expected = sign(key, string_to_sign(request, claim))
    if not hmac.compare_digest(expected, claim.signature):
        raise S3Error(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )
    return Signed(claim.payload_hash, claim.signature, claim.timestamp, claim.scope, key)


def read_claim(request: Request) -> Claim:
    """The claim in the header or in the query. Raises AccessDenied when there is none."""
    header = request.headers.get("authorization")
    presigned = request.param("X-Amz-Signature") is not None or request.param("X-Amz-Algorithm") is not None
    if header is not None and presigned:
        raise S3Error("InvalidArgument", "Only one auth mechanism allowed.")
    if presigned:
        return presigned_claim(request)
    if header is None:
        raise S3Error("AccessDenied", "Access Denied")
    return header_claim(request, header)


def header_claim(request: Request, header: str) -> Claim:
    match = AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        if not header.startswith(ALGORITHM):
            raise S3Error("InvalidRequest", f"This authorization mechanism is not supported. Please use {ALGORITHM}.")
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed.")
    payload_hash = request.headers.get("x-amz-content-sha256")
    if payload_hash is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    access_key, scope = split_credential(match["credential"], "AuthorizationHeaderMalformed")
    return Claim(
        access_key=access_key,
        scope=scope,
        signed_headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
        timestamp=request.headers.get("x-amz-date", ""),
        payload_hash=payload_hash,
        expires_s=None,
    )


def presigned_claim(request: Request) -> Claim:
    code = "AuthorizationQueryParametersError"
    if request.param("X-Amz-Algorithm") != ALGORITHM:
        raise S3Error(code, f'X-Amz-Algorithm only supports "{ALGORITHM}".')
    access_key, scope = split_credential(request.param("X-Amz-Credential") or "", code)
    expires = request.param("X-Amz-Expires") or ""
    if not re.fullmatch(r"[0-9]{1,9}", expires) or not 1 <= int(expires) <= MAX_EXPIRES_S:
        raise S3Error(code, f"X-Amz-Expires must be a whole number of seconds from 1 to {MAX_EXPIRES_S} (7 days).")
    return Claim(
        access_key=access_key,
        scope=scope,
        signed_headers=tuple((request.param("X-Amz-SignedHeaders") or "").split(";")),
        signature=request.param("X-Amz-Signature") or "",
        timestamp=request.param("X-Amz-Date") or "",
        payload_hash=request.headers.get("x-amz-content-sha256", request.param("X-Amz-Content-Sha256") or UNSIGNED),
        expires_s=int(expires),
    )


def split_credential(credential: str, code: str) -> tuple[str, str]:
    """Access key and scope (date/region/s3/aws4_request) of a credential."""
    access_key, _, scope = credential.partition("/")
    if not re.fullmatch(r"[0-9]{8}/[^/]+/s3/aws4_request", scope):
        raise S3Error(code, "The credential must read ACCESS_KEY/YYYYMMDD/REGION/s3/aws4_request.")
    return access_key, scope


def check_time(claim: Claim, now_s: float) -> None:
    """Raises RequestTimeTooSkewed for a wrong clock, AccessDenied for a presigned URL outside its time."""
    try:
        signed_s = calendar.timegm(time.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ"))
    except ValueError as error:
        raise S3Error("AccessDenied", "X-Amz-Date must be given as YYYYMMDDTHHMMSSZ.") from error
    if claim.timestamp[:8] != claim.scope[:8]:
        raise S3Error("SignatureDoesNotMatch", "The date of the credential is not the date of the request.")
    if claim.expires_s is None:
        if abs(now_s - signed_s) > MAX_SKEW_S:
            raise S3Error(
                "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
            )
    elif now_s > signed_s + claim.expires_s:
        raise S3Error("AccessDenied", "Request has expired")
    elif signed_s > now_s + MAX_SKEW_S:
        raise S3Error("AccessDenied", "Request is not valid yet")


def check_coverage(request: Request, claim: Claim) -> None:
    """Every header that changes what is done must be signed: else whoever holds a URL could add x-amz-copy-source."""
    signed = set(claim.signed_headers)
    unsigned = {name for name in request.headers if name.startswith("x-amz-")} - signed - UNSIGNED_HEADERS
    if "host" not in signed or unsigned:
        raise S3Error("AccessDenied", "There were headers present in the request which were not signed")
    if missing := [name for name in claim.signed_headers if name not in request.headers]:
        raise S3Error("SignatureDoesNotMatch", f"A signed header is missing from the request: {missing[0][:80]}")


def canonical_request(request: Request, claim: Claim) -> str:
    """The text that both sides hash; S3 encodes the path once and never normalises it."""
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in request.query
        if name != "X-Amz-Signature"
    )
    headers = [f"{name}:{' '.join(request.headers[name].split())}\n" for name in claim.signed_headers]
    lines = [
        request.method,
        quote(request.path, safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in query),
        "".join(headers),
        ";".join(claim.signed_headers),
        claim.payload_hash,
    ]
    return "\n".join(lines)


def string_to_sign(request: Request, claim: Claim) -> str:
    # Header values came as latin-1, so this gives back the very bytes that were on the wire.
    digest = hashlib.sha256(canonical_request(request, claim).encode("latin-1", "replace")).hexdigest()
    return "\n".join([ALGORITHM, claim.timestamp, claim.scope, digest])


def signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, message: str) -> str:
    return hmac.digest(key, message.encode("latin-1", "replace"), "sha256").hex()
