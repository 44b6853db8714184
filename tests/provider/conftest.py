"""The provider of these tests is the sandbox, over real HTTP."""

from tests.sandbox.conftest import sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
