#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Made-up machines: a description, its config space, and what lspci says of it.

usage: machine.py DIRECTORY [NAME...]

Writes NAME.hex (lspci -xxxx) and, by the real lspci, NAME.txt (lspci -vvvnn),
NAME.D.txt (-D) and NAME.PP.txt (-PP). Knows nothing of verdicts.
"""

import subprocess
import sys

# Bits of the ACS registers (PCIe r6.0, sec 7.7.11)
SV, TB, RR, CR, UF, EC, DT = 1, 2, 4, 8, 16, 32, 64
ALL = SV | TB | RR | CR | UF | EC | DT
ACS_OFF = (ALL, 0)
LINUX = SV | RR | CR | UF	# what Linux sets with an IOMMU

# kind: PCIe type or None, class, vendor, device, name of the class
KINDS = {
    "host": (None, 0x0600, 0x8086, 0x29c0, "Host bridge"),
    "root": (4, 0x0604, 0x1b36, 0x000c, "PCI bridge"),
    "up": (5, 0x0604, 0x1000, 0xc030, "PCI bridge"),
    "down": (6, 0x0604, 0x1000, 0xc030, "PCI bridge"),
    "pcie-pci": (7, 0x0604, 0x1b36, 0x000e, "PCI bridge"),
    "pci-pci": (None, 0x0604, 0x1b36, 0x0001, "PCI bridge"),
    "drive": (0, 0x0108, 0x144d, 0xa80a, "Non-Volatile memory controller"),
    "nic": (0, 0x0200, 0x15b3, 0x1021, "Ethernet controller"),
    "gpu": (0, 0x0302, 0x10de, 0x2330, "3D controller"),
    "other": (0, 0x0700, 0x1234, 0x0700, "Serial controller"),
    "pci": (None, 0x0280, 0x1234, 0x0280, "Network controller"),
    "rc": (9, 0x0880, 0x1234, 0x0880, "System peripheral"),
}


class Function:
    """A function, and what is below it. Attributes are registers in words."""

    def __init__(self, kind, parent, root, devfn, **attributes):
        self.kind, self.parent, self.root = kind, parent, root
        self.dev, self.fn = devfn
        self.type, self.cls, self.vendor, self.device, self.name = KINDS[kind]
        self.children = []
        self.acs = None		# (capability, control)
        self.known = 4096	# bytes
        self.mps = 1		# Max_Payload_Size, 128 << mps bytes
        self.tag_requester = self.tag_completer = False
        self.vfs = 0		# number of virtual functions
        self.total_vfs = None	# their largest number, if not this
        self.offset, self.stride = 8, 1
        self.physfn = None
        self.ats = None		# Enable
        self.gap = 0		# bus numbers kept free below
        self.secondary = self.subordinate = 0
        for key, value in attributes.items():
            assert hasattr(self, key), key
            setattr(self, key, value)

    @property
    def bridge(self):
        return self.cls == 0x0604

    @property
    def address(self):
        return f"{self.root.domain:04x}:{self.bus:02x}:{self.dev:02x}.{self.fn}"

    @property
    def key(self):
        return self.root.domain, self.bus, self.dev, self.fn

    def path(self):
        if not self.parent:
            return self.address
        return f"{self.parent.path()}/{self.dev:02x}.{self.fn}"

    def add(self, kind, dev=None, fn=0, **attributes):
        if dev is None:
            dev = 1 + max([c.dev for c in self.children], default=-1)
        f = Function(kind, self, self.root, (dev, fn), **attributes)
        self.children.append(f)
        f.add_virtual()
        return f

    def add_virtual(self):
        for n in range(self.vfs):
            rid = self.dev << 3 | self.fn
            rid += self.offset + n * self.stride
            vf = Function(self.kind, self.parent, self.root,
                          (rid >> 3 & 31, rid & 7), physfn=self, mps=0,
                          device=self.device + 1)
            vf.bus_offset = rid >> 8
            self.parent.children.append(vf)

    def switch(self, ports, **attributes):
        """Upstream port, and a list of downstream ports, an attribute each"""
        up = self.add("up", **attributes)
        return [up.add("down", acs=acs) for acs in ports]


class Root:
    """A root bus. Takes the part of a bridge."""

    def __init__(self, domain, bus, host):
        self.domain, self.bus = domain, bus
        self.children = []
        if host:
            self.add("host", vendor=host[0], device=host[1])

    def add(self, kind, dev=None, fn=0, **attributes):
        if dev is None:
            dev = 1 + max([c.dev for c in self.children], default=-1)
        f = Function(kind, None, self, (dev, fn), **attributes)
        self.children.append(f)
        return f


class Machine:
    def __init__(self):
        self.roots = []

    def root(self, domain=0, bus=0, host=(0x8086, 0x29c0)):
        self.roots.append(Root(domain, bus, host))
        return self.roots[-1]

    def number(self):
        """Give bus numbers, and return all functions by address."""
        self.functions = []
        for root in self.roots:
            self.number_bus(root.children, root.bus)
        self.functions.sort(key=lambda f: f.key)
        return self.functions

    def number_bus(self, children, bus):
        last = bus
        for f in children:
            f.bus = bus + getattr(f, "bus_offset", 0)
            last = max(last, f.bus)
        for f in sorted(children, key=lambda f: (f.bus, f.dev, f.fn)):
            self.functions.append(f)
            if f.bridge:
                f.secondary = last + 1
                last = self.number_bus(f.children, last + 1) + f.gap
                f.subordinate = last
        assert last < 256, "out of bus numbers"
        return last

    def find(self, address):
        return next(f for f in self.functions if f.address == address)

    def write(self, path, for_lspci=False):
        domains = any(f.root.domain for f in self.functions)
        multi = {(f.root.domain, f.bus, f.dev)
                 for f in self.functions if f.fn}
        with open(path, "w", encoding="ascii") as file:
            for f in self.functions:
                name = f.address if domains else f.address.split(":", 1)[1]
                file.write(f"{name} {f.name}: "
                           f"Device {f.vendor:04x}:{f.device:04x}\n")
                image = config_space(f, f.key[:3] in multi, for_lspci)
                file.write(hex_text(image[:f.known]) + "\n")


def put(image, at, size, value):
    image[at:at + size] = value.to_bytes(size, "little")


def config_space(f, multi, for_lspci):
    image = bytearray(4096)
    virtual = f.physfn and not for_lspci	# its numbers read as ones
    put(image, 0x00, 2, 0xffff if virtual else f.vendor)
    put(image, 0x02, 2, 0xffff if virtual else f.device)
    # Virtual functions have no memory enable bit of their own
    put(image, 0x04, 2, 0x0004 if f.physfn else 0x0006)
    put(image, 0x06, 2, 0x0010)			# capabilities
    put(image, 0x08, 4, f.cls << 16 | (0x0200 if f.cls == 0x0108 else 0) | 1)
    image[0x0e] = f.bridge | multi << 7
    if f.bridge:
        image[0x18:0x1b] = bytes([f.bus, f.secondary, f.subordinate])
        put(image, 0x1c, 2, 0x00f0)		# windows: none
        put(image, 0x20, 4, 0x0000fff0)
        put(image, 0x24, 4, 0x0001fff1)
    elif not f.physfn:
        put(image, 0x2c, 4, f.device << 16 | f.vendor)
    image[0x34] = 0x40
    if f.type is None:
        put(image, 0x40, 4, 0x00030001)		# power management
        return image
    express(image, f)
    extended(image, f)
    return image


def express(image, f):
    slot = f.type in (4, 6)
    put(image, 0x40, 4, (2 | f.type << 4 | slot << 8) << 16 | 0x10)
    put(image, 0x44, 4, 0x8002)			# 512 bytes
    put(image, 0x48, 2, f.mps << 5 | 0x2810)
    if f.type != 9:
        put(image, 0x4c, 4, 0x0104)		# 16 GT/s x16
        put(image, 0x52, 2, 0x0104)
    put(image, 0x64, 4, f.tag_completer << 16 | f.tag_requester << 17)
    put(image, 0x68, 2, f.tag_requester << 12)


def extended(image, f):
    last = 0x100
    put(image, 0x100, 4, 0x00020001)		# errors
    if f.acs:
        put(image, last + 2, 2, 0x148 << 4 | 2)
        put(image, 0x148, 4, 0x0001000d)
        put(image, 0x14c, 2, f.acs[0] | (0x0800 if f.acs[0] & EC else 0))
        put(image, 0x14e, 2, f.acs[1])
        last = 0x148
    if f.vfs or f.total_vfs:
        image[last + 2] |= 0x160 << 4 & 0xff
        image[last + 3] = 0x160 >> 4
        put(image, 0x160, 4, 0x00010010)
        put(image, 0x168, 2, 0x0009 if f.vfs else 0)
        for at in (0x16c, 0x16e):
            put(image, at, 2, f.total_vfs or f.vfs)
        put(image, 0x170, 2, f.vfs)
        put(image, 0x174, 2, f.offset)
        put(image, 0x176, 2, f.stride)
        put(image, 0x17a, 2, f.device + 1)
        put(image, 0x17c, 4, 0x553)
        put(image, 0x180, 4, 1)
        last = 0x160
    if f.ats is not None:
        image[last + 2] |= 0x1a0 << 4 & 0xff
        image[last + 3] = 0x1a0 >> 4
        put(image, 0x1a0, 4, 0x0001000f)
        put(image, 0x1a6, 2, f.ats << 15)


ZERO = {at: f"{at:02x}:" + 16 * " 00" + "\n" for at in range(0, 4096, 16)}


def hex_text(image):
    return "".join(
        f"{at:02x}: {row.hex(' ')}\n" if any(row) else ZERO[at]
        for at, row in ((at, image[at:at + 16])
                        for at in range(0, len(image), 16)))


def a_switch(renumbered=False):
    """Three drives below a switch, one port redirects, no way up"""
    m = Machine()
    r = m.root()
    first = r.add("root", 1, acs=(ALL, LINUX & ~UF))
    if renumbered:
        first.switch([ACS_OFF])[0].add("drive")
    ports = r.add("root", 3, acs=(ALL, LINUX & ~UF)).switch(
        [ACS_OFF, (ALL, SV | RR | CR | UF), ACS_OFF])
    for port in ports:
        port.add("drive")
    return m


def a_gpus():
    """16 GPUs and 32 drives below four switches, two in each domain"""
    m = Machine()
    for domain in (0, 1):
        r = m.root(domain)
        for n in range(2):
            off = (ALL, SV | UF)
            ports = r.add("root", n + 1, acs=(ALL, LINUX)).switch(12 * [off])
            for i, port in enumerate(ports):
                port.add("gpu" if i < 4 else "drive")
            if n:
                ports[11].acs = (ALL, LINUX)
    return m


def a_pc():
    """A conventional machine"""
    m = Machine()
    r = m.root(host=(0x8086, 0x1237))
    r.add("drive", 4)
    r.add("nic", 5)
    b = r.add("pci-pci", 6)
    b.add("pci", 1)
    b.add("pci-pci", 2).add("pci", 1)
    return m


def a_nested():
    """Nested switches below a port that forwards and one that doesn't"""
    m = Machine()
    r = m.root(host=(0x8086, 0x2020))
    for dev, acs in ((1, LINUX), (2, LINUX & ~UF)):
        ports = r.add("root", dev, acs=(ALL, acs)).switch(
            [(ALL, LINUX), (ALL, LINUX)])
        ports[0].add("nic", ats=True)
        for port in ports[1].switch([(ALL, LINUX), (ALL, SV | CR), ACS_OFF]):
            port.add("drive")
    return m


def a_sriov():
    """Virtual functions without and with ACS, and on the next bus"""
    m = Machine()
    r = m.root()
    r.add("root", acs=ACS_OFF).add("nic", vfs=3)
    nic = r.add("root", acs=(ALL, UF)).add("nic", vfs=2, offset=256,
                                           acs=(RR | CR | EC, 0))
    for vf in nic.parent.children[1:]:
        vf.acs = (RR | CR | EC, 0)
    nic.parent.children[2].acs = (RR | CR | EC, RR)
    r.add("root").add("drive", total_vfs=4)
    return m


def a_multifunction():
    """Functions of one device: no ACS, ACS, and ACS that can't redirect"""
    m = Machine()
    r = m.root()
    for acs in (None, (RR | CR, 0), (RR | CR, RR | CR), (SV, 0)):
        port = r.add("root", acs=ACS_OFF)
        port.add("gpu", 0, 0, acs=acs)
        port.add("drive", 0, 1, acs=(RR | CR, 0) if acs else None)
    return m


def of_ports(*acs, **attributes):
    """A switch with a drive at each port"""
    m = Machine()
    ports = m.root().add("root", acs=(ALL, 0)).switch(list(acs))
    for port in ports:
        port.add("drive", **attributes)
    return m, ports


def a_hardwired():
    return of_ports((SV | TB | CR | UF, 0), (SV | TB | RR | UF, 0), ACS_OFF)[0]


def a_egress():
    return of_ports((ALL, EC), (ALL, EC | RR), ACS_OFF)[0]


def a_payload():
    m, ports = of_ports(ACS_OFF, ACS_OFF, ACS_OFF, ACS_OFF)
    ports[1].children[0].mps = 2
    ports[2].mps = 0
    return m


def a_tags():
    m, ports = of_ports(ACS_OFF, ACS_OFF, ACS_OFF)
    ports[0].children[0].tag_requester = True
    ports[1].children[0].tag_completer = True
    return m


def a_enhanced():
    more = ALL | 0x1f80
    m = Machine()
    ports = m.root().add("root", acs=ACS_OFF).switch(
        [(more, 0x0800), (more, 0)])
    for port in ports:
        port.add("drive")
    return m


def a_unknown(known=64):
    m, ports = of_ports(ACS_OFF, ACS_OFF, ACS_OFF)
    ports[0].known = known
    ports[1].children[0].known = known
    return m


def a_scale(number, every=1):
    """Switches of 30 ports, a drive at each @every of them"""
    m = Machine()
    left = number
    r = None
    while left > 0:
        if not r or len(r.children) > 6:
            r = m.root(len(m.roots))
            left -= 1
        ports = r.add("root", acs=(ALL, LINUX)).switch(
            [(ALL, LINUX if n & 1 else UF)
             for n in range(max(1, min(30, (left - 2) // 2)))])
        left -= 2 + 2 * len(ports)
        for n, port in enumerate(ports):
            port.add("other" if n % every else "drive")
    return m


MACHINES = {
    "switch": a_switch,
    "renumbered": lambda: a_switch(True),
    "gpus": a_gpus,
    "pc": a_pc,
    "nested": a_nested,
    "sriov": a_sriov,
    "multifunction": a_multifunction,
    "hardwired": a_hardwired,
    "egress": a_egress,
    "payload": a_payload,
    "tags": a_tags,
    "enhanced": a_enhanced,
    "unknown64": a_unknown,
    "unknown256": lambda: a_unknown(256),
    "scale400": lambda: a_scale(400),
    "scale4096": lambda: a_scale(4096, 15),
}


def make(name):
    m = MACHINES[name]()
    m.number()
    return m


def lspci(source, options):
    return subprocess.run(["lspci", "-F", source, *options], check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def write_all(name, directory):
    m = make(name)
    base = f"{directory}/{name}"
    m.write(base + ".hex")
    if name.startswith("scale"):
        return
    m.write(base + ".lspci", for_lspci=True)
    for suffix, option in (("", "-nn"), (".D", "-nnD"), (".PP", "-nnPP")):
        with open(f"{base}{suffix}.txt", "wb") as file:
            file.write(lspci(base + ".lspci", ["-vvv", option]))


if __name__ == "__main__":
    for machine in sys.argv[2:] or MACHINES:
        write_all(machine, sys.argv[1])
