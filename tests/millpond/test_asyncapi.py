"""The documents of the socket say what the code does."""

import re
from typing import Any

from live.messages import Hello, Join, Leave
from live.registry import Who
from live.scene import EMPTY, KINDS
from millpond.asyncapi import document, documented_registry, text
from tests.house.tree import ROOT

PROTOCOL = (ROOT / "docs/protocol.md").read_text()
ROW = re.compile(r"(?m)^\| `([a-z.]+)` \| (.+?) \| .+ \| (.+) \|$")
PART = re.compile(r"(?m)^\| `([a-z]+)` \| .+ \| (.+) \|$")
KIND = re.compile(r"`([a-z.]+)(?: \{[^}]*\})?`")
OWN = {Hello: "anybody", Join: "anybody", Leave: "anybody"}


def test_the_document_that_is_kept_is_the_one_that_the_code_makes():
    assert (ROOT / "docs/asyncapi.json").read_text() == text(), "run python -m millpond.asyncapi > docs/asyncapi.json"


def test_every_message_is_explained():
    made = document()
    for name, message in made["components"]["messages"].items():
        assert len(message["summary"]) >= 15, name
    assert all(schema.get("description") for schema in made["components"]["schemas"].values())


def test_every_reference_leads_somewhere():
    made = document()

    def follow(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                found: Any = made
                for part in node["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for value in node.values():
                follow(value)
        elif isinstance(node, list):
            for value in node:
                follow(value)

    follow(made)


def test_the_page_has_every_request_and_who_may_send_it():
    told = {name: who.partition(":")[0] for name, who, _ in ROW.findall(PROTOCOL)}
    expected = {str(message.__struct_config__.tag): who for message, who in OWN.items()}
    words = {Who.ANYBODY: "anybody", Who.CUSTOMERS: "customers", Who.STAFF: "staff"}
    expected |= {entry.name: words[entry.who] for entry in documented_registry()}
    assert told == expected


def test_the_page_has_the_roles_of_commands():
    told = {name: set(who.partition(": ")[2].split(", ")) for name, who, _ in ROW.findall(PROTOCOL) if ":" in who}
    assert told == {e.name: {role.value for role in e.roles} for e in documented_registry() if e.who is Who.STAFF}


def test_the_page_has_every_part_of_a_room_and_every_kind_of_event():
    parts = dict(PART.findall(PROTOCOL.partition("each event changes one of them:")[2].partition("## ")[0]))
    assert parts.keys() == EMPTY.keys()
    assert {kind for text in parts.values() for kind in KIND.findall(text)} - EMPTY.keys() == KINDS
