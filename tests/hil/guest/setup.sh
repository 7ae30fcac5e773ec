#!/bin/sh
# Mounts the checkout and what host and guest share. With bench.live the package of the checkout
# lies over the installed one, so that a change of code needs no new installation; but for the
# kernels, which are the same and were compiled where they are.
set -e
option() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
mount -t hostfs -o "$(option bench.checkout)" none /mnt/checkout
mount -t hostfs -o "$(option bench.share)" none /mnt/share
if grep -qw bench.live /proc/cmdline && [ -e /opt/gaitpi/current ]; then
    package=$(echo /opt/gaitpi/current/lib/python3*/site-packages/gaitpi)
    mount --bind "$package/gait" /mnt/gait
    mount --bind /mnt/checkout/gaitpi "$package"
    mount --bind /mnt/gait "$package/gait"
fi
