"""Operations on buckets: listing, deleting many objects at once, and the buckets themselves."""

import base64
import binascii

from objectstore import markup
from objectstore.call import Call, timestamp
from objectstore.catalog import require_bucket
from objectstore.errors import S3Error
from objectstore.listing import Page, after_prefix, just_after, page
from objectstore.request import Response, xml_response

MAX_DELETE_BYTES = 8 << 20
MAX_DELETE_KEYS = 1000


def list_buckets(call: Call) -> Response:
    buckets = [
        markup.element("Bucket", [markup.text("Name", row["name"]), creation_date(row["created_s"])])
        for row in call.store.buckets()
    ]
    owner = markup.element("Owner", [markup.text("ID", "objectstore")])
    return xml_response(markup.document("ListAllMyBucketsResult", [owner, markup.element("Buckets", buckets)]))


def creation_date(seconds: float) -> str:
    return markup.text("CreationDate", timestamp(seconds))


def create_bucket(call: Call) -> Response:
    call.refuse_unsupported_headers()
    call.store.create_bucket(call.bucket)
    return Response(headers={"Location": f"/{call.bucket}"})


def head_bucket(call: Call) -> Response:
    call.store.require_bucket(call.bucket)
    return Response(headers={"x-amz-bucket-region": "us-east-1"})


def bucket_location(call: Call) -> Response:
    call.store.require_bucket(call.bucket)
    return xml_response(markup.document("LocationConstraint", []))


def list_objects_v2(call: Call) -> Response:
    token, start_after = call.request.param("continuation-token"), call.param("start-after")
    first = read_token(token) if token else (just_after(start_after) if start_after else "")
    found = find_page(call, first)
    encoding = call.encoding()
    children = [*listing_head(call, found), markup.text("KeyCount", len(found))]
    if token:
        children.append(markup.text("ContinuationToken", token))
    if start_after:
        children.append(markup.key_text("StartAfter", start_after, encoding))
    if found.next_key is not None:
        children.append(markup.text("NextContinuationToken", write_token(found.next_key)))
    return xml_response(markup.document("ListBucketResult", [*children, *listing_body(found, encoding)]))


def list_objects_v1(call: Call) -> Response:
    marker, delimiter = call.param("marker"), call.param("delimiter")
    first: str | None = just_after(marker) if marker else ""
    if delimiter and marker.endswith(delimiter):
        # The marker is the common prefix that ended the page before: go on behind everything in it.
        first = after_prefix(marker)
    found = find_page(call, first) if first is not None else Page()
    encoding = call.encoding()
    children = [*listing_head(call, found), markup.key_text("Marker", marker, encoding)]
    if found.next_key is not None:
        last = max([row["key"] for row in found.objects[-1:]] + found.prefixes[-1:])
        children.append(markup.key_text("NextMarker", last, encoding))
    return xml_response(markup.document("ListBucketResult", [*children, *listing_body(found, encoding)]))


def find_page(call: Call, first: str) -> Page:
    with call.store.catalog.read() as db:
        require_bucket(db, call.bucket)
        return page(
            db,
            call.bucket,
            prefix=call.param("prefix"),
            delimiter=call.param("delimiter"),
            first=first,
            limit=call.limit("max-keys"),
        )


def listing_head(call: Call, found: Page) -> list[str]:
    encoding = call.encoding()
    children = [
        markup.text("Name", call.bucket),
        markup.key_text("Prefix", call.param("prefix"), encoding),
        markup.text("MaxKeys", call.limit("max-keys")),
        markup.text("IsTruncated", str(found.next_key is not None).lower()),
    ]
    if delimiter := call.param("delimiter"):
        children.append(markup.key_text("Delimiter", delimiter, encoding))
    if encoding:
        children.append(markup.text("EncodingType", encoding))
    return children


def listing_body(found: Page, encoding: str | None) -> list[str]:
    children = []
    for row in found.objects:
        entry = [
            markup.key_text("Key", row["key"], encoding),
            markup.text("LastModified", timestamp(row["modified_s"])),
            markup.text("ETag", f'"{row["etag"]}"'),
            markup.text("Size", row["size_bytes"]),
            markup.text("StorageClass", "STANDARD"),
        ]
        children.append(markup.element("Contents", entry))
    for prefix in found.prefixes:
        children.append(markup.element("CommonPrefixes", [markup.key_text("Prefix", prefix, encoding)]))
    return children


def write_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def read_token(token: str) -> str:
    """Where the page starts. Raises InvalidArgument."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from error


def delete_objects(call: Call) -> Response:
    """Delete up to 1000 objects in one transaction."""
    tree = markup.parse(call.payload.read(MAX_DELETE_BYTES), "Delete")
    keys = [markup.child_text(node, "Key") for node in tree.findall("Object")]
    if not 1 <= len(keys) <= MAX_DELETE_KEYS:
        raise S3Error("MalformedXML", f"Name from 1 to {MAX_DELETE_KEYS} objects to delete.")
    call.store.delete(call.bucket, keys)
    quiet = (tree.findtext("Quiet") or "").strip().lower() == "true"
    deleted = [] if quiet else [markup.element("Deleted", [markup.text("Key", key)]) for key in keys]
    return xml_response(markup.document("DeleteResult", deleted))
