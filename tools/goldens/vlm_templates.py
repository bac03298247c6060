"""Chat templates of the tiny vision-language checkpoints, each in its family's manner.

They are our own: the publishers' are not in this repository. A message's content is a text or a list
of parts, as processors are given it.
"""

# Renders the parts of a message; IMAGE stands for the family's placeholder.
PARTS = (
    "{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- 'IMAGE' -}}"
    "{%- elif part['type'] == 'text' -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}")


def parts(image: str) -> str:
    return PARTS.replace("IMAGE", image)


TEMPLATES = {
    "llava": (
        "{{- bos_token -}}{%- for message in messages -%}"
        "{{- message['role'] | upper + ': ' -}}" + parts("<image>\\n") +
        "{{- eos_token if message['role'] == 'assistant' else ' ' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}"),
    "vicuna": (
        "{%- for message in messages -%}"
        "{{- message['role'] | upper + ': ' -}}" + parts("<image>\\n") +
        "{{- eos_token if message['role'] == 'assistant' else ' ' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}"),
    "idefics3": (
        "{{- bos_token -}}{%- for message in messages -%}"
        "{{- message['role'] | capitalize + ': ' -}}" + parts("<image>") +
        "{{- '<end_of_utterance>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"),
    "smolvlm": (
        "{{- '<|im_start|>' -}}{%- for message in messages -%}"
        "{{- message['role'] | capitalize -}}"
        "{{- ':' if message['content'] is not string and message['content'][0]['type'] == 'image'"
        " else ': ' -}}" + parts("<image>") +
        "{{- '<end_of_utterance>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"),
    "internvl": (
        "{%- for message in messages -%}{{- '<|im_start|>' + message['role'] + '\\n' -}}" +
        parts("<IMG_CONTEXT>\\n") + "{{- '<|im_end|>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"),
    "gemma3": (
        "{{- bos_token -}}{%- for message in messages -%}"
        "{{- '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role'])"
        " + '\\n' -}}" + parts("<start_of_image>") + "{{- '<end_of_turn>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}"),
    "pixtral": (
        "{{- bos_token -}}{%- for message in messages -%}"
        "{%- if message['role'] == 'assistant' -%}" + parts("[IMG]") + "{{- eos_token -}}"
        "{%- else -%}{{- '[INST]' -}}" + parts("[IMG]") + "{{- '[/INST]' -}}{%- endif -%}"
        "{%- endfor -%}"),
    "llava_mistral": (
        "{{- bos_token -}}{%- for message in messages -%}"
        "{%- if message['role'] == 'assistant' -%}" + parts("<image>\\n") +
        "{{- eos_token -}}{%- else -%}{{- '[INST] ' -}}" + parts("<image>\\n") +
        "{{- ' [/INST]' -}}{%- endif -%}{%- endfor -%}"),
    "chatml_image": (
        "{%- for message in messages -%}{{- '<|im_start|>' + message['role'] + '\\n' -}}" +
        parts("<image>\\n") + "{{- '<|im_end|>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"),
    "idefics2": (
        "{%- for message in messages -%}{{- message['role'] | capitalize -}}"
        "{{- ':' if message['content'] is not string and message['content'][0]['type'] == 'image'"
        " else ': ' -}}" + parts("<image>") +
        "{{- '<end_of_utterance>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"),
    # The processor puts <bos> behind the last picture, and a line feed at the end.
    "paligemma": "{%- for message in messages -%}" + parts("<image>") + "{%- endfor -%}",
    "deepseek_ocr2": (
        "{{- bos_token -}}{%- for message in messages -%}" + parts("<image>\\n") +
        "{{- eos_token if message['role'] == 'assistant' else '\\n' -}}{%- endfor -%}"),
    "gemma4": (
        "{{- bos_token -}}{%- for message in messages -%}"
        "{{- '<|turn>' + ('model' if message['role'] == 'assistant' else message['role'])"
        " + '\\n' -}}" + parts("<|image|>") + "{{- '<turn|>\\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}{%- endif -%}"),
}
