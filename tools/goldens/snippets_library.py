"""Jinja snippets of the library: filters, tojson, tests, methods."""

FILTERS = {
    "case": (
        "{{ s | upper }} {{ s | lower }} {{ 'hello wORLD-foo bar' | title }} {{ 'hELLO' | "
        "capitalize }}"),
    "case_unicode": "{{ 'straße éà' | upper }} {{ 'ÀÉ' | lower }} {{ 'élan vital' | capitalize }}",
    "trim": "[{{ pad | trim }}] [{{ 'xxaxx' | trim('x') }}] [{{ '\\n\\t a' | trim }}]",
    "length": "{{ s | length }} {{ list | count }} {{ table | length }} {{ '' | length }}",
    "default": (
        "{{ missing | default('d') }} {{ empty | default('d') }}[{{ empty | default('d', true) "
        "}}] {{ none | default('d') }} {{ none | d('d', true) }} {{ missing | default }}"),
    "default_boolean": "{{ no | default('d', boolean=true) }} {{ table.zz | default([]) }}",
    "first_last":
        "{{ list | first }} {{ list | last }} {{ s | first }} {{ s | last }} [{{ [] | first }}]",
    "join": (
        "{{ list | join }} {{ list | join(', ') }} {{ people | join('/', attribute='name') }} {{ "
        "[1, none, true] | join('-') }}"),
    "sort": (
        "{{ list | sort }} {{ list | sort(reverse=true) }} {{ words | sort }} {{ words | "
        "sort(case_sensitive=true) }}"),
    "sort_attribute": (
        "{{ people | sort(attribute='age') | map(attribute='name') | join(',') }} {{ people | "
        "sort(attribute='age,name', reverse=true) | map(attribute='name') | join(',') }}"),
    "unique": (
        "{{ [1, 2, 1, 3, 2] | unique | list }} {{ words | unique | list }} {{ people | "
        "unique(attribute='team') | map(attribute='name') | list }}"),
    "reverse": "{{ list | reverse | list }} {{ s | reverse }}",
    "list": "{{ 'abc' | list }} {{ table | list }} {{ (1, 2) | list }}",
    "map": (
        "{{ words | map('upper') | list }} {{ people | map(attribute='age') | list }} {{ people | "
        "map(attribute='nick', default='-') | list }} {{ [1.5, 2.7] | map('int') | list }} {{ "
        "['a', 'b'] | map('replace', 'a', 'z') | join }}"),
    "select": (
        "{{ [1, 2, 3, 4] | select('even') | list }} {{ [0, 1, '', 'a'] | select | list }} {{ list "
        "| select('gt', 1) | list }} {{ list | select('in', [1, 2]) | list }}"),
    "reject": "{{ [1, 2, 3] | reject('odd') | list }} {{ [0, 1] | reject | list }}",
    "selectattr": (
        "{{ people | selectattr('active') | map(attribute='name') | list }} {{ people | "
        "selectattr('team', 'equalto', 'red') | map(attribute='name') | list }} {{ people | "
        "selectattr('age', '>', 20) | map(attribute='name') | list }} {{ people | "
        "selectattr('nick', 'defined') | list | length }}"),
    "rejectattr": (
        "{{ people | rejectattr('active') | map(attribute='name') | list }} {{ people | "
        "rejectattr('team', 'eq', 'red') | map(attribute='name') | list }} {{ people | "
        "rejectattr('active', 'none') | map(attribute='name') | join }}"),
    "groupby": (
        "{% for team, members in people | groupby('team') %}{{ team }}:{{ members | "
        "map(attribute='name') | join('+') }};{% endfor %}"),
    "groupby_attributes":
        "{% for g in people | groupby('age') %}{{ g.grouper }}={{ g.list | length }} {% endfor %}",
    "groupby_case": (
        "{% for team, m in people | groupby('team', case_sensitive=true) %}{{ team }}:{{ m | "
        "length }};{% endfor %}"),
    "dictsort": (
        "{{ table | dictsort }} {{ table | dictsort(true) }} {{ table | dictsort(false, 'value') "
        "}} {{ table | dictsort(reverse=true) }}"),
    "items":
        "{% for k, v in table | items %}{{ k }}{{ v }}{% endfor %}[{{ missing | items | list }}]",
    "replace": (
        "{{ s | replace('o', '0') }} {{ s | replace('o', '0', 1) }} {{ 'aaa' | replace('a', 'aa') "
        "}} {{ 'ab' | replace('', '-') }}"),
    "round": (
        "{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.561 | round(2, 'ceil') "
        "}} {{ 2.569 | round(1, 'floor') }} {{ 7 | round }} {{ -2.5 | round }}"),
    "int_float": (
        "{{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(-1) }} {{ '3.9' | int }} {{ 3.9 | int }} "
        "{{ '2.5' | float }} {{ 'x' | float }} {{ n | float }} {{ '0x1A' | int(0, 16) }} {{ true "
        "| int }}"),
    "string": (
        "{{ n | string }} {{ list | string }} {{ none | string }} {{ (n | string) + 'a' }} {{ "
        "true | string | length }}"),
    "abs_sum": (
        "{{ -3 | abs }} {{ neg | abs }} {{ list | sum }} {{ people | sum(attribute='age') }} {{ "
        "[] | sum }} {{ list | sum(start=10) }} {{ [1.5, 2] | sum }}"),
    "min_max": (
        "{{ list | min }} {{ list | max }} {{ words | min }} {{ words | max }} {{ (people | "
        "max(attribute='age')).name }} [{{ [] | max }}]"),
    "batch": "{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ [1, 2, 3] | batch(2, 'x') | list }}",
    "slice_filter":
        "{{ [1, 2, 3, 4, 5] | slice(3) | list }} {{ [1, 2, 3, 4] | slice(3, 'x') | list }}",
    "indent": (
        "{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(2, "
        "blank=true) }}|{{ 'a\\nb' | indent('> ') }}"),
    "truncate": (
        "{{ 'a long sentence here' | truncate(10) }} {{ 'a long sentence here' | truncate(10, "
        "true) }} {{ 'a long sentence here' | truncate(10, true, '!') }} {{ 'short' | "
        "truncate(10) }} {{ 'elevenchars' | truncate(10) }}"),
    "center": "[{{ 'ab' | center(7) }}]",
    "wordcount": "{{ 'a bc  d-e' | wordcount }}",
    "wordwrap": "{{ 'aaa bbb ccc ddd' | wordwrap(7) }}",
    "format": (
        "{{ '%s is %d and %.1f' | format('x', 3, 2.55) }} {{ '%(a)s' | format(a=1) }} {{ "
        "'%5s|%-5s|%05d|%x|%%' | format('a', 'b', 42, 255) }}"),
    "urlencode": "{{ 'a b&c/é=?' | urlencode }} {{ {'a': 1, 'b c': 'd&e'} | urlencode }}",
    "striptags": "{{ '<p>a <b>b</b>\\n c</p>' | striptags }}",
    "forceescape": "{{ html | forceescape }} {{ '&lt;' | e }}",
    "xmlattr": "{{ {'a': 'x\"y', 'b': none, 'c': 1} | xmlattr }}",
    "filesizeformat": (
        "{{ 13000 | filesizeformat }} {{ 1048576 | filesizeformat(true) }} {{ 1 | filesizeformat "
        "}}"),
    "pprint": "{{ {'a': [1, 'x']} | pprint }}",
    "attr": "[{{ table | attr('a') }}]",
    "chain": (
        "{{ ' a,b ,c ' | trim | upper | replace(',', ';') }} {{ words | map('lower') | unique | "
        "sort | join('|') }}"),
    "filter_arguments_trailing_comma": "{{ list | join(',',) }} {{ [1, 2,] }} {{ {'a': 1,} }}",
    "unknown_in_dead_branch": "{% if no %}{{ s | no_such_filter }}{% endif %}ok",
}

JSON = {
    "tojson": (
        "{{ table | tojson }} {{ list | tojson }} {{ s | tojson }} {{ none | tojson }} {{ t | "
        "tojson }} {{ f | tojson }} {{ 1.0 | tojson }} {{ big | tojson }}"),
    "tojson_html": "{{ html | tojson }} {{ '</script>' | tojson }}",
    "tojson_unicode": "{{ uni | tojson }} {{ uni | tojson(ensure_ascii=true) }}",
    "tojson_escapes": "{{ 'a\\\"b\\\\c\\n\\t\\r\\x08\\x0c\\x01\\x7f/' | tojson }}",
    "tojson_line_separators": "{{ '\u2028\u2029\u0085' | tojson }}",
    "tojson_indent": (
        "{{ deep | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=2) }} {{ "
        "[[], {}] | tojson(indent=4) }}"),
    "tojson_indent_zero": "{{ [1, {'a': 2}] | tojson(indent=0) }}",
    "tojson_separators": (
        "{{ table | tojson(separators=(',', ':')) }} {{ table | tojson(indent=1, separators=(',', "
        "'=')) }}"),
    "tojson_sort": (
        "{{ table | tojson(sort_keys=true) }} {{ {'b': {'z': 1, 'y': 2}} | tojson(sort_keys=true, "
        "indent=1) }}"),
    "tojson_floats": "{{ [1e20, 1e-7, 0.1, 100.0, 1e16, 123456789.125, -0.0, 1e22] | tojson }}",
    "tojson_keys": "{{ {1: 'a', 2.5: 'b', true: 'c', none: 'd'} | tojson }}",
    "tojson_nested": "{{ people | tojson }}",
    "tojson_concat": "{{ '<' + (table | tojson) + '>' }} {{ 'x' ~ list | tojson }}",
    "tojson_undefined": "{{ missing | tojson }}",
    "tojson_loop_dict": (
        "{% for k, v in table.items() %}{{ k | tojson }}:{{ v | tojson }}{% if not loop.last %}, "
        "{% endif %}{% endfor %}"),
    "tojson_indent_text": "{{ list | tojson(indent='--') }}",
}

TESTS = {
    "defined": (
        "{{ s is defined }} {{ missing is defined }} {{ missing is undefined }} {{ table.a is "
        "defined }} {{ table.zz is defined }} {{ missing is not defined }} {{ list[7] is defined "
        "}}"),
    "none": (
        "{{ none is none }} {{ missing is none }} {{ 0 is none }} {{ n is not none }} {{ none is "
        "undefined }}"),
    "types": (
        "{% for v in ['a', 1, 1.5, true, none, [1], {'a': 1}, range(2)] %}{{ v is string }}{{ v "
        "is number }}{{ v is integer }}{{ v is float }}{{ v is boolean }}{{ v is mapping }}{{ v "
        "is iterable }}{{ v is sequence }} {% endfor %}"),
    "undefined_types": (
        "{{ missing is string }}{{ missing is iterable }}{{ missing is sequence }}{{ missing is "
        "mapping }}"),
    "boolean": (
        "{{ true is true }} {{ 1 is true }} {{ false is false }} {{ none is false }} {{ 0 is "
        "false }}"),
    "numbers": "{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}",
    "compare": (
        "{{ 3 is eq 3 }} {{ 3 is equalto(4) }} {{ 3 is ne 4 }} {{ 3 is lt 4 }} {{ 3 is ge(3) }} "
        "{{ 3 is greaterthan 2 }} {{ 3 is sameas 3 }} {{ none is sameas none }}"),
    "in": "{{ 1 is in [1, 2] }} {{ 'a' is in 'cat' }} {{ 3 is not in [1] }}",
    "case": "{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'Abc' is lower }}",
    "filter_test": "{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }}",
    "callable": "{{ range is callable }} {{ n is callable }} {{ s.upper is callable }}",
    "negated_chain":
        "{{ not s is string }} {{ s is string and n is number }} {{ s is string == true }}",
}

METHODS = {
    "case": (
        "{{ s.upper() }} {{ s.lower() }} {{ 'a b-c'.title() }} {{ 'aB'.swapcase() }} {{ 'aB "
        "c'.capitalize() }}"),
    "strip": (
        "[{{ pad.strip() }}] [{{ pad.lstrip() }}] [{{ pad.rstrip() }}] [{{ 'xyaxy'.strip('xy') "
        "}}] [{{ '##a'.lstrip('#') }}] [{{ 'a\\n\\n'.rstrip('\\n') }}]"),
    "split": (
        "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ "
        "'a,b,c'.rsplit(',', 1) }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a--b'.split('--')[-1] "
        "}}"),
    "splitlines": "{{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ 'a\\nb'.splitlines(true) }}",
    "partition":
        "{{ 'a=b=c'.partition('=') }} {{ 'abc'.partition('=') }} {{ 'a=b=c'.rpartition('=') }}",
    "find": (
        "{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('zz') }} {{ s.index('W') }} {{ "
        "s.count('l') }}"),
    "starts": (
        "{{ s.startswith('Hell') }} {{ s.endswith('x') }} {{ s.startswith(('x', 'H')) }} {{ "
        "s.startswith('W', 7) }}"),
    "replace": "{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }}",
    "join": "{{ ', '.join(words) }} {{ ''.join(['a', 'b']) }}",
    "is": (
        "{{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ "
        "'AB'.isupper() }} {{ 'ab'.islower() }} {{ ''.isdigit() }}"),
    "format": (
        "{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('x', 'y') }} {{ '{a}-{b}'.format(a=1, "
        "b=2) }} {{ '{:>5}|{:<4}|{:03d}'.format('a', 'b', 7) }} {{ '{:.2f}'.format(1.239) }}"),
    "pad":
        "[{{ 'a'.ljust(3) }}] [{{ 'a'.rjust(3, '.') }}] [{{ 'a'.center(5) }}] {{ '7'.zfill(3) }}",
    "dict": (
        "{{ table.get('a') }} {{ table.get('z') }} {{ table.get('z', 0) }} {{ table.keys() | list "
        "}} {{ table.values() | list }} {{ table.items() | list }}"),
    "dict_views": "{{ table.keys() }} {{ table.items() }} {{ table.values() }}",
    "list_index": "{{ list.index(1) }} {{ list.count(3) }} {{ words.index('fig') }}",
    "prefix": "{{ s.removeprefix('Hello') }} {{ s.removesuffix('World') }}",
    "copy": "{{ list.copy() }} {{ table.copy() }}",
    "globals": "{{ dict(a=1, b='c') }} {{ range(5)[1:3] | list }} {{ dict(a=1).a }}",
    "lipsum_joiner": "{% set j = joiner(', ') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %}",
    "cycler": (
        "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current "
        "}}{% set x = c.reset() %}{{ c.next() }}"),
    "strftime_now": (
        "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%B %d, "
        "%Y') }} {{ strftime_now('%H:%M:%S %A %a %j %y %m %I %p %%') }}"),
    "method_of_literal":
        "{{ 'a b'.split()[0].upper() }} {{ [3, 1] | sort | first }} {{ {'a': {'b': 2}}.a.b }}",
}
