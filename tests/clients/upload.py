"""Uploads files with tuspy, cut off at random and resumed, in pieces of several sizes, whatever becomes of the server meanwhile:
python3 upload.py ADDRESS SEED FILE... Prints each file's URL and how often it was cut off."""

import json
import os
import random
import sys
import time

from tusclient import client
from tusclient.exceptions import TusCommunicationError

PIECES = [1 << 20, 8 << 20, 64 << 20]
# A server that is started anew is waited for.
PAUSE, ATTEMPTS = 0.25, 600

address, seed, *files = sys.argv[1:]
random.seed(int(seed))
tus = client.TusClient(address + "/uploads", headers={"authorization": "Bearer " + os.environ["VITAGRAPH_TOKEN"]})


def through(action):
    """What an action gives, once the server is there."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except TusCommunicationError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE)


def send(path, chunk_size, url, stop_at=None):
    """Goes on with an upload up to some offset, or begins one; gives its URL."""
    metadata = {"filename": os.path.basename(path), "modifiedAt": "784111777000"}

    def attempt():
        nonlocal url
        # Each knows nothing of the one before but the URL.
        uploader = tus.uploader(path, chunk_size=chunk_size, metadata=metadata, url=url)
        try:
            uploader.upload(stop_at=stop_at)
        finally:
            url = uploader.url

    through(attempt)
    return url


outcomes = []
for index, path in enumerate(files):
    size = os.path.getsize(path)
    chunk_size = PIECES[index % len(PIECES)]
    url, cuts = None, 0
    if size > 1000:
        url, cuts = send(path, chunk_size, None, random.randrange(1, size)), 1
    outcomes.append({"url": send(path, chunk_size, url), "cuts": cuts})
print(json.dumps(outcomes))
