# SPDX-License-Identifier: GPL-2.0
"""Tables in Markdown: how the documents' are read, and how those that a command makes
are printed.
"""


def rows(text, head):
    """The lines of each table whose head begins so, those of its head left out."""
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif line.startswith(head):
            inside = True
        elif inside and not line.startswith("|---"):
            yield line


def show(head, cells):
    """A row for each list of cells."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in cells:
        print(f"| {' | '.join(row)} |")
