"""Jinja snippets of the language itself: output, operators, statements, white space."""

OUTPUT = {
    "text": "plain {text} % # }}",
    "string": "{{ s }}",
    "integer": "{{ n }} {{ neg }} {{ big }}",
    "float": "{{ f }} {{ 1.0 }} {{ 1e20 }} {{ 1e-7 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 123456.789 }}",
    "booleans": "{{ t }} {{ no }} {{ none }} {{ true }} {{ True }} {{ none }} {{ None }}",
    "list": "{{ list }} {{ words }} {{ [] }} {{ [1, 'a', none, true, 2.0] }}",
    "dict": "{{ table }} {{ {} }} {{ {'k': [1, {'q': \"it's\"}]} }}",
    "tuple": "{{ (1, 2) }} {{ (1,) }} {{ () }}",
    "repr_strings": "{{ ['a\\'b', 'a\"b', 'a\\nb', 'é', '\\\\', 'a\\'\"b', '\\t', '\\x00'] }}",
    "undefined": "[{{ missing }}] [{{ table.missing }}] [{{ table['missing'] }}] [{{ list[9] }}]",
    "comment": "a{# no {{ s }} #}b{#- trim -#} c",
    "raw": "{% raw %}{{ s }} {% if %}{% endraw %}!",
    "unicode": "{{ uni }} {{ uni | length }} {{ uni[0:3] }} {{ uni[-1] }}",
    "no_autoescape": "{{ html }} {{ html | safe }} {{ html | e }} {{ html | escape }}",
    "escapes": "{{ 'a\\nb\\tc\\\\d\\'e\\\"f\\x41\\u00e9\\U0001f600' }} {{ 'q\\zq' }}",
    "adjacent_strings": "{{ 'a' 'b' \"c\" }}",
    "newline_in_string": "{{ 'a\nb' }}",
    "final_newline": "{{ n }}\n",
    "two_final_newlines": "{{ n }}\n\n",
    "crlf": "a\r\n{{ n }}\r\nb\r\n",
    "numbers": "{{ 1_000 }} {{ 0x1f }} {{ 0b101 }} {{ 0o17 }}",
    "nested_quotes": "{{ \"it's\" }} {{ 'say \"x\"' }}",
    "brace_text": "{ {{ n }} }{{ '{{' }}{{ '}}' }}",
    "dict_literal_end": "{{ {'a': {'b': n}} }}",
    "deep": "{{ deep.x.y[0].z }} {{ deep['x']['y'][0]['z'] }}",
}

OPERATORS = {
    "arithmetic": (
        "{{ 7 + 2 }} {{ 7 - 2 }} {{ 7 * 2 }} {{ 7 / 2 }} {{ 8 / 2 }} {{ 7 // 2 }} {{ 7 % 3 }} {{ "
        "2 ** 10 }}"),
    "negative_division": (
        "{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 // -2 }} {{ 7 % -3 }} {{ -7.5 // 2 }} {{ 7.5 % -2 }} {{ "
        "2 ** -1 }}"),
    "mixed": (
        "{{ 1 + 2.0 }} {{ 3 * 1.5 }} {{ 2 ** 0.5 }} {{ 10 // 2.5 }} {{ true + 1 }} {{ 1 - -1 }} "
        "{{ +n }}"),
    "precedence": (
        "{{ 1 + 2 * 3 ** 2 }} {{ (1 + 2) * 3 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 10 - 3 - 2 }} "
        "{{ 100 / 10 / 5 }}"),
    "string_operators": (
        "{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ [0] * 3 }} {{ '%s-%d' % ('x', 3) }} {{ "
        "'%05.2f' % 3.14159 }}"),
    "tilde": "{{ 'a' ~ 1 ~ none ~ true ~ 2.5 ~ [1] }} {{ s ~ missing ~ '!' }}",
    "compare": (
        "{{ 1 < 2 }} {{ 2 <= 2 }} {{ 1 > 2 }} {{ 2 >= 3 }} {{ 1 == 1.0 }} {{ 1 != 1 }} {{ 'a' < "
        "'b' }} {{ [1] == [1] }}"),
    "compare_mixed": (
        "{{ 1 == '1' }} {{ none == false }} {{ true == 1 }} {{ table == {'a': 2, 'b': 1, 'C': 3} "
        "}} {{ [1, 2] < [1, 3] }}"),
    "chain": "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1 == 1 }}",
    "in": "{{ 1 in list }} {{ 9 in list }} {{ 'ell' in s }} {{ 'a' in table }}",
    "not_in": "{{ 9 not in list }} {{ not 9 in list }} {{ 'x' not in table }} {{ 'x' not in s }}",
    "and_or": (
        "{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 'x' }} {{ '' or [] or 'y' }} {{ none or false }} {{ "
        "not 0 }} {{ not 'a' }}"),
    "not_precedence":
        "{{ not n == 8 }} {{ not t and no }} {{ not (t and no) }} {{ t or no and no }}",
    "inline_if": (
        "{{ 'y' if t else 'n' }} {{ 'y' if no else 'n' }} [{{ 'y' if no }}] {{ 'a' if no else 'b' "
        "if no else 'c' }}"),
    "inline_if_filter": (
        "{{ 'a' if t else 'b' | upper }} {{ ('a' if no else 'b') | upper }} {{ 'x' ~ ('y' if t "
        "else 'z') }}"),
    "filter_precedence": (
        "{{ 'a' + 'b' | upper }} {{ ('a' + 'b') | upper }} {{ -n | abs }} {{ 'a' ~ 'b' | upper ~ "
        "'c' }} {{ 2 * list | length }}"),
    "test_precedence": (
        "{{ 1 + 1 is even }} {{ not none is none }} {{ n is odd and t }} {{ none is not none or t "
        "}} {{ 3 is odd == true }}"),
    "index": (
        "{{ list[0] }} {{ list[-1] }} {{ s[0] }} {{ s[-1] }} {{ words[1][0] }} {{ table['a'] }} "
        "{{ table.a }} {{ nested[1][1][0] }}"),
    "slice": (
        "{{ list[1:] }} {{ list[:1] }} {{ list[:] }} {{ list[-2:] }} {{ s[1:4] }} {{ s[:-1] }} {{ "
        "s[::2] }} {{ s[::-1] }}"),
    "slice_bounds": (
        "{{ list[5:] }} {{ list[-9:2] }} {{ s[3:1] }} {{ list[::-1] }} {{ list[2:0:-1] }} {{ "
        "list[n:] }} {{ s[-5:-2] }}"),
    "truth": (
        "{% for v in [0, 1, '', 'a', [], [0], {}, {'a': 1}, none, true, 0.0, ' '] %}{{ 1 if v "
        "else 0 }}{% endfor %}"),
    "item_before_attribute":
        "{{ items_key['items'] }} {{ items_key['keys'] }} {{ table['items'] is defined }}",
    "tilde_after_plus": "{{ 1 + 2 ~ 'a' }} {{ 'a' ~ 2 * 3 }} {{ 'a' ~ 1 == 'a1' }}",
}

STATEMENTS = {
    "if": "{% if n > 5 %}big{% elif n > 3 %}mid{% else %}small{% endif %} {% if no %}x{% endif %}|",
    "if_undefined":
        "{% if missing %}a{% else %}b{% endif %}{% if table.missing %}a{% else %}b{% endif %}",
    "for": "{% for x in list %}{{ x }},{% endfor %}",
    "for_else": "{% for x in [] %}{{ x }}{% else %}none{% endfor %}",
    "for_else_not_run": "{% for x in [1] %}{{ x }}{% else %}none{% endfor %}",
    "for_string": "{% for c in 'aé图' %}[{{ c }}]{% endfor %}",
    "for_dict": (
        "{% for k in table %}{{ k }}{% endfor %} {% for k, v in table.items() %}{{ k }}={{ v "
        "}};{% endfor %}"),
    "for_unpack": "{% for a, b in [[1, 2], [3, 4]] %}{{ a }}-{{ b }} {% endfor %}",
    "for_if": "{% for x in list if x > 1 %}{{ loop.index }}:{{ x }} {% endfor %}",
    "for_if_else": "{% for x in list if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "for_range": (
        "{% for i in range(3) %}{{ i }}{% endfor %} {{ range(1, 10, 3) | list }} {{ range(3, 0, "
        "-1) | list }}"),
    "loop": (
        "{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 "
        "}}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}"),
    "loop_cycle": "{% for x in list %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "loop_changed": "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}",
    "loop_items":
        "{% for x in list %}[{{ loop.previtem }}|{{ x }}|{{ loop.nextitem }}]{% endfor %}",
    "loop_previous_defined": (
        "{% for x in list %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% "
        "endfor %}"),
    "loop_depth": (
        "{% for a in nested recursive %}{{ loop.depth }}{{ loop.depth0 }}{% if a is iterable "
        "%}({{ loop(a) }}){% else %}={{ a }}{% endif %}{% endfor %}"),
    "loop_nested": (
        "{% for r in nested %}{% set outer = loop %}{% for x in r %}{{ outer.index }}.{{ "
        "loop.index }} {% endfor %}{% endfor %}"),
    "break": "{% for x in [1, 2, 3, 4] %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "continue":
        "{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "set": "{% set a = 1 %}{% set b, c = 2, 3 %}{{ a }}{{ b }}{{ c }}{% set a = a + 1 %}{{ a }}",
    "set_block": "{% set x %}a {{ n }} b{% endset %}[{{ x }}] {{ x | length }}",
    "set_block_filter": "{% set x | upper %}a {{ s }}{% endset %}{{ x }}",
    "set_in_loop": "{% set x = 0 %}{% for i in list %}{% set x = x + i %}{% endfor %}{{ x }}",
    "set_in_if": "{% if t %}{% set x = 5 %}{% endif %}{{ x }}",
    "loop_variable_scope": "{% set x = 'out' %}{% for x in list %}{{ x }}{% endfor %}{{ x }}",
    "namespace": (
        "{% set ns = namespace(total=0, seen=[]) %}{% for i in list %}{% set ns.total = ns.total "
        "+ i %}{% endfor %}{{ ns.total }} {{ ns.seen }}"),
    "namespace_new":
        "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }} [{{ ns.b }}] {{ ns.b is defined }}",
    "namespace_dict": "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}",
    "with": "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}[{{ a }}]",
    "filter_block": "{% filter upper %}a {{ s }}{% endfilter %}",
    "do_not_autoescape": "{% autoescape false %}{{ html }}{% endautoescape %}",
    "macro": (
        "{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=3) "
        "}} {{ m(b=5, a=4) }}"),
    "macro_missing_argument":
        "{% macro m(a, b) %}[{{ a }}{{ b }}]{{ b is defined }}{% endmacro %}{{ m(1) }}",
    "macro_varargs":
        "{% macro m(a) %}{{ a }} {{ varargs }} {{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}",
    "macro_recursive":
        "{% macro f(x) %}{{ x }}{% if x > 0 %},{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "macro_scope": (
        "{% set g = 'g' %}{% macro m() %}{{ g }}{{ n }}{% set g = 'in' %}{{ g }}{% endmacro %}{{ "
        "m() }}{{ g }}"),
    "macro_name": "{% macro m(a, b=1) %}{% endmacro %}{{ m.name }} {{ m.arguments }}",
    "macro_default_uses_argument": "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "macro_filter":
        "{% macro m(a) %} {{ a }} {% endmacro %}[{{ m('x') | trim }}] {{ m('x') | length }}",
    "call": (
        "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in "
        "{{ n }}{% endcall %}"),
    "call_arguments": (
        "{% macro each(xs) %}{% for x in xs %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro "
        "%}{% call(v, i) each(list) %}{{ i }}={{ v }};{% endcall %}"),
    "generation": "a{% generation %}b {{ n }}{% endgeneration %}c",
    "generation_scope": (
        "{% set x = 1 %}{% for i in [1, 2] %}{% generation %}{% set x = i %}{{ x }}{{ i }}{% "
        "endgeneration %}{% endfor %}{{ x }}"),
    "recursive_macro_tree": (
        "{% macro show(v) %}{% if v is mapping %}{{ '{' }}{% for k, w in v | dictsort %}{{ k "
        "}}:{{ show(w) }}{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}{% elif v is "
        "string %}'{{ v }}'{% elif v is iterable %}[{% for w in v %}{{ show(w) }}{% if not "
        "loop.last %},{% endif %}{% endfor %}]{% else %}{{ v }}{% endif %}{% endmacro %}{{ "
        "show(deep) }} {{ show(nested) }}"),
    "dict_loop_value_none": (
        "{% for k, v in {'a': none, 'b': []}.items() %}{{ k }}{{ v is none }}{{ v or 'x' }} {% "
        "endfor %}"),
}

WHITE_SPACE = {
    "trim_blocks": "a\n{% if t %}\nb\n{% endif %}\nc\n",
    "lstrip_blocks": "a\n    {% if t %}\n  b\n    {% endif %}\nc",
    "lstrip_not_expression": "a\n    {{ n }}\nb",
    "minus_left": "a  \n {%- if t %} b{% endif %}",
    "minus_right": "{% if t -%}  \n b{% endif %}",
    "minus_expression": "a \n {{- n -}} \n b",
    "minus_comment": "a  {#- c -#}  b",
    "plus_left": "a\n  {%+ if t %}b{% endif %}",
    "plus_right": "{% if t +%}\nb{% endif %}",
    "comment_line": "a\n  {# c #}\nb",
    "comment_multiline": "a\n{# x\n y #}\nb",
    "inline_block": "a {% if t %} b {% endif %} c\n d",
    "block_after_text": "x {% if t %}\ny\n{% endif %}",
    "loop_lines": "{% for i in list %}\n- {{ i }}\n{% endfor %}\nend",
    "set_lines": "{% set a = 1 %}\n{% set b = 2 %}\n{{ a + b }}\n",
    "raw_trim": "a\n  {%- raw -%}  x  {%- endraw -%}  \nb",
    "string_not_trimmed": "{{ 'a \n' -}}   b",
    "tabs": "\t{% if t %}\n\tx\n\t{% endif %}\n",
    "blank_lines": "a\n\n\n{%- if t %}\n\n\nb{% endif %}",
    "crlf_trim": "{% if t %}\r\nx\r\n{% endif %}\r\ny",
    "minus_newline_kept_after": "{%- if t -%}\n\n a \n\n{%- endif -%}\n\n z",
    "macro_lines": "{% macro m() %}\n  x\n{% endmacro %}\n[{{ m() }}]",
}
