"""A small S3-subset server on one disk: standard library only, usable alone.

    OBJECTSTORE_ACCESS_KEY=... OBJECTSTORE_SECRET_KEY=... OBJECTSTORE_BUCKET=videos \
        python -m objectstore --root DIR --port 9000 --host 127.0.0.1

How a byte travels. `server` accepts the connection, `application` checks the signature (`signature`) and finds the
operation (`routes`), the operation (`object_api`, `multipart_api`, `bucket_api`) reads the body through its checks
(`payload`) into the store.

What lies on disk. A body is a file of its own under `blobs/`, named at random, written once and never changed.
`catalog.sqlite3` says which blobs make up which object. Both the blob and its folder are on disk (fsync) before the one
transaction that names the blob is committed, so at any moment a kill -9 leaves either the old object or the new one;
a blob that no row names is removed at the next start. Keys never become file names.

A multipart upload isn't concatenated: completing it is one transaction which turns its parts into the segments of an
object, and a read walks the segments. So completing 50 GB takes milliseconds, needs no second 50 GB, and can't be
caught half done. A copy shares the segments of its source for the same reasons.
"""

__all__ = ["__version__"]
__version__ = "1.0"
