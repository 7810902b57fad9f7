"""That the server behind the tests of object storage is one worth testing against: it turns strangers away."""

from __future__ import annotations

import pytest
import requests
from botocore.exceptions import ClientError

from tests.object_storage import ACCESS_KEY, ObjectStorage


@pytest.mark.parametrize(
    ("access_key", "secret_key", "code"),
    [(ACCESS_KEY, "not-the-secret", "SignatureDoesNotMatch"), ("nobody", "nothing", "InvalidAccessKeyId")],
)
def test_it_knows_whom_to_let_in(
    object_storage: ObjectStorage, access_key: str, secret_key: str, code: str
) -> None:
    object_storage.client().put_object(Bucket=object_storage.bucket, Key="a/b.mp3", Body=b"0123456789")
    got = object_storage.client().get_object(Bucket=object_storage.bucket, Key="a/b.mp3", Range="bytes=2-4")
    assert got["Body"].read() == b"234"
    stranger = object_storage.client(access_key, secret_key)
    for ask in (stranger.get_object, stranger.delete_object):
        with pytest.raises(ClientError) as refused:
            ask(Bucket=object_storage.bucket, Key="a/b.mp3")
        assert refused.value.response["Error"]["Code"] == code
    assert requests.get(f"{object_storage.endpoint}/audio/a/b.mp3", timeout=60).status_code == 403
    assert object_storage.names() == ["a/b.mp3"]
