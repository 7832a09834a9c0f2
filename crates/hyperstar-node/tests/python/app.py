"""Sums what other apps have counted. A process in Python: nothing of the SDK is in it."""

import json
import os

import wit_world
from componentize_py_types import Err, Ok
from wit_world.imports import api, sys, types


def handler(name, params, returns):
    """A handler, as the host describes it to others."""
    return {
        "name": name,
        "triggers": ["Local"],
        "mode": "Write",
        "access": "Granted",
        "params": [{"name": name, "ty": ty} for name, ty in params],
        "returns": returns,
        "doc": "",
    }


INTERFACE = {
    "name": "Sum",
    "icon": "🐍",
    "widget": False,
    "ui": None,
    "endpoints": [],
    "wit_world": None,
    "save": "EveryMessage",
    "state_version": 1,
    "views": [{"name": "page", "path": "/", "audience": "Everyone", "title": "Sum", "frame_ms": None}],
    "handlers": [
        handler("collect", [("of", {"List": "String"})], "S64"),
        handler("give", [("to", "String"), ("by", "S64")], "S64"),
        handler("look_around", [], "String"),
        handler("eat", [], "Unit"),
        handler("fail", [], "Unit"),
    ],
    "types": [],
}


class Sum:
    """What is kept. Each function that the world exports has a `WitWorld` of its own: state lives outside of them."""

    total = 0


class WitWorld(wit_world.WitWorld):
    def describe(self) -> str:
        return json.dumps(INTERFACE)

    def assets(self):
        return []

    def init(self, start: types.Start) -> types.Turn:
        for field in start.fields:
            if field.path == "f/total":
                Sum.total = int(field.value)
        return types.Turn([], [types.Change("v", b"1")], False, False)

    def turn(self, events) -> types.Turn:
        actions, before = [], Sum.total
        for event in events:
            if isinstance(event, types.Event_Message):
                actions.append(types.Action_Respond(self.answer(event.value)))
        is_changed = Sum.total != before
        changes = [types.Change("f/total", str(Sum.total).encode())] if is_changed else []
        return types.Turn(actions, changes, is_changed, False)

    def render(self, request: types.RenderRequest) -> types.Page:
        return types.Page(f'<p id="total">{Sum.total}</p>', None, None)

    def answer(self, message: types.Message) -> types.Answer:
        arguments = json.loads(message.body or b"{}")
        try:
            value = getattr(self, message.handler)(**arguments)
        except Err as error:
            # An app that did not answer, or not well.
            value = {"failed": type(error.value).__name__}
        body = json.dumps(value).encode()
        return types.Answer(message.task, Ok(types.Response(200, [], body)))

    def collect(self, of):
        Sum.total += sum(api.count(address) for address in of)
        return Sum.total

    def give(self, to, by):
        return api.add(to, by)

    def look_around(self):
        seen = [sorted(os.environ)]
        for path in ["/", "/etc/passwd"]:
            try:
                seen.append(os.listdir(path) if path == "/" else open(path).read())
            except OSError as error:
                seen.append(type(error).__name__)
        print("it looked around")
        return json.dumps(seen)

    def eat(self):
        eaten = []
        while True:
            eaten.append(bytearray(1 << 20))

    def fail(self):
        raise ValueError("as told")
