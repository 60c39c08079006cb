"""What the server says when it refuses: S3's own error codes, so that every S3 client understands them."""

import errno
import sqlite3

STATUS = {
    "AccessControlListNotSupported": 400,
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "BadDigest": 400,
    "BucketNotEmpty": 409,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "IncompleteBody": 400,
    "InsufficientStorage": 507,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidBucketName": 400,
    "InvalidDigest": 400,
    "InvalidPart": 400,
    "InvalidPartOrder": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "InvalidURI": 400,
    "KeyTooLongError": 400,
    "MalformedXML": 400,
    "MaxMessageLengthExceeded": 400,
    "MetadataTooLarge": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NotImplemented": 501,
    "NotModified": 304,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "XAmzContentSHA256Mismatch": 400,
}
DISK_FULL = "The disk of the object store is full; nothing was changed. Free some space and try again."


class S3Error(Exception):
    """A refusal with an S3 code; `headers` go out with it (ETag on 304, Content-Range on 416)."""

    def __init__(self, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.headers = headers or {}


def as_s3_error(error: Exception) -> S3Error:
    """The refusal that stands for any exception; what a client can't use stays in the log."""
    if isinstance(error, S3Error):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return S3Error("InsufficientStorage", DISK_FULL)
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
        return S3Error("InsufficientStorage", DISK_FULL)
    if isinstance(error, ConnectionError):
        return S3Error("IncompleteBody", "The connection ended before the request body did.")
    if isinstance(error, TimeoutError):
        return S3Error("RequestTimeout", "The request body stopped arriving before it was complete.")
    return S3Error("InternalError", "We encountered an internal error. Please try again.")
