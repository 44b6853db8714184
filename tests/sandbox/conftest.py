"""One sandbox for all tests of a session, as good as new for each; a receiver for its webhooks."""

from collections.abc import Iterator

import pytest

from tests.sandbox.receiver import Receiver
from tests.sandbox_process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> Iterator[SandboxProcess]:
    """Instant calls, no campaigns, no misbehaviour, the usual keys."""
    yield sandbox_process
    sandbox_process.post_admin("reset", {"settings": True})
    sandbox_process.post_admin("settings", {"speed": 0})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
