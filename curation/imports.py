"""Taking in files of this machine, for scripts: the same road as an upload, without the browser."""

from __future__ import annotations

import mimetypes
import uuid
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from curation import jobs, storage
from curation.models import Dataset, Job, Video
from curation.uploads import check_file


def import_file(*, dataset: Dataset, path: Path, is_reference: bool = False, by: User | None = None) -> Video:
    """Original to the object store, then a Video and its extraction job. Raises Problem for a file that is refused."""
    size_bytes = path.stat().st_size
    check_file(path.name, size_bytes)
    key = f"{storage.UPLOAD_PREFIX}{uuid.uuid4()}"
    content_type = mimetypes.guess_type("x" + path.suffix)[0] or "application/octet-stream"
    storage.upload_file(key, path, content_type)
    with transaction.atomic():
        video = Video.objects.create(
            dataset=dataset,
            name=path.name[:255],
            key=key,
            size_bytes=size_bytes,
            content_type=content_type,
            is_reference=is_reference,
            uploaded_by=by,
        )
        jobs.request(kind=Job.Kind.EXTRACT, dataset=dataset, by=by.get_username() if by else "", video=video)
    return video
