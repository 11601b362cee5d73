#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""An independent judge: packets, sent through made-up machines to their end.

usage: oracle.py TOOL DIRECTORY [SEED]

Written from the rules' text, not from the kernel's source: a request goes up
from the client, port by port, and its completion from the provider, until it
is delivered, lost, or at the root complex. Random machines (ORACLE of them,
40 by default); no pair of the tool's matrix may differ, and plans must do what
they say, with no change too many.
"""

import copy
import itertools
import json
import os
import random
import subprocess
import sys

import machine as mc
from machine import ALL, CR, EC, LINUX, RR, UF

BUS, HOST, WRITES, NO = ("bus-address", "through-host",
                         "through-host-writes-only", "not-supported")
# Root complexes that are known: what routes to other host bridges, too
TABLE = {(0x8086, 0x2020): True, (0x8086, 0x3c00): False,
         (0x1d17, 0x1008): True, (0x1d17, 0x1003): False}
UNKNOWN = object()


class Facts:
    def __init__(self, zen=False, iommu=False, encrypted=False,
                 conventional=False, allowed=(), external=()):
        self.zen, self.iommu, self.encrypted = zen, iommu, encrypted
        self.conventional = conventional
        self.allowed = list(allowed)		# (vendor, device, writes only)
        self.external = set(external)		# addresses

    def options(self):
        told = [f"{name}=yes" for name in ("zen", "iommu", "encrypted",
                                           "conventional")
                if getattr(self, name)]
        if not self.encrypted:
            told.append("encrypted=no")
        args = ["-A", ",".join(told)] if told else []
        if self.allowed:
            args += ["-H", ";".join(f"{v:04x}:{d:04x}" + (":w" if w else "")
                                    for v, d, w in self.allowed)]
        for address in sorted(self.external):
            args += ["-e", address]
        return args


def above(f):
    """From the function itself up to the one on the root bus"""
    while f:
        yield f
        f = f.parent


def contains(bridge, f):
    """None: the root complex"""
    return not bridge or bridge in above(f)


def is_downstream(f):
    return f.type in (4, 6)


def is_conventional_root(root, facts):
    return facts.conventional and not any(
        f.type == 4 or f.bridge and f.known == 64 for f in root.children)


def below_conventional(f, facts):
    bridges = list(above(f))[1:]
    return any(b.type == 7 for b in bridges) or \
        is_conventional_root(f.root, facts)


def register(f):
    """ACS Control as far as it is known, None without"""
    if f.known == 64 or (f.known == 256 and f.type is not None):
        return UNKNOWN
    if f.acs:
        return f.acs[1]
    # PCIe below a bridge that isn't, or the reverse: a contradiction
    if f.parent and (f.type is None) != (f.parent.type is None):
        return UNKNOWN
    return None


def acs_word(f, facts):
    """The controls in effect, None without ACS"""
    if below_conventional(f, facts):
        return None
    word = register(f)
    if word in (None, UNKNOWN):
        return word
    return word | (RR | CR) & ~f.acs[0]


def sends_up(f, kind, facts):
    """What becomes of a packet that could go to a sibling's side: True, it is
    redirected; False, it goes there; None, it may be lost"""
    word = acs_word(f, facts)
    if word is UNKNOWN:
        return None
    if word is None:
        if below_conventional(f, facts) or f.bridge:
            return False
        return bool(f.physfn or f.vfs or f.total_vfs)
    if word & (RR if kind == "request" else CR):
        return True
    return None if kind == "request" and word & EC else False


def is_forwarding(port, facts):
    word = acs_word(port, facts)
    return word not in (None, UNKNOWN) and bool(word & UF)


def to_bridge(src, dst, facts):
    """To or from a bridge's own memory: enhanced controls may block"""
    bridge, f = (dst, src) if contains(dst, src) else (src, dst)
    for port in above(f):
        if port is f:
            continue
        word = acs_word(port, facts)
        if word is UNKNOWN or word is not None and word & 0x1f80:
            return "lost"
        if port is bridge:
            return "delivered"
    raise AssertionError


def is_shielded(at, dst, facts):
    """Enhanced controls are also for memory of the ports beside a port"""
    word = acs_word(at, facts)
    return is_downstream(dst) and dst.parent is at.parent and \
        word not in (None, UNKNOWN) and bool(word & 0x1f80)


def travel(kind, src, dst, facts, translated):
    """"delivered", "lost", or "root": it has come to the root complex"""
    if contains(dst, src) or contains(src, dst):
        return to_bridge(src, dst, facts)
    at, redirected = src, False
    while at.parent:
        port = at.parent
        if contains(port, dst) and not redirected:
            # The paths part at this function
            if kind == "request" and is_shielded(at, dst, facts):
                return "lost"
            up = sends_up(at, kind, facts)
            if up is None:
                return "lost"
            if not up:
                return "delivered"
            redirected = True
        if redirected and port.type != 5:
            # It comes in where its destination is
            if not is_downstream(port):
                return "lost"
            if not translated and not is_forwarding(port, facts):
                return "lost"
        at = port
    return "root"


def host_of(root, facts):
    """What the root complex routes, by the first function that is known"""
    if facts.zen and any(f.cls == 0x0600 or f.type in (4, 9, 10)
                         for f in root.children):
        return {"w", "r", "any w", "any r"}
    ports = [f for f in root.children
             if f.cls == 0x0600 or f.type == 4 or
             (f.dev, f.fn) == (0, 0) and (f.vendor, f.device) in TABLE]
    for f in sorted(ports, key=lambda f: f.cls != 0x0600):
        routes = set()
        for v, d, writes_only in facts.allowed:
            if (v, d) == (f.vendor, f.device):
                routes |= {"w", "any w"}
                if not writes_only:
                    routes |= {"r", "any r"}
        if (f.vendor, f.device) in TABLE:
            routes |= {"w", "r"}
            if TABLE[f.vendor, f.device]:
                routes |= {"any w", "any r"}
        if routes:
            return routes
    return set()


def through_host(provider, client, facts):
    """Rule 9"""
    if facts.encrypted:
        return NO
    routes = host_of(provider.root, facts)
    prefix = ""
    if provider.root is not client.root:
        routes &= host_of(client.root, facts)
        prefix = "any "
    if prefix + "w" not in routes:
        return NO
    return HOST if prefix + "r" in routes else WRITES


def common_of(a, b):
    return next((f for f in above(a) if contains(f, b)), None)


def over_root(provider, client, facts):
    """No common bridge: rules 4 and 5"""
    ends = [list(above(f))[-1] for f in (provider, client)]
    if provider.root is client.root and \
       is_conventional_root(provider.root, facts) and \
       not any(f.type is not None for f in ends):
        return BUS
    word = acs_word(ends[1], facts)
    if word is UNKNOWN or word is not None and word & EC and not word & RR:
        return NO
    if ends[0] is provider and is_downstream(provider) and word and word & 0x1f80:
        return NO
    return through_host(provider, client, facts)


def sender(f):
    """What makes packets of what a function sends: of a conventional one, the
    bridge from PCI Express above it; of a virtual one, the physical one. None:
    there are no packets."""
    f = f.physfn or f
    while f and f.type is None and f.known != 64:
        f = f.parent
    return f


def sizes_fit(provider, client, common, to_root):
    """Rule 11. What isn't known doesn't fit."""
    ends = [sender(provider), sender(client)]
    ports = [f for end in (provider, client) for f in above(end)
             if f not in (provider, client) and f not in ends and
             (to_root or f is not common and contains(common, f))]
    packets = [f for f in ends if f and contains(common, f) and
               (f is not common or common in (provider, client))]
    if packets and any(f.known == 64 for f in packets + ports):
        return False
    sizes = {f.mps for f in packets}
    if len(sizes) > 1 or any(f.mps < max(sizes, default=0) for f in ports
                             if f.type is not None):
        return False
    provider, client = ends
    # No end of packets: the root complex answers, as for host memory
    return not (client and client.tag_requester) or \
        not provider or provider.tag_completer


def judge(provider, client, facts):
    """(type, distance)"""
    if provider is client:
        return BUS, 0
    if any(f.address in facts.external
           for end in (provider, client) for f in list(above(end))[1:]):
        return NO, None
    common = common_of(provider, client)
    # ATS of what isn't known may be on
    translated = facts.iommu and not client.ats and \
        (client.known == 4096 or
         client.type is None and client.known != 64)
    if not common:
        verdict = over_root(provider, client, facts)
        to_root = True
    else:
        ends = {travel("request", client, provider, facts, translated),
                travel("completion", provider, client, facts, False)}
        to_root = "root" in ends
        verdict = NO if "lost" in ends else \
            through_host(provider, client, facts) if to_root else BUS
    if verdict == NO or \
       not sizes_fit(provider, client, common, to_root):
        return NO, None
    depth = len(list(above(common))) if common else 0
    return verdict, sum(len(list(above(f))) - depth
                        for f in (provider, client))


# Random machines

def random_acs(rng, port=True):
    if rng.random() < (0.15 if port else 0.5):
        return None
    cap = rng.choice([ALL, ALL, ALL, ALL & ~rng.choice([RR, CR, RR | CR, UF]),
                      ALL | 0x1f80] if port else
                     [RR | CR, RR | CR, RR | CR | EC, 0, RR, CR])
    ctrl = rng.choice([0, UF, LINUX, LINUX & ~UF, RR, CR, EC, EC | RR | UF,
                       rng.randrange(0x80), rng.randrange(0x2000)])
    return cap, ctrl & cap


def random_device(rng, bridge):
    kind = rng.choice(["drive", "drive", "nic", "gpu", "other"])
    style = rng.random()
    if style < 0.6:
        f = bridge.add(kind, ats=rng.choice([None, None, False, True]))
        f.tag_requester = rng.random() < 0.03
        f.tag_completer = rng.random() < 0.5
    elif style < 0.8:
        for fn in range(rng.randint(2, 3)):
            bridge.add(kind, 0, fn, acs=random_acs(rng, False),
                       ats=rng.choice([None, True]))
    else:
        f = bridge.add(kind, acs=random_acs(rng, False), total_vfs=4,
                       vfs=rng.randint(0, 2), offset=rng.choice([1, 8, 256]))
        for vf in bridge.children:
            if vf.physfn:
                vf.acs = random_acs(rng, False)


def random_below(rng, port, depth):
    style = rng.random()
    if depth < 2 and style < 0.5 - 0.15 * depth:
        up = port.add("up", acs=None)
        for _ in range(rng.randint(1, 3)):
            random_below(rng, up.add("down", acs=random_acs(rng)), depth + 1)
    elif style < 0.58:
        bridge = port.add("pcie-pci")
        for _ in range(rng.randint(1, 2)):
            bridge.add(rng.choice(["pci", "drive"]))
        if rng.random() < 0.3:
            bridge.add("pci-pci").add(rng.choice(["pci", "drive"]))
    elif style < 0.97:
        random_device(rng, port)


def random_conventional(rng, root):
    for _ in range(rng.randint(1, 3)):
        root.add(rng.choice(["pci", "drive"]))
    bridge = root.add("pci-pci")
    bridge.add("pci")
    if rng.random() < 0.5:
        bridge.add("pci-pci").add("pci")


def random_machine(rng):
    m = mc.Machine()
    conventional = rng.random() < 0.1
    for n in range(rng.choice([1, 1, 2])):
        host = rng.choice([(0x8086, 0x29c0), (0x1234, 0x0001), *TABLE, None])
        root = m.root(*rng.choice([(0, 0x80 * n), (n, 0)]), host)
        if conventional:
            random_conventional(rng, root)
            continue
        for _ in range(rng.randint(1, 3)):
            random_below(rng, root.add("root", acs=random_acs(rng)), 0)
        if rng.random() < 0.3:
            root.add("rc", acs=random_acs(rng, False))
    m.number()
    for f in m.functions:
        if f.physfn or f.vfs or f.total_vfs:
            continue
        if rng.random() < 0.02:
            f.known = rng.choice([64, 256])
            if f.known == 64:
                f.type = None		# nothing says that it is PCIe
        if rng.random() < 0.02:
            f.mps = rng.randrange(3)
    return m, conventional


def random_facts(rng, m, conventional):
    hosts = [(0x8086, 0x29c0), (0x1234, 0x0001), (0x1b36, 0x000c)]
    allowed = [(v, d, rng.random() < 0.4) for v, d in hosts
               if rng.random() < 0.4]
    ports = [f.address for f in m.functions if is_downstream(f)]
    external = rng.sample(ports, 1) if ports and rng.random() < 0.15 else []
    return Facts(rng.random() < 0.25, rng.random() < 0.4, rng.random() < 0.1,
                 conventional and rng.random() < 0.8, allowed, external)


# The tool

class Tool:
    def __init__(self, path, directory):
        self.path, self.directory = path, directory
        self.file = f"{directory}/oracle.hex"

    def ask(self, facts, *args, expect=(0, 1)):
        command = [self.path, "-i", self.file, "-R", "-j", *facts.options(),
                   *args]
        run = subprocess.run(command, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False)
        if run.returncode not in expect:
            sys.exit(f"  {' '.join(command)}: status {run.returncode}\n"
                     + run.stderr.decode(errors="replace"))
        return json.loads(run.stdout)

    def matrix(self, facts):
        return self.ask(facts, "-a", "matrix")["pairs"]


class Count:
    pairs = plans = helped = hopeless = differ = 0
    types = {}
    kinds = {}
    seeds = set()


def differ(seed, tool, facts, text):
    Count.differ += 1
    # One of a machine is enough to look at
    if seed not in Count.seeds and len(Count.seeds) < 10:
        Count.seeds.add(seed)
        keep = f"{tool.directory}/oracle-{seed}.hex"
        with open(tool.file, "rb") as old, open(keep, "wb") as new:
            new.write(old.read())
        print(f"  seed {seed}: {text}\n    {tool.path} -i {keep} -R "
              + " ".join(f"'{o}'" for o in facts.options()), flush=True)


def compare(seed, tool, m, facts):
    by_address = {f.address: f for f in m.functions}
    for pair in tool.matrix(facts):
        want = judge(by_address[pair["provider"]], by_address[pair["client"]],
                     facts)
        Count.pairs += 1
        Count.types[want[0]] = Count.types.get(want[0], 0) + 1
        if (pair["type"], pair["distance"]) != want:
            differ(seed, tool, facts,
                   f"{pair['provider']} {pair['client']}: the tool says "
                   f"{pair['type']} {pair['distance']} ({pair['reason']}, at "
                   f"{pair['at']}), the oracle {want[0]} {want[1]}")


# Plans

NAMES = {"SV": 1, "TB": 2, "RR": RR, "CR": CR, "UF": UF, "EC": EC, "DT": 64,
         "EN": 0x1f80}


def set_function(f, name, value):
    if name == "acs":
        f.acs = f.acs[0], int(value, 16)
    elif name in ("acs-", "acs+"):
        bits = sum(NAMES[bit] for bit in value.split(","))
        f.acs = f.acs[0], (f.acs[1] | bits if name == "acs+" else
                           f.acs[1] & ~bits)
    elif name == "ats":
        f.ats = value == "on"
    elif name == "10-bit-tags":
        f.tag_requester = value == "on"
    elif name == "payload":
        (f.physfn or f).mps = (int(value) // 128).bit_length() - 1
    else:
        sys.exit(f"  oracle.py doesn't know a change of {name}")


def change(m, facts, texts):
    """Copies of machine and facts with what -s would do"""
    m, facts = copy.deepcopy((m, facts))
    for text in texts:
        what, value = text.split("=", 1)
        if what == "host":
            facts.allowed += [(int(p[0], 16), int(p[1], 16), len(p) > 2)
                              for p in (h.split(":") for h in value.split(";"))]
        elif text == "kernel:pci=pcie_bus_peer2peer":
            for f in m.functions:
                f.mps = 0
        elif text == "kernel:pci=noats":
            for f in m.functions:
                f.ats = f.ats and False
        elif "." in what:
            address, name = what.rsplit(".", 1)
            set_function(m.find(address), name, value)
        else:
            setattr(facts, what, value == "yes")
    return m, facts


def grades(m, facts, pairs, texts):
    """Of each pair: not reached, to write only, reached"""
    m, facts = change(m, facts, texts)
    return [{NO: 0, WRITES: 1}.get(judge(m.find(p), m.find(c), facts)[0], 2)
            for p, c in pairs]


def is_reached(m, facts, pairs, texts):
    return all(grades(m, facts, pairs, texts))


def brute_force(m, facts, pairs):
    """Any one or two functions without redirection or 10-bit tags, host bridges
    allowed or not, ATS or not."""
    clear = []
    for f in m.functions:
        bits = f.acs[1] & (RR | CR | EC | 0x1f80) if f.acs else 0
        if bits:
            clear.append(f"{f.address}.acs={f.acs[1] & ~bits:x}")
        if f.tag_requester:
            clear.append(f"{f.address}.10-bit-tags=off")
    clear.append("kernel:pci=noats")
    ids = sorted({(f.vendor, f.device) for root in m.roots
                  for f in root.children if f.cls == 0x0600 or f.type == 4})
    hosts = [[], ["host=" + ";".join(f"{v:04x}:{d:04x}" for v, d in ids)]]
    for host in hosts if ids else hosts[:1]:
        for n in range(3):
            for texts in itertools.combinations(clear, n):
                if is_reached(m, facts, pairs, [*texts, *host]):
                    return [*texts, *host]
    return None


def small_changes(m):
    """What a plan may do to one function, a text each"""
    for f in m.functions:
        if f.tag_requester:
            yield f"{f.address}.10-bit-tags=off"
        cap, word = f.acs or (0, 0)
        for bits in (RR | EC, CR, 0x1f80):
            on = word & bits
            if on & (cap | (0x1f80 if cap & 0x80 else 0)) == on and on:
                yield f"{f.address}.acs-=" + ",".join(
                    name for name, bit in NAMES.items() if on & bit)
        if cap & ~word & UF:
            yield f"{f.address}.acs+=UF"


def find_smaller(m, facts, pairs, texts):
    """Fewer changes that bring as much"""
    want = grades(m, facts, pairs, texts)
    for n in range(1, len(texts)):
        for fewer in itertools.combinations(small_changes(m), n):
            now = grades(m, facts, pairs, fewer)
            if all(a >= b for a, b in zip(now, want)):
                return fewer
    return None


def check_plan(seed, tool, m, facts, pairs):
    provider, clients = pairs[0][0], [c for _, c in pairs]
    plan = tool.ask(facts, "plan", provider, *clients)
    Count.plans += 1
    what = f"plan {provider} {' '.join(clients)}"
    if not plan["possible"]:
        Count.hopeless += 1
        if len(m.functions) < 20:
            found = brute_force(m, facts, pairs)
            if found:
                differ(seed, tool, facts,
                       f"{what}: nothing helps, but {' '.join(found)} does")
        return
    Count.helped += 1
    kinds = {c["kind"] for c in plan["changes"]}
    for kind in kinds:
        Count.kinds[kind] = Count.kinds.get(kind, 0) + 1
    texts = [c["set"] for c in plan["changes"]]
    if not is_reached(m, facts, pairs, texts):
        differ(seed, tool, facts, f"{what}: {texts} isn't enough")
    best = grades(m, facts, pairs, texts)
    for i in range(len(texts)):
        if grades(m, facts, pairs, texts[:i] + texts[i + 1:]) == best:
            differ(seed, tool, facts, f"{what}: {texts}, {texts[i]} needn't be")
    if len(m.functions) < 20 and len(texts) < 4 and \
       not kinds & {"host", "payload", "ats"}:
        fewer = find_smaller(m, facts, pairs, texts)
        if fewer:
            differ(seed, tool, facts, f"{what}: {texts}, but {fewer} is enough")
    options = [o for text in texts for o in ("-s", text)]
    for p, c in pairs:
        if tool.ask(facts, *options, "explain", p, c)["type"] == NO:
            differ(seed, tool, facts, f"{what}: -s {texts} isn't enough for "
                   f"{p} {c}")


def check_plans(rng, seed, tool, m, facts):
    devices = [f for f in m.functions if not f.bridge and f.cls != 0x0600]
    refused = [(p.address, c.address)
               for p, c in itertools.permutations(devices, 2)
               if judge(p, c, facts)[0] == NO]
    for pair in rng.sample(refused, min(2, len(refused))):
        check_plan(seed, tool, m, facts, [pair])
    # What is seldom: memory of a bridge, virtual functions, 10-bit tags
    seldom = [(p.address, c.address)
              for p, c in itertools.product(m.functions, devices)
              if (p.bridge or c.physfn or c.tag_requester) and
              judge(p, c, facts)[0] == NO]
    for pair in rng.sample(seldom, min(1, len(seldom))):
        check_plan(seed, tool, m, facts, [pair])
    if len(devices) > 2 and refused:
        provider, *clients = rng.sample([f.address for f in devices], 3)
        check_plan(seed, tool, m, facts, [(provider, c) for c in clients])


def main():
    tool = Tool(sys.argv[1], sys.argv[2])
    number = int(os.environ.get("ORACLE", "40"))
    first = int(sys.argv[3]) if len(sys.argv) > 3 else \
        random.SystemRandom().randrange(10 ** 6) * 1000
    print(f"  {number} machines from seed {first} on")
    for seed in range(first, first + number):
        rng = random.Random(seed)
        m, conventional = random_machine(rng)
        m.write(tool.file)
        for _ in range(3):
            facts = random_facts(rng, m, conventional)
            compare(seed, tool, m, facts)
            check_plans(rng, seed, tool, m, facts)
    print(f"  {Count.pairs} pairs compared:",
          ", ".join(f"{n} {name}" for name, n in sorted(Count.types.items())))
    print(f"  {Count.plans} plans: {Count.helped} help, "
          f"{Count.hopeless} say that nothing does;",
          ", ".join(f"{name} {n}" for name, n in sorted(Count.kinds.items())))
    print(f"  {Count.differ} differ")
    if Count.differ or not Count.helped or len(Count.types) < 4:
        sys.exit(1)


if __name__ == "__main__":
    main()
