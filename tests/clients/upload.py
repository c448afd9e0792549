"""Uploads files with tuspy, cut off at random and resumed: python3 upload.py ADDRESS SEED FILE..."""

import json
import os
import random
import sys

from tusclient import client

address, seed, *files = sys.argv[1:]
random.seed(int(seed))
tus = client.TusClient(address + "/uploads", headers={"authorization": "Bearer " + os.environ["VITAGRAPH_TOKEN"]})
outcomes = []
for path in files:
    size = os.path.getsize(path)
    metadata = {"filename": os.path.basename(path), "modifiedAt": "784111777000"}
    uploader = tus.uploader(path, chunk_size=1 << 20, metadata=metadata)
    cuts = 0
    if size > 1000:
        uploader.upload(stop_at=random.randrange(1, size))
        cuts = 1
        # Another process goes on, which knows nothing but the URL.
        uploader = tus.uploader(path, chunk_size=1 << 20, url=uploader.url)
    uploader.upload()
    outcomes.append({"file": os.path.basename(path), "url": uploader.url, "size": size, "cuts": cuts, "again": 0})
print(json.dumps(outcomes))
