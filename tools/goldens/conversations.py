"""The chats that templates.py renders with every chat template."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather at a place, now.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City & country, e.g. \"Köln, DE\""},
                "unit": {"type": "string", "enum": ["celsius", "kelvin"], "default": "celsius"},
                "days": {"type": ["integer", "string"], "description": "Days ahead <= 7"}},
            "required": ["place"]}}}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search", "description": "Searches photos.\nTwo lines.",
        "parameters": {
            "type": "object",
            "properties": {
                "terms": {"type": "array", "items": {"type": "string"}},
                "filter": {"type": "object", "properties": {
                    "year": {"type": "number"}, "starred": {"type": "boolean"}}}},
            "required": ["terms", "filter"]}}}
# Some templates recurse without end on the type "null".
NULLABLE = {"type": "function",
            "function": {"name": "roll", "description": "Rolls dice.", "parameters": {
                "type": "object", "properties": {
                    "sides": {"type": ["integer", "null"], "description": "Default 6"}}}}}
PING = {"type": "function",
        "function": {"name": "ping", "description": "", "parameters": {
            "type": "object", "properties": {}}}}


def message(role: str, content, **more) -> dict:
    return {"role": role, "content": content, **more}


def call(name: str, arguments, call_id: str = "abc123def") -> dict:
    return {"id": call_id, "type": "function",
            "function": {"name": name, "arguments": arguments}}


ASK = message("user", "What is in the picture?")
TEXT_PART = {"type": "text", "text": "Describe it."}
IMAGE_PART = {"type": "image"}
URL_PART = {"type": "image_url", "image_url": {"url": "file.jpg"}}
AWKWARD = "<b>\"Tom\" & 'Jerry'</b>\n\t{{ not jinja }} {% nor this %} \\n é 图片 😀"

MULTI_TURN = [
    message("system", "Answer briefly."), message("user", "Hi!"),
    message("assistant", "Hello. What shall I look at?"), ASK,
    message("assistant", "A lamp."), message("user", "Which colour?")]
TOOL_TURN = [
    message("user", "Weather in Köln?"),
    message("assistant", "", tool_calls=[call("get_weather", {"place": "Köln", "days": 2})]),
    message("tool", "{\"temperature\": 7.5, \"sky\": \"grey\"}", tool_call_id="abc123def",
            name="get_weather")]
PARALLEL_TURN = [
    message("system", "Use tools."), message("user", "Both, please."),
    message("assistant", "I will look.", tool_calls=[
        call("get_weather", {"place": "Oslo", "unit": "kelvin"}, "call00001"),
        call("search", {"terms": ["a", "b\"c"], "filter": {"year": 2020, "starred": True}},
             "call00002")]),
    message("tool", "cold", tool_call_id="call00001", name="get_weather"),
    message("tool", "[1, 2]", tool_call_id="call00002", name="search"),
    message("assistant", "Cold, and two photos."), message("user", "Thanks <3")]
REASONING = [
    message("user", "2+2?"),
    message("assistant", "4", reasoning_content="Two and two.\nThat is four.\n"),
    message("user", "And 3+3?"),
    message("assistant", "<think>\nThree and three.\n</think>\n\n6"), message("user", "And 4+4?")]
REASONED_TOOLS = [
    message("user", "Weather in Rome?"),
    message("assistant", "", reasoning_content="I should ask.", thinking="I should ask.",
            tool_calls=[call("get_weather", {"place": "Rome"})]),
    message("tool", "sunny", tool_call_id="abc123def", name="get_weather"),
    message("assistant", "Sunny.", reasoning_content="The tool says so.")]

# Name -> what the template is given; add_generation_prompt is true unless it says otherwise.
CHATS: dict[str, dict] = {
    "user": {"messages": [ASK]},
    "user_no_prompt": {"messages": [ASK], "add_generation_prompt": False},
    "system_user": {"messages": [message("system", "Be kind."), ASK]},
    "multi_turn": {"messages": MULTI_TURN},
    "multi_turn_no_system": {"messages": MULTI_TURN[1:5], "add_generation_prompt": False},
    "awkward_text": {"messages": [message("system", AWKWARD), message("user", AWKWARD)]},
    "white_space": {"messages": [message("system", "  padded \n\n"), message("user", "\n  x  \n"),
                                 message("assistant", "\n\n y \n"), message("user", " ")]},
    "image": {"messages": [message("user", [IMAGE_PART, TEXT_PART])]},
    "images_interleaved": {"messages": [
        message("system", "Look closely."),
        message("user", [{"type": "text", "text": "First "}, IMAGE_PART,
                         {"type": "text", "text": " then "}, URL_PART]),
        message("assistant", [{"type": "text", "text": "Seen."}]),
        message("user", [TEXT_PART])], "add_vision_id": True},
    "video": {"messages": [message("user", [{"type": "video", "video": "v.mp4"}, TEXT_PART])]},
    "system_parts": {"messages": [message("system", [{"type": "text", "text": "Be kind."}]), ASK]},
    "string_parts": {"messages": [message("user", ["plain", TEXT_PART])]},
    "tools": {"messages": [message("system", "Use tools."), message("user", "Weather in Köln?")],
              "tools": [WEATHER, SEARCH, PING]},
    "tools_no_system": {"messages": TOOL_TURN[:1], "tools": [WEATHER]},
    "tools_empty": {"messages": MULTI_TURN, "tools": []},
    "tool_nullable": {"messages": [message("user", "Roll.")], "tools": [NULLABLE]},
    "tool_result": {"messages": TOOL_TURN, "tools": [WEATHER]},
    "parallel_calls": {"messages": PARALLEL_TURN, "tools": [WEATHER, SEARCH]},
    "arguments_text": {"messages": [
        message("user", "Go."),
        message("assistant", None, tool_calls=[call("ping", "{\"a\": 1}", "x")]),
        message("tool", "pong", tool_call_id="x")], "tools": [PING]},
    "reasoning": {"messages": REASONING},
    "reasoning_off": {"messages": REASONING, "enable_thinking": False},
    "reasoning_kept": {"messages": REASONING, "enable_thinking": True,
                       "preserve_thinking": True, "keep_past_thinking": True},
    "reasoned_tools": {"messages": REASONED_TOOLS, "tools": [WEATHER],
                       "add_generation_prompt": False},
    "effort": {"messages": [message("system", "Be deep."), ASK], "reasoning_effort": "high",
               "model_identity": "You are Saccade.", "builtin_tools": ["browser", "python"]},
    "developer": {"messages": [message("developer", "Be exact."), ASK]},
    "documents": {"messages": [ASK], "controls": {"citations": True}, "documents": [
        {"doc_id": 1, "title": "Lamps", "text": "Lamps give light."},
        {"doc_id": 2, "title": "Boats", "text": "Boats float & drift."}]},
    "date": {"messages": [ASK], "date_string": "01 Jan 2025"},
    "content_missing": {"messages": [{"role": "user"}]},
    "content_null": {"messages": [message("user", "Hi"), message("assistant", None), ASK]},
    "role_missing": {"messages": [{"content": "Hi"}]},
    "role_unknown": {"messages": [message("narrator", "Once."), ASK]},
    "two_users": {"messages": [message("user", "One."), message("user", "Two.")]},
    "ends_with_assistant": {"messages": [ASK, message("assistant", "It shows")],
                            "add_generation_prompt": False},
    "empty": {"messages": []},
}


def contexts() -> dict[str, dict]:
    """Name -> the whole context, with what transformers always passes."""
    bare = {"messages": MULTI_TURN, "add_generation_prompt": True, "bos_token": "<s>",
            "eos_token": "</s>"}  # tools and documents not defined at all
    always = {"tools": None, "documents": None, "add_generation_prompt": True,
              "bos_token": "<s>", "eos_token": "</s>"}
    return {**{name: {**always, **chat} for name, chat in CHATS.items()}, "bare": bare}
