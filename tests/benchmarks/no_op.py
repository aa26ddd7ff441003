"""A server with one route that does nothing, run as `python -m tests.benchmarks.no_op PORT`."""

import sys

import uvicorn
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from app.web.bounded_http import BoundedHttp

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/")
def nothing() -> PlainTextResponse:
    return PlainTextResponse("nothing")


if __name__ == "__main__":
    # By the same parser as the product.
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), http=BoundedHttp, log_level="warning", access_log=False)
