#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# package-disk.sh PACKAGES: install Debian on /run/lab/disk, as a machine that boots by EDK2 and GRUB and does at each
# boot what the disk "lab-share" holds for it. From the kit (tools/nestlab/setup/kit.py) at /mnt/share; runs itself once more
# in its tree, where Debian's own installer is.
set -e

if [ "$1" != inside ]; then
	for driver in /mnt/share/drivers/*.ko; do insmod "$driver"; done
	top=/mnt/share/tree
	mount --bind $top $top
	for folder in tmp run mnt var/tmp var/cache/apt; do mount -t tmpfs tmpfs $top/$folder; done
	for folder in dev proc sys; do mount --rbind /$folder $top/$folder; done
	mount --bind /mnt/share/archive $top/archive
	mount --bind /run/lab/scripts $top/scripts
	exec chroot $top /scripts/package-disk.sh inside "$(readlink -f /run/lab/disk)" "$@"
fi
disk=$2 packages=$3
export LC_ALL=C HOME=/root TMPDIR=/tmp PATH=/usr/sbin:/usr/bin

printf 'label: gpt\nsize=64MiB, type=uefi\ntype=linux\n' | sfdisk -q "$disk"
tries=0
until [ -b "${disk}2" ] || [ $tries = 50 ]; do sleep 0.1 && tries=$((tries + 1)); done
mkfs.vfat "${disk}1" >/dev/null
mke2fs -q -t ext4 "${disk}2"
mount -t ext4 -o noatime "${disk}2" /target
rmdir /target/lost+found

# Run by mmdebstrap once there is a shell to run. A small initrd: an emulated machine has few drivers, and packs it slowly.
cat >/tmp/settings <<'SETTINGS'
set -e
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d" "$1/etc/default/grub.d"
printf 'MODULES=list\nCOMPRESS=gzip\n' >"$1/etc/initramfs-tools/conf.d/lab"
printf 'virtio_pci\nvirtio_blk\ncrc32c\next4\n' >"$1/usr/share/initramfs-tools/modules.d/lab"
printf 'GRUB_TIMEOUT=0\nGRUB_DEFAULT=saved\n' >"$1/etc/default/grub.d/00-lab.cfg"
echo 'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyAMA0 loglevel=5 systemd.show_status=false"' >>"$1/etc/default/grub.d/00-lab.cfg"
SETTINGS

# No suite, as the archive has one of everything.
mmdebstrap --mode=root --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr --include="$packages" \
	--aptopt='APT::Sandbox::User "root"' --aptopt='APT::Install-Recommends "false"' --essential-hook='sh /tmp/settings "$1"' \
	'' /target 'deb [trusted=yes] copy:///archive ./'

# update-grub names the root by its UUID only where udev has made this link.
uuid=$(blkid -s UUID -o value "${disk}2")
mkdir -p /dev/disk/by-uuid
ln -sf "${disk}2" "/dev/disk/by-uuid/$uuid"
mkdir -p /target/boot/efi /target/srv/archive /target/srv/share
mount -t vfat "${disk}1" /target/boot/efi
for folder in dev proc sys; do mount --rbind /$folder /target/$folder; done

echo nest >/target/etc/hostname
# With an identity it is no first boot, at which systemd would ask for a password and the like.
rm -f /target/etc/machine-id
chroot /target systemd-machine-id-setup
echo 'deb [trusted=yes] file:/srv/archive ./' >/target/etc/apt/sources.list
cat >/target/etc/fstab <<FSTAB
UUID=$uuid / ext4 noatime 0 1
UUID=$(blkid -s UUID -o value "${disk}1") /boot/efi vfat umask=0077 0 0
/dev/disk/by-id/virtio-lab-archive /srv/archive ext4 ro,noload 0 0
/dev/disk/by-id/virtio-lab-share /srv/share ext4 ro,noload 0 0
FSTAB
cat >/target/etc/systemd/system/lab.service <<UNIT
[Unit]
Description=What the lab wants of this machine
RequiresMountsFor=/srv/archive /srv/share
After=multi-user.target

[Service]
ExecStart=/srv/share/run
ExecStopPost=/usr/bin/systemctl --no-block poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0

[Install]
WantedBy=multi-user.target
UNIT
chroot /target systemctl enable lab.service
chroot /target systemctl mask serial-getty@ttyAMA0.service
chroot /target grub-install --target=arm64-efi --efi-directory=/boot/efi --removable --no-nvram
chroot /target update-grub
umount /target/boot/efi
for folder in dev proc sys; do umount -l /target/$folder; done
umount /target
sync
echo "PASS disk"
