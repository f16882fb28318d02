# SPDX-License-Identifier: GPL-2.0
"""The table of what the modules lean on: a line for each member, "struct MEMBER", and
for each function, "function NAME", then a tab and the types that the code copes with,
with " | " between them; one of them "-": a kernel may lack it, and the code asks whether.
"""

MAY_LACK = "-"


def read_expected(path):
    fields, functions = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        what, tab, types = line.partition("\t")
        kind, space, name = what.partition(" ")
        assert tab and space, f"{path}:{number}: not NAME MEMBER<tab>TYPE"
        if kind == "function":
            functions[name] = types.split(" | ")
        else:
            fields[kind, name] = types.split(" | ")
    return {"fields": fields, "functions": functions}
