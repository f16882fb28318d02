# SPDX-License-Identifier: GPL-2.0
"""Types as a kernel and its modules describe them (BTF), without a program that has to
be as new as the kernel is. Documentation/bpf/btf.rst has the format.
"""
import lzma
import struct
import subprocess

MAGIC = 0xEB9F
(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC,
 FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64) = range(1, 20)
WORDS = {VOLATILE: "volatile", CONST: "const", RESTRICT: "restrict"}


PACKERS = {b"\x28\xb5\x2f\xfd": ("zstd", "-dcq"), b"\x02\x21\x4c\x18": ("lz4", "-dcq"),
           b"\x1f\x8b\x08\x00": ("gzip", "-dcq")}


def unpack(data):
    """What a file holds that may be compressed."""
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(data)
    if data[:4] in PACKERS:
        return subprocess.run(PACKERS[data[:4]], input=data, check=True,
                              capture_output=True).stdout
    return data


def vmlinux_of(image):
    """The kernel in a bzImage; Documentation/arch/x86/boot.rst has where it lies."""
    assert image[0x202:0x206] == b"HdrS", "no bzImage"
    begin = (image[0x1F1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    length = struct.unpack_from("<I", image, 0x24C)[0]
    # The last four bytes are the unpacked length.
    return unpack(image[begin:begin + length - 4])


def section(elf, wanted):
    """A section of a 64-bit little-endian ELF file, or None."""
    offset, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", elf, offset + i * size) for i in range(count)]
    for name, _, _, _, begin, length in heads:
        at = heads[names][4] + name
        if elf[at:elf.index(b"\0", at)] == wanted.encode():
            return elf[begin:begin + length]
    return None


class Btf:
    """The types of one section, above those of a base if it was split from one."""

    def __init__(self, data, base=None):
        magic, version, _, length, types, types_length, strings, strings_length = \
            struct.unpack_from("<HBBIIIII", data)
        assert magic == MAGIC and version == 1, "no BTF"
        self.base = base
        self.first = base.end if base else 1
        self.first_string = base.end_string if base else 0
        self.end_string = self.first_string + strings_length
        self.strings = data[length + strings:length + strings + strings_length]
        self.types = list(self.read(data[length + types:length + types + types_length]))
        self.end = self.first + len(self.types)
        self.named = {}
        for number, (kind, name, _, _) in enumerate(self.types, self.first):
            if name:
                self.named.setdefault((kind, name), number)

    def string(self, offset):
        if self.base and offset < self.first_string:
            return self.base.string(offset)
        offset -= self.first_string
        return self.strings[offset:self.strings.index(b"\0", offset)].decode()

    def read(self, data):
        """Of each type: kind, name, size or type, and what follows of its kind."""
        at = 0
        while at < len(data):
            name, info, size = struct.unpack_from("<III", data, at)
            at += 12
            count, kind, flag = info & 0xFFFF, info >> 24 & 0x1F, info >> 31
            more = None
            words = {INT: 1, ARRAY: 3, ENUM: 2 * count, FUNC_PROTO: 2 * count, VAR: 1,
                     DATASEC: 3 * count, DECL_TAG: 1, ENUM64: 3 * count,
                     STRUCT: 3 * count, UNION: 3 * count}.get(kind, 0)
            numbers = struct.unpack_from(f"<{words}I", data, at)
            at += 4 * words
            if kind in (STRUCT, UNION):
                more = [(self.string(n), t, o & 0xFFFFFF if flag else o, o >> 24 if flag else 0)
                        for n, t, o in zip(*[iter(numbers)] * 3)]
            elif kind == FUNC_PROTO:
                more = numbers[1::2]
            elif kind == ARRAY:
                more = numbers[0], numbers[2]
            yield kind, self.string(name), size, more

    def type(self, number):
        if self.base and number < self.first:
            return self.base.type(number)
        return self.types[number - self.first]

    def find(self, kind, name):
        """The number of a named type, or None."""
        found = self.named.get((kind, name))
        return found or (self.base.find(kind, name) if self.base else None)

    def text(self, number, inner=""):
        """A type as C has it, around the declarator that is given."""
        if number == 0:
            return f"void {inner}".strip()
        kind, name, size, more = self.type(number)
        if kind == PTR:
            inner = f"*{inner}"
            if self.strip(size) in (ARRAY, FUNC_PROTO):
                inner = f"({inner})"
            return self.text(size, inner)
        if kind == ARRAY:
            return self.text(more[0], f"{inner}[{more[1] or ''}]")
        if kind == FUNC_PROTO:
            arguments = ", ".join(self.text(a) if a else "..." for a in more) or "void"
            return self.text(size, f"{inner}({arguments})")
        if kind == TYPE_TAG:
            return self.text(size, inner)
        if kind in WORDS:
            return f"{WORDS[kind]} {self.text(size, inner)}"
        word = {STRUCT: "struct ", UNION: "union ", ENUM: "enum ", ENUM64: "enum ",
                FWD: "struct "}.get(kind, "")
        return f"{word}{name or '{}'} {inner}".strip()

    def strip(self, number):
        """The kind below what only qualifies."""
        while number and self.type(number)[0] in (*WORDS, TYPE_TAG):
            number = self.type(number)[2]
        return self.type(number)[0] if number else None

    def size(self, number):
        """Bytes of a type."""
        kind, _, size, more = self.type(number)
        if kind == PTR:
            return 8
        if kind == ARRAY:
            return more[1] * self.size(more[0])
        if kind in (TYPEDEF, TYPE_TAG, *WORDS):
            return self.size(size)
        return size

    def members(self, name):
        """name -> offset, size in bits and type of all of a struct's, those of nameless
        members among them; None if there is no such struct."""
        number = self.find(STRUCT, name)
        if not number:
            return None
        found = {}
        self.collect(number, 0, found)
        return found

    def collect(self, number, start, found):
        for name, kind, offset, bits in self.type(number)[3]:
            if not name:
                self.collect(kind, start + offset, found)
                continue
            found[name] = {"offset": start + offset, "bits": bits or 8 * self.size(kind),
                           "type": self.text(kind)}

    def function(self, name):
        """The type of a function, or None."""
        number = self.find(FUNC, name)
        return self.text(self.type(number)[2]) if number else None
