#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What "vmbkmcl doctor" says of machines with something wrong, each a recorded one with
one thing changed. What modinfo and mokutil say is recorded, too.

usage: test.py [CASE...]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vmbstat"))
sys.dont_write_bytecode = True
from recorded import unpack  # noqa: E402 (found by the path above)

RELEASE = "6.12.9-amd64"
UPDATES = f"lib/modules/{RELEASE}/updates"
DEVICE = "7b2e94d1-3c0f-4e86-8a51-0c9d62f31728"
HEARTBEAT = "fd149e91-82e0-4a7d-afa6-2a4166cbd7c0"
# The type of the recorded channel, as an alias has it: in the order of the bytes.
ALIAS = "vmbus:7e1b9c6f1d5a554c9a0e3d1c5e0b7a42"
SIGNER = "DKMS module signing key"

# By name: where it lies; by path: what is beside it.
MODINFO = r"""#!/bin/sh
while [ $# -gt 1 ]; do
	case $1 in
	-b | -k) shift ;;
	-F) field=$2; shift ;;
	esac
	shift
done
case $1 in
/*) file=$1 ;;
*) file=$(cat "$RECORDED/modprobe/$1" 2>/dev/null) || exit 1 ;;
esac
[ -e "$file" ] || exit 1
if [ "$field" = filename ]; then
	echo "$file"
else
	sed -n "s/^$field: //p" "$file"
fi
"""
MOKUTIL = '#!/bin/sh\ncat "$RECORDED/mokutil"\n'
OPENSSL = "#!/bin/sh\necho serial=0A1B\n"


class Doctor(unittest.TestCase):
    """A machine on which all is well, and a run of the doctor on it."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="doctor-test."))
        self.addCleanup(shutil.rmtree, self.root)
        unpack(HERE.parent / "vmbstat/recorded", self.root)
        for name, text in (("modinfo", MODINFO), ("mokutil", MOKUTIL), ("openssl", OPENSSL)):
            self.write(f"shims/{name}", text).chmod(0o755)
        self.write("mokutil", "mok.pub is already enrolled\n")
        self.write("usr/src/vmbkmcl-0.1.0/dkms.conf",
                   'BUILD_EXCLUSIVE_KERNEL="^(6[.][1-9][0-9]*|7[.][0-9]+)[.-]"\n')
        self.write("dmesg", "[    0.1] Hyper-V: Host Build 10.0.20348.1-0-0\n"
                   "[    0.2] hv_vmbus: Vmbus version:5.3\n"
                   "[    0.3] audit: user=root password=hunter2\n"
                   "[    9.0] vmbkmcl: framing of a channel is lost\n")
        for name in ("vmbkmcl", "vmbkmcl_hv", "vmb_echo"):
            self.install(name)
            self.write(f"sys/module/{name}/version", "0.1.0+3-gabc\n")
        self.write(f"lib/modules/{RELEASE}/modules.dep",
                   "updates/vmb_echo.ko: updates/vmbkmcl.ko\nupdates/vmbkmcl.ko:\n")
        (self.root / "sys/module/vmbkmcl/holders/vmb_echo").mkdir(parents=True)
        self.device = self.root / "sys/bus/vmbus/devices" / DEVICE
        self.write(f"sys/bus/vmbus/devices/{DEVICE}/class_id",
                   "{6f9c1b7e-5a1d-4c55-9a0e-3d1c5e0b7a42}\n")
        self.write(f"sys/bus/vmbus/devices/{DEVICE}/modalias", ALIAS + "\n")
        self.bind(self.device, "vmb_echo")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install(self, name, folder=UPDATES, release=RELEASE, signer=SIGNER):
        """A copy, which is what modprobe takes from now on."""
        path = self.write(f"{folder}/{name}.ko",
                          f"version: 0.1.0+3-gabc\nvermagic: {release} SMP mod_unload\n"
                          f"sig_key: 0A:1B\nsigner: {signer}\n" +
                          (f"alias: {ALIAS}\n" if name == "vmb_echo" else ""))
        self.write(f"modprobe/{name}", str(path))
        return path

    def bind(self, device, driver):
        """The device has this driver, of a module of that name."""
        folder = self.root / "sys/bus/vmbus/drivers" / driver
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "module").is_symlink():
            (folder / "module").symlink_to(self.root / "sys/module" / driver)
        link = device / "driver"
        if link.is_symlink():
            (self.root / "sys/bus/vmbus/drivers" / os.readlink(link) / device.name).unlink()
            link.unlink()
        link.symlink_to(folder)
        (folder / device.name).symlink_to(device)

    def enforce(self):
        self.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
        self.write("sys/firmware/efi/efivars/SecureBoot-8be4", "").write_bytes(b"\6\0\0\0\1")
        self.write("var/lib/dkms/mok.pub", "")

    def doctor(self, *arguments, verb="doctor", release=RELEASE):
        done = subprocess.run(
            [HERE.parent / "vmbkmcl", verb, f"--root={self.root}", release, *arguments],
            capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"PATH": f"{self.root}/shims:{os.environ['PATH']}",
                              "RECORDED": str(self.root)})
        self.assertEqual(done.stderr, "")
        self.problems = re.findall(r"PROBLEM +(.*)\n +try: (.*)", done.stdout)
        self.assertEqual(done.returncode, 1 if self.problems else 0, done.stdout)
        return done.stdout

    def expect(self, problem, remedy, **arguments):
        """This is what is wrong, and nothing else."""
        text = self.doctor(**arguments)
        self.assertEqual(len(self.problems), 1, text)
        self.assertRegex(self.problems[0][0], problem)
        self.assertRegex(self.problems[0][1], remedy)
        return text

    def test_nothing_is_wrong(self):
        text = self.doctor()
        self.assertEqual(self.problems, [], text)
        self.assertIn("0 problems found", text)
        # Of a copy, where there is no link to it.
        self.assertIn("it has VMBus: 1 devices", text)

    def test_report(self):
        """Versions, devices, states and counters of every channel, the log."""
        text = self.doctor()
        for line in ("Hyper-V: Host Build 10.0.20348.1-0-0", "Vmbus version:5.3",
                     f"Kernel {RELEASE}", "vmb_echo     0.1.0+3-gabc",
                     f"{DEVICE}  type 6f9c1b7e-5a1d-4c55-9a0e-3d1c5e0b7a42  driver vmb_echo",
                     "framing of a channel is lost"):
            self.assertIn(line, text)
        channels = {}
        for name, lines in re.findall(r"^    (vmbkmcl\S*)\n((?:      .*\n)*)", text, re.M):
            channels.setdefault(name, []).append(lines)
        self.assertEqual({name: len(of) for name, of in channels.items()},
                         {"vmbkmcl": 2, "vmbkmcl.1": 1})
        self.assertIn("      received: 60\n", channels["vmbkmcl.1"][0])
        self.assertIn("      state: enabled\n", channels["vmbkmcl.1"][0])
        # The server on loopback, which is no device of a bus.
        self.assertIn("      leaked: 3\n", channels["vmbkmcl"][1])
        self.assertIn("      refusals/type_unknown: 5\n", channels["vmbkmcl"][0])

    def test_nothing_secret(self):
        text = self.doctor()
        self.assertNotIn("hunter2", text)
        # A channel's name may be a person's choice, and lines of the log have it, too.
        with open(self.root / "dmesg", "a", encoding="ascii") as log:
            log.write(f"[ 9.1] vmb_echo {DEVICE}: vmbkmcl.1 (disk \"a\" (b)): cannot open: -12\n")
        text = self.doctor()
        self.assertNotIn("disk", text)
        self.assertIn(f"{DEVICE}: vmbkmcl.1 (...): cannot open: -12", text)

    def test_kernel_out_of_range(self):
        self.doctor(release="5.10.0-30-amd64")
        self.assertIn(("vmbkmcl does not support Linux 5.10.0-30-amd64",
                       "a kernel from 6.1 to 7.x"), self.problems)

    def test_installed_for_another_kernel(self):
        shutil.rmtree(self.root / "modprobe")
        (self.root / "lib/modules" / RELEASE).rename(self.root / "lib/modules/6.12.8-amd64")
        text = self.expect("no module of vmbkmcl is installed", "make install KVER")
        self.assertIn("there are modules for 6.12.8-amd64", text)

    def test_depmod_was_not_run(self):
        shutil.rmtree(self.root / "modprobe")
        self.expect(rf"modprobe does not find .*/{UPDATES}/vmbkmcl\.ko", f"depmod {RELEASE}")

    def test_built_for_another_kernel(self):
        self.install("vmbkmcl_hv", release="6.12.8-amd64")
        self.expect("built for Linux 6.12.8-amd64, and 6.12.9-amd64 refuses it",
                    "make install KVER=6.12.9-amd64")

    def test_which_copy_wins(self):
        self.install("vmbkmcl", folder=f"{UPDATES}/dkms", signer="somebody")
        text = self.doctor()
        self.assertRegex(text, r"vmbkmcl +0\.1\.0\S* +signed by somebody")
        self.assertRegex(text, rf"/{UPDATES}/vmbkmcl\.ko \(signed by {SIGNER}\): never loaded")

    def test_another_copy_wins(self):
        self.install("vmbkmcl", folder=f"{UPDATES}/dkms")
        self.doctor(str(self.root / UPDATES), verb="modules")
        self.assertRegex(self.problems[0][0], r"modprobe takes .*/dkms/vmbkmcl\.ko, not what")

    def test_forbidden(self):
        self.write("etc/modprobe.d/site.conf", "# blacklist vmbkmcl\nblacklist vmbkmcl-hv\n")
        self.expect('modprobe.d says "blacklist vmbkmcl_hv"', "grep -r vmbkmcl_hv")

    def test_isolated(self):
        with open(self.root / "dmesg", "a", encoding="ascii") as log:
            log.write("[ 0.1] Hyper-V: Isolation Config: Group A 0x1, Group B 0xba2\n")
        self.expect(r"isolated VM \(type 2\)", "allow_isolated=1")
        self.write("sys/module/vmbkmcl_hv/parameters/allow_isolated", "Y\n")
        self.doctor()
        self.assertEqual(self.problems, [])

    def test_secure_boot(self):
        self.enforce()
        text = self.doctor()
        self.assertEqual(self.problems, [], text)
        self.assertIn("Secure Boot: on; lockdown: integrity", text)
        self.assertIn("mok.pub, which is enrolled", text)
        self.write("mokutil", "mok.pub is not enrolled\n")
        self.expect("mok.pub, which is not enrolled", "mokutil --import .*mok.pub")

    def test_unsigned(self):
        self.enforce()
        path = self.install("vmbkmcl")
        path.write_text(re.sub("sig.*\n", "", path.read_text()))
        self.expect("refuses unsigned modules", "make sign before make install")

    def test_not_loaded(self):
        shutil.rmtree(self.root / "sys/module/vmbkmcl_hv")
        self.expect("the transport is not loaded", "modprobe vmbkmcl_hv")

    def test_another_driver_has_it(self):
        self.bind(self.device, "hv_util")
        text = self.doctor()
        self.assertIn("vmb_echo is for it, but hv_util has it already", text)
        remedy = dict(self.problems)["vmb_echo is for it, but hv_util has it already"]
        for step in (f"echo vmb_echo > /sys/bus/vmbus/devices/{DEVICE}/driver_override",
                     f"echo {DEVICE} > /sys/bus/vmbus/drivers/hv_util/unbind",
                     f"echo {DEVICE} > /sys/bus/vmbus/drivers/vmb_echo/bind"):
            self.assertIn(step, remedy)

    def test_not_bound(self):
        (self.device / "driver").unlink()
        (self.root / "sys/bus/vmbus/drivers/vmb_echo" / DEVICE).unlink()
        self.doctor()
        self.assertIn("vmb_echo is for it, is loaded, and is not bound to it",
                      dict(self.problems))

    def test_client_is_not_loaded(self):
        shutil.rmtree(self.root / "sys/module/vmb_echo")
        self.bind(self.device, "hv_util")
        self.doctor()
        self.assertIn(("vmb_echo is for it, and not loaded", "modprobe vmb_echo"), self.problems)

    def test_device_of_nobody(self):
        """The kernel's own drivers' devices are no problem."""
        other = self.write(f"sys/bus/vmbus/devices/{HEARTBEAT}/modalias", "vmbus:39\n").parent
        self.write("sys/module/hv_utils/version", "")
        self.bind(other, "hv_utils")
        self.doctor()
        self.assertEqual(self.problems, [])

    def test_override_is_not_honoured(self):
        self.write(f"sys/bus/vmbus/devices/{DEVICE}/driver_override", "vmb_source\n")
        self.expect("driver_override wants vmb_source, but vmb_echo is bound",
                    "drivers/vmb_source/bind")

    def test_loaded_is_not_installed(self):
        path = self.install("vmbkmcl")
        path.write_text(path.read_text() + "srcversion: NEW\n")
        self.write("sys/module/vmbkmcl/srcversion", "OLD\n")
        self.expect("vmbkmcl is loaded, but not as it is installed", "rmmod vmb_echo vmbkmcl_hv")

    def test_wrong_arguments(self):
        for arguments in (["doctor", "--bogus"], ["doctor", "--root=/nowhere"], ["bogus"]):
            done = subprocess.run([HERE.parent / "vmbkmcl", *arguments], capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, "(?s)error: .*try: ")


if __name__ == "__main__":
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit(0)
    if sys.argv[1:2] and sys.argv[1].startswith("-"):
        sys.exit(f"{sys.argv[0]}: error: unknown option {sys.argv[1]}, try --help")
    unittest.main()
