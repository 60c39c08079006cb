"""S3's XML, written and read."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from urllib.parse import quote
from xml.sax.saxutils import escape

from objectstore.errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def text(name: str, value: object) -> str:
    """One element with text; what XML 1.0 can't carry becomes U+FFFD (clients ask for encoding-type=url instead)."""
    clean = NOT_XML.sub("\ufffd", str(value))
    return f"<{name}>{escape(clean, {chr(13): '&#13;'})}</{name}>"


def element(name: str, children: Iterable[str]) -> str:
    """One element around children that are markup already."""
    return f"<{name}>{''.join(children)}</{name}>"


def document(name: str, children: Iterable[str]) -> bytes:
    """A whole answer in S3's namespace."""
    body = "".join(children)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{body}</{name}>'.encode()


def error_document(error: S3Error, *, resource: str, request_id: str) -> bytes:
    """The body of a refusal."""
    children = [
        text("Code", error.code),
        text("Message", error.message),
        text("Resource", resource),
        text("RequestId", request_id),
    ]
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element("Error", children)}'.encode()


def key_text(name: str, value: str, encoding: str | None) -> str:
    """An element that holds a key or a part of one, percent-encoded when the client asked for encoding-type=url."""
    return text(name, quote(value, safe="/-_.~") if encoding == "url" else value)


def parse(body: bytes, root: str) -> ElementTree.Element:
    """The document element, namespaces dropped. Raises MalformedXML for anything but a plain `root` document."""
    try:
        source = body.decode("utf-8")
        if "<!DOCTYPE" in source.upper():
            raise S3Error("MalformedXML", "A document type declaration is not allowed here.")
        tree = ElementTree.fromstring(source)  # noqa: S314  (no doctype, so no entities to expand)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise S3Error("MalformedXML", f"The XML you provided was not well-formed: {error}") from error
    for node in tree.iter():
        node.tag = node.tag.rpartition("}")[2]
    if tree.tag != root:
        raise S3Error("MalformedXML", f"Expected a {root} document.")
    return tree


def child_text(node: ElementTree.Element, name: str) -> str:
    """The text of a child that must be there. Raises MalformedXML."""
    value = node.findtext(name)
    if value is None:
        raise S3Error("MalformedXML", f"{node.tag} needs a {name}.")
    return value
