"""The parameters that a plugin's dynamic command announces."""

from __future__ import annotations

from gitopsd.plugin import Options, ParameterAnnouncement, RenderError, parse_json


def read_announcements(output: bytes, place: str) -> tuple[ParameterAnnouncement, ...]:
    """JSON of a list as the static one in the declaration. Raises `RenderError` for anything else."""
    found = parse_json(output.decode(errors="replace") or "[]", file=place)
    block = Options({"parameters": found}, place)
    announced: list[ParameterAnnouncement] = []
    for each in block.blocks("parameters"):
        announced.append(
            ParameterAnnouncement(
                name=each.text("name"),
                title=each.text("title"),
                tooltip=each.text("tooltip"),
                required=each.boolean("required"),
                item_type=each.text("itemType"),
                collection_type=each.text("collectionType"),
                string=each.text("string"),
                array=each.texts("array"),
                map=each.text_map("map"),
            )
        )
        each.done()
        if not announced[-1].name:
            raise RenderError(f"{each.where('name')} is missing", hint="every announced parameter has a name")
    return tuple(announced)
