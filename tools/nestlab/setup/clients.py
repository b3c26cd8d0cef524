# SPDX-License-Identifier: GPL-2.0-only
"""The disk of the clients, for L0 to chroot into (client.sh): QEMU 10.0, libvirt, libguestfs, and what watches a hypervisor (perf,
trace-cmd, bpftrace), as Debian 13 has them."""

import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path

from nestlab import proc
from nestlab.setup import built, chroot_disk, debian, images, kernels

PACKAGES = ["qemu-system-arm", "qemu-utils", "ipxe-qemu", "libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients",
            "libguestfs-tools", "gawk", "linux-perf", "trace-cmd", "bpftrace", "python3", "python3-rich", "?essential"]
FOLDERS = ["dev", "proc", "sys", "run", "tmp", "guest", "scripts", "mnt/share", "var/tmp", "var/log/libvirt/qemu", "var/lib/libvirt"]
KVM_STAT = Path("tools/kvm/kvm_stat/kvm_stat")     # in the kernel's source; no package has it
# No daemon of L0's drops rights or has cgroups of its own, and nothing there has another user.
LIBVIRT = {
    "qemu.conf": 'user = "root"\ngroup = "root"\nremember_owner = 0\nsecurity_driver = "none"\nnamespaces = []\n'
                 'cgroup_controllers = []\n',
    "libvirtd.conf": 'auth_unix_rw = "none"\n',
}
# libvirt looks for this user even where it is told of another.
ACCOUNTS = {"passwd": "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n",
            "group": "kvm:x:106:\nlibvirt-qemu:x:64055:\n"}
SPARE = 2 << 30         # libguestfs makes its appliance there


def image() -> Path:
    """The disk, made at first use."""
    kernel = kernels.get("6.12", "cloud-arm64")
    recipe = [kernel.version, *PACKAGES, *FOLDERS, str(LIBVIRT), str(ACCOUNTS), *(inspect.getsource(module) for module in (debian, images)),
              inspect.getsource(furnish), inspect.getsource(database)]

    def fill(top: Path, work: Path) -> None:
        archives = work / "archives"
        debian.unpack(top, PACKAGES, archives=archives)
        database(sorted(archives.glob("*.deb")), top / "var" / "lib" / "dpkg")
        furnish(top, kernel)
        shutil.copy(built.source() / KVM_STAT, top / "usr" / "bin")

    return chroot_disk.made("clients", "the clients (QEMU 10.0, libvirt, libguestfs)", recipe, fill, SPARE)


def database(debs: list[Path], dpkg: Path) -> None:
    """What dpkg would know of the packages: libguestfs asks for their names, versions, needs and files."""
    status = []
    for deb in debs:
        control = proc.run(["dpkg-deb", "-f", str(deb)], f"reading {deb.name}").rstrip("\n")
        name = next(line.split()[1] for line in control.splitlines() if line.startswith("Package:"))
        same = "\nMulti-Arch: same" in control
        status.append(control.replace("\n", "\nStatus: install ok installed\n", 1) + "\n")
        (dpkg / "info" / f"{name}{':arm64' if same else ''}.list").write_text("".join(f"{file}\n" for file in files(deb)))
    (dpkg / "status").write_text("\n".join(status))
    (dpkg / "info" / "format").write_text("1\n")


def files(deb: Path) -> Iterator[str]:
    """Names of all that a package brings, as dpkg lists them."""
    listing = proc.run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar -tf -', "sh", str(deb)], f"listing {deb.name}")
    for name in listing.splitlines():
        yield name.removeprefix(".").rstrip("/") or "/."


def furnish(top: Path, kernel: kernels.Kernel) -> None:
    """What the packages' scripts would have done, as far as their programs need it, and a kernel's modules."""
    chroot_disk.add_folders(top, FOLDERS)
    for name, more in ACCOUNTS.items():
        (top / "etc" / name).write_text((top / "usr/share/base-passwd" / f"{name}.master").read_text() + more)
    for name, text in LIBVIRT.items():
        (top / "etc" / "libvirt" / name).write_text(text)
    (top / "usr" / "bin" / "awk").symlink_to("gawk")
    chroot_disk.add_modules(top, kernel)
