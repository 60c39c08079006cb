"""Operations on multipart uploads."""

import re
import xml.etree.ElementTree as ElementTree

from objectstore import markup, multipart
from objectstore.call import Call, timestamp
from objectstore.errors import S3Error
from objectstore.listing import after_prefix
from objectstore.multipart import UploadId
from objectstore.object_api import only_if_absent
from objectstore.request import Response, xml_response

MAX_COMPLETE_BYTES = 4 << 20


def upload_id(call: Call) -> UploadId:
    return UploadId(call.bucket, call.key, call.param("uploadId"))


def create_upload(call: Call) -> Response:
    call.refuse_unsupported_headers()
    upload = multipart.create(call.store, call.bucket, call.key, headers=call.stored_headers())
    children = [
        markup.text("Bucket", call.bucket),
        markup.text("Key", call.key),
        markup.text("UploadId", upload),
    ]
    return xml_response(markup.document("InitiateMultipartUploadResult", children))


def upload_part(call: Call) -> Response:
    if call.header("x-amz-copy-source") is not None:
        raise S3Error("NotImplemented", "UploadPartCopy is not implemented; use CopyObject, it has no size limit here.")
    call.require_length()
    call.refuse_unsupported_headers()
    etag = multipart.put_part(call.store, upload_id(call), call.number("partNumber", 0), call.payload)
    return Response(headers={"ETag": f'"{etag}"', **call.payload.checksum_headers()})


def list_parts(call: Call) -> Response:
    limit, after = call.limit("max-parts"), call.number("part-number-marker", 0)
    rows = multipart.parts(call.store, upload_id(call), after=after, limit=limit)
    shown, more = rows[:limit], len(rows) > limit > 0
    children = [
        markup.text("Bucket", call.bucket),
        markup.key_text("Key", call.key, call.encoding()),
        markup.text("UploadId", call.param("uploadId")),
        markup.text("PartNumberMarker", after),
        markup.text("MaxParts", limit),
        markup.text("IsTruncated", str(more).lower()),
    ]
    if shown:
        children.append(markup.text("NextPartNumberMarker", shown[-1]["number"]))
    for row in shown:
        part = [
            markup.text("PartNumber", row["number"]),
            markup.text("LastModified", timestamp(row["modified_s"])),
            markup.text("ETag", f'"{row["etag"]}"'),
            markup.text("Size", row["size_bytes"]),
        ]
        children.append(markup.element("Part", part))
    return xml_response(markup.document("ListPartsResult", children))


def list_uploads(call: Call) -> Response:
    limit, prefix, encoding = call.limit("max-uploads"), call.param("prefix"), call.encoding()
    # A key-marker alone skips all uploads of that key; with an upload-id-marker, only the earlier ones.
    key_marker = call.param("key-marker")
    id_marker = call.param("upload-id-marker") or ("\U0010ffff" if key_marker else "")
    rows = multipart.uploads(
        call.store,
        call.bucket,
        prefix=prefix,
        end=after_prefix(prefix),
        after=(key_marker, id_marker),
        limit=limit,
    )
    shown, more = rows[:limit], len(rows) > limit > 0
    children = [
        markup.text("Bucket", call.bucket),
        markup.key_text("Prefix", prefix, encoding),
        markup.key_text("KeyMarker", key_marker, encoding),
        markup.text("UploadIdMarker", call.param("upload-id-marker")),
        markup.text("MaxUploads", limit),
        markup.text("IsTruncated", str(more).lower()),
    ]
    if more:
        children.append(markup.key_text("NextKeyMarker", shown[-1]["key"], encoding))
        children.append(markup.text("NextUploadIdMarker", shown[-1]["id"]))
    if encoding:
        children.append(markup.text("EncodingType", encoding))
    for row in shown:
        upload = [
            markup.key_text("Key", row["key"], encoding),
            markup.text("UploadId", row["id"]),
            markup.text("Initiated", timestamp(row["initiated_s"])),
            markup.text("StorageClass", "STANDARD"),
        ]
        children.append(markup.element("Upload", upload))
    return xml_response(markup.document("ListMultipartUploadsResult", children))


def complete_upload(call: Call) -> Response:
    named = named_parts(markup.parse(call.payload.read(MAX_COMPLETE_BYTES), "CompleteMultipartUpload"))
    etag = multipart.complete(call.store, upload_id(call), named, only_if_absent=only_if_absent(call))
    children = [
        markup.text("Location", f"/{call.bucket}/{call.key}"),
        markup.text("Bucket", call.bucket),
        markup.text("Key", call.key),
        markup.text("ETag", f'"{etag}"'),
    ]
    return xml_response(markup.document("CompleteMultipartUploadResult", children))


def named_parts(tree: ElementTree.Element) -> list[tuple[int, str]]:
    """(number, ETag) of each Part. Raises MalformedXML."""
    named = []
    for node in tree.findall("Part"):
        number = markup.child_text(node, "PartNumber").strip()
        if not re.fullmatch(r"[0-9]{1,5}", number):
            raise S3Error("MalformedXML", "PartNumber must be a whole number.")
        named.append((int(number), markup.child_text(node, "ETag").strip().strip('"')))
    return named


def abort_upload(call: Call) -> Response:
    multipart.abort(call.store, upload_id(call))
    return Response(status=204)
