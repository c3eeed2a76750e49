"""The routes of a service's jobs."""

from uuid import UUID

from services.jobs import Job, JobRead, cancel_job, get_job
from services.manifests import Manifest
from services.routing import Router, SessionDep


def jobs_router(manifest: Manifest) -> Router:
    """The routes of a service's jobs: get and cancel."""
    router = Router(f"{manifest.name}-jobs", prefix="/v1")

    @router.operation("GET", f"/{manifest.name}-jobs/{{job_id}}", name="get", scope=f"{manifest.name}-jobs:read", response_model=JobRead)
    async def get(session: SessionDep, job_id: UUID) -> Job:
        """Read a job. Errors: 404."""
        return await get_job(session, job_id)

    @router.operation(
        "POST", f"/{manifest.name}-jobs/{{job_id}}/cancel", name="cancel", scope=f"{manifest.name}-jobs:write", response_model=JobRead
    )
    async def cancel(session: SessionDep, job_id: UUID) -> Job:
        """Ask a job to stop. Errors: 404, 409 when it has ended."""
        return await cancel_job(session, job_id)

    return router
