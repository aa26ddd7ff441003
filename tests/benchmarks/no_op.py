"""A server with one route that does nothing, run as `python -m tests.benchmarks.no_op PORT`."""

import sys

import uvicorn
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/")
def nothing() -> PlainTextResponse:
    return PlainTextResponse("nothing")


if __name__ == "__main__":
    # h11, as the product is served.
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), http="h11", log_level="warning", access_log=False)
