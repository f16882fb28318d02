#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The fuzzers' inputs as text, and back.

usage: corpus.py unpack FILE FOLDER
       corpus.py pack FOLDER FILE

  unpack  write each line of FILE, which is base64, into a file of FOLDER
  pack    the other way round, the shortest first
"""
import base64
import pathlib
import sys

HEAD = """\
# SPDX-License-Identifier: GPL-2.0
# Inputs that between them reach all that a long run has reached, base64, one a line:
# written by "scripts/fuzz.sh --minimise", used as seeds.
"""


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if len(arguments) != 3 or arguments[0] not in ("pack", "unpack"):
        sys.exit("corpus.py: error: say unpack FILE FOLDER or pack FOLDER FILE, try --help")
    source, target = map(pathlib.Path, arguments[1:])
    if arguments[0] == "unpack":
        target.mkdir(parents=True, exist_ok=True)
        lines = [line for line in source.read_text().splitlines() if line[:1] != "#"]
        for number, line in enumerate(lines):
            (target / f"corpus-{number:04}").write_bytes(base64.b64decode(line, validate=True))
        return 0
    inputs = sorted({path.read_bytes() for path in source.iterdir()},
                    key=lambda data: (len(data), data))
    target.write_text(HEAD + "".join(base64.b64encode(data).decode() + "\n" for data in inputs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
