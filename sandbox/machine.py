"""All parts of the sandbox, wired together."""

from dataclasses import asdict, dataclass
from typing import Any

import gevent
from flask import current_app

from sandbox.clock import Clock
from sandbox.events import Events
from sandbox.misbehaviour import Misbehaviour
from sandbox.play import Player
from sandbox.sender import Sender
from sandbox.settings import Settings, change_settings, load_settings, save_settings
from sandbox.store import Store


@dataclass(slots=True)
class Machine:
    store: Store
    settings: Settings
    clock: Clock
    misbehaviour: Misbehaviour
    events: Events
    sender: Sender
    player: Player

    def start(self) -> None:
        gevent.spawn(self.store.write_for_ever)
        self.sender.start()
        self.player.start()

    def stop(self) -> None:
        self.player.stop()
        self.sender.stop()
        self.store.close()

    def change(self, changes: dict[str, Any]) -> None:
        change_settings(self.settings, changes)
        save_settings(self.store, self.settings)
        self.clock.speed_changed()

    def reset(self, settings_too: bool = False) -> None:
        """Forget all campaigns, calls, deliveries, tokens and rules; the settings only when asked to."""
        self.player.stop()
        self.sender.stop()
        self.store.forget_everything()
        self.misbehaviour.forget()
        self.change(asdict(Settings()) if settings_too else {})
        self.sender.start()


def build_machine(database: str, changes: dict[str, Any]) -> Machine:
    store = Store(database)
    settings = load_settings(store)
    clock = Clock(settings)
    misbehaviour = Misbehaviour(store, settings.seed)
    events = Events(store, settings, misbehaviour)
    sender = Sender(store, settings)
    store.on_new_deliveries = sender.add
    machine = Machine(store, settings, clock, misbehaviour, events, sender, Player(store, events, sender, clock))
    machine.change(changes)
    return machine


def the_machine() -> Machine:
    machine: Machine = current_app.extensions["machine"]
    return machine
