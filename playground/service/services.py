"""All that a client of the playground is given: the page, the HTTP API, or a script."""

from dataclasses import dataclass

from playground.adapters.builtin import builtin_adapters
from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.protocol.model import ModelHost
from playground.sandbox.sandbox import Sandbox
from playground.service.adapters import AdapterService
from playground.service.core_share import CoreShare
from playground.service.corrections import Corrections
from playground.service.datasets import DatasetService
from playground.service.downloads import DownloadService
from playground.service.finetuning import FinetuningService
from playground.service.generation import GenerationService
from playground.service.measuring.skills import SkillService
from playground.service.model_change import ModelChanger, note_chosen
from playground.service.model_choices import ModelChoices
from playground.service.model_downloads import ModelDownloads
from playground.service.models import ModelService
from playground.service.owners import Owners
from playground.service.publishing import handover
from playground.service.quota import Quota
from playground.service.reading.hub import LIMITS, HubDatasets
from playground.service.uploads import Uploads
from playground.service.visitors.belongings import Belongings
from playground.service.visitors.drafts import Drafts
from playground.service.visitors.work import WorkInProgress
from playground.settings import Settings
from playground.training.jobs.queue import MAX_RUN_S, JobQueue
from playground.training.preflight.client import Preflight

READERS = ("playground.service.reading.preloaded",)
"""What children that read strangers' files begin with."""


@dataclass(frozen=True)
class Services:
    """Each part does its work for an owner, whom `owners` finds behind a request."""

    owners: Owners
    models: ModelService
    adapters: AdapterService
    generation: GenerationService
    datasets: DatasetService
    hub: HubDatasets
    finetuning: FinetuningService
    corrections: Corrections
    drafts: Drafts
    downloads: DownloadService
    uploads: Uploads
    quota: Quota
    data: DataDir
    sandbox: Sandbox
    belongings: Belongings
    work: WorkInProgress
    skills: SkillService

    def close(self) -> None:
        """End the running training and downloads cleanly; the model's host is closed by whoever made it."""
        self.sandbox.close()
        self.hub.close()
        self.finetuning.close()
        self.models.close()


def build_services(settings: Settings, host: ModelHost, data: DataDir) -> Services:
    """Wire everything around a live model and a data folder that is locked and swept; raises `SettingsError`."""
    owners = Owners(data, settings.mode, settings.operator_key, settings.openid is not None)
    quota = Quota(host, data, settings.mode)
    store = AdapterStore(data, builtin_adapters())
    sandbox = Sandbox(READERS, address_of=owners.address)
    adapters = AdapterService(host, store, data, quota, sandbox, owners.address)
    datasets = DatasetService(host, data, sandbox)
    preflight = Preflight(data.trials, CoreShare(host).threads, lambda: host.status().kept_bytes)
    jobs = JobQueue(data, handover(host, store, preflight), MAX_RUN_S if settings.mode == "public" else None)
    choices, fetched = ModelChoices(host, data, settings.mode), ModelDownloads(data)
    changer = ModelChanger(host, fetched, jobs.active_owners, choices.is_here, note_chosen(data))
    finetuning = FinetuningService(host, store, jobs, preflight, datasets, settings.mode, owners.address)
    corrections, uploads = Corrections(data), Uploads(data, quota)
    return Services(
        owners,
        ModelService(settings, host, choices, fetched, changer),
        adapters,
        GenerationService(adapters),
        datasets,
        HubDatasets(uploads, Sandbox(READERS, LIMITS), owners, settings.mode == "public"),
        finetuning,
        corrections,
        Drafts(data, quota.check_disk),
        DownloadService(host, adapters, data, quota),
        uploads,
        quota,
        data,
        sandbox,
        Belongings(data, host, adapters, finetuning, corrections, uploads, owners),
        WorkInProgress(data),
        SkillService(host, store, adapters),
    )
