"""Hands out the files that visitors take away, each to its owner alone, in the place of Gradio's route for files.

Gradio's serves any file below its folder to anybody, fetches addresses, and answers a range with the headers of the
request, the key among them.
"""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse

from playground.server.owner import Owner, services_of

router = APIRouter()


@router.api_route("/gradio_api/file={path:path}", methods=["GET", "HEAD"])
def file(path: str, request: Request, owner: Owner) -> FileResponse:
    """A file by its whole path, to be saved and never shown; 404 for one that is not the caller's."""
    found = services_of(request).uploads.own_file(owner, path)
    if found is None:
        raise HTTPException(404)
    return FileResponse(found, media_type="application/octet-stream", filename=found.name)
